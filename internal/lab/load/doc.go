// Package load makes HTTP traffic and measures it: closed-loop transactions over
// kept connections, new sessions, large objects, sessions at rest; and, on
// Linux, what a process under that load costs in CPU time and memory.
//
// It works on sockets with a prebuilt request and reads of a response only what
// says where it ends, so that the generator takes as little as possible of the
// processors it shares with what it measures. It follows no redirects, decodes
// nothing and compares no contents; it sends to loopback addresses only; every
// run is limited in time and in connections.
package load
