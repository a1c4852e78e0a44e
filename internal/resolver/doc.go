// Package resolver asks the configured DNS servers for the addresses and texts of hosts,
// and for whatever else a caller puts as a question.
//
// A Resolver is a stub (RFC 1034 section 5.3.1): the servers do the recursion. It
// keeps answers for their TTL, shares one query among all who ask the same thing
// at once, bounds what it has in the air, and believes an answer only when it comes
// from the server asked, with the id and the question sent (RFC 5452).
//
// It deliberately does not know: the machine's own resolver configuration and
// hosts file, search domains, internationalised names in any form but their ASCII
// one, DNSSEC, and which addresses a session may be connected to. That a name
// leads to a loopback or a private address is for the caller to judge.
//
// Concurrency: everything may be used from many goroutines. A query runs in a
// goroutine of its own, which lasts no longer than somebody waits for it: the last
// caller to give up ends it and waits for its end. At rest there is none.
package resolver
