// Package load makes traffic of six protocols and measures it: closed-loop
// transactions over kept connections, new sessions, large objects, sessions at
// rest; and, on Linux, what a process under that load costs in CPU time and
// memory.
//
// A Script is what one simulated client says and what it must hear: every reply
// is checked for what it means, and every object for its length and checksum. It
// works on sockets with prebuilt requests and reads of a reply only what says
// where it ends, so that the generator takes as little as possible of the
// processors it shares with what it measures. It follows no redirects, decodes
// nothing and pipelines nothing; it sends to loopback addresses only; every run
// is limited in time and in connections.
package load
