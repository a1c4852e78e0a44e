// Package config holds the settings of the appliance. Tagged structs (Snapshot and
// what it contains) declare every object and setting once; parsing, set, unset,
// get, show, help, completion and validation are walks over those tags, and the
// configuration file is the same language as the console.
//
// A Store is the live configuration. Console sessions change it through Editors,
// files through Load and Replace; each commit yields a new immutable Snapshot. What
// a file holds beyond the declared objects is kept as text and written back.
//
// The package does not know what the settings do. It never opens a listener, a
// connection or a file, and it does not know who asked or whether he may: vetoes
// and side effects come through Store.OnCommit. It imports the enums of what it
// configures and nothing else of the project.
package config
