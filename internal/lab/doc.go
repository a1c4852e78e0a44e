// Package lab holds the honest opponents of the proxy: origin servers, a DNS
// server authoritative for lab.test and a plain relay, all started and ended
// inside one process, on loopback unless told otherwise.
//
// The origins speak their protocols as ordinary servers do and know nothing of
// the proxy in front of them: this package imports nothing of the project, so
// that a mistake in the project's own parsers can't hide in both ends at once.
// Where an origin misbehaves (a reset in mid-body, a forged DNS answer) it does
// so at an address that says so.
//
// The origins: HTTP; SMTP, POP3 and IMAP over shared Mailboxes; FTP; NNTP; DNS.
// Each has Counts, the evidence of what did and did not arrive. They know no
// TLS; what a proxy does about offers of it is tested with real servers.
//
// Concurrency: origins may be used by many connections at once. Each owns the
// goroutines it starts; Close ends and waits for them.
package lab
