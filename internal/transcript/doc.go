// Package transcript plays dialogues that stand in files against a driver: a real
// engine listens, a client of the test talks to it, and an origin of the test
// answers, both by the script and byte by byte. It is for tests.
//
// A transcript is a txtar archive. Its comment says what it shows; its files are
// steps, taken in their order:
//
//	config          configuration on top of the test's, first of all
//	client dials    the listener, as it is configured, that the client connects to
//	                instead of the VIP: before what follows
//	client          the client sends this
//	server gets     the origin has received exactly this since the last step
//	server gets a part  the origin receives the beginning of this, or nothing,
//	                and then the end of the connection
//	server          the origin sends this
//	client gets     the client has received exactly this since the last step
//	client closes   the client ends its direction
//	client resets   the client resets
//	client next     the client opens another connection for what follows
//	server closes   the origin ends its connection
//	server resets   the origin resets
//	server leaves   nobody listens at the origin any more
//	server next     the origin expects another connection for what follows
//	server ends     the proxy has ended its connection to the origin, sending
//	                nothing more
//	client ends     the proxy has ended the client's connection, sending nothing
//	                more; "reset" when it was reset
//	clock           the engine's clock moves on by a Go duration, if need be more
//	                than once, until the following step is done
//	counters        lines of the counters, blanks collapsed, and of the leak ledger
//	session         words of the session's log line: field value
//
// Data connections, which a dialogue arranges beside itself, have steps of their
// own; each is there for the client and for the server:
//
//	client gets a port  the client receives this line, in which {port} or {commas}
//	                stands for the port that the proxy listens on
//	client data     the client sends this over its data connection
//	client gets data    the client has received exactly this over it
//	client gets a part of data  the beginning of this, or nothing, and then a reset
//	client data opens   the data connection is there
//	client data closes  the client ends it; resets: with a reset
//	client data ends    the proxy has ended it, sending nothing more; "reset" when
//	                it was reset
//
// A data connection is opened by the first step that needs it: to the port that the
// proxy has named last, or from the proxy to a port of this side, which {client
// port} and {client commas} in a line open and name.
//
// A second word behind client or server, "slowly", sends byte by byte, each in a
// packet of its own as far as the system lets it.
//
// At the end the client closes, and both sides must have received all that steps
// named and nothing else: what a step does not show, the other side never sees.
// The sessions, held bytes and goroutines must be gone, and the counters agree.
//
// Lines end with CR LF; a backslash at the end of a line leaves that out, and
// \r \n \t \xHH \\ stand for bytes. Words in braces are put together when the test
// runs, from right to left: {eicar}, {worm}; {zip X}, {gzip X}, {base64 X}, {quoted X}, {uu X},
// {yenc X} made of X; {first X} and {second X} the halves of X; {from 3 X} what X has
// from byte 3 on; {len X} the length of X; {X*1000} repeats the text X; {port} is the
// origin's, {origin} its address; {crlf X} has CR LF for each LF of X; {closed} is a
// port on which nobody listens, written as in {client commas}. In base64, quoted, uu and yenc lines have the usual length, and there is
// no line end behind the last. A literal of IMAP is announced by {12}, or by {size}
// and counted as far as {end}; {size+} and {12+} are those that nobody waits for.
//
// The package knows no protocol: steps that only one of them needs are that
// driver's own (Set.Steps).
package transcript
