// Package console is the appliance's command line: one grammar, declared as a
// tree of nodes (tree.go), that any carrier can serve. A carrier is a stream of
// lines (Exec, the control socket's exec mode) or a terminal (Session); the
// control socket, its client and the terminal of the lab are here.
//
// The tree gives execution, abbreviations, ? help, Tab and error texts. What
// stands between config and end belongs to the configuration language, so those
// lines go to a config.Editor. Everything that is shown is read from the engine
// or the store when the command runs.
//
// The package decides nothing about sessions and knows no socket of theirs. A
// command takes the image it prints first and writes it afterwards: no lock of
// the engine is held while a terminal is written to, and a console never waits
// for another one.
//
// A line travels like this:
//
//	keys -> line editor (terminal) -> words -> node.walk -> call.run -> grep -> pager -> carrier
package console
