// Package eventlog writes the log of the appliance: one line of key=value pairs an
// event, in the format of the simulated release, kept in memory, on disk, and sent to
// a syslog server.
//
// What happens is told once, as a structured record of zap. Core makes the line from
// the same record, so that the two can't disagree. The package doesn't know who
// writes records: it knows them by their message (see kinds.go), and leaves alone
// those that the appliance has no line for.
//
// Nothing here makes a writer wait for a disk or for the network: what can't be taken
// at once is dropped and counted.
package eventlog
