// Package protocols names the six application protocols of the proxy. It is an
// enum and nothing else, so that every package of level 0 may import it; the
// contract between the engine and its drivers stands in package proxy.
package protocols

import (
	"fmt"
	"strings"
)

// Protocol is one of the six protocols, in the order in which the appliance
// prints them everywhere.
type Protocol uint8

// The protocols.
const (
	HTTP Protocol = iota
	SMTP
	POP3
	IMAP
	FTP
	NNTP
	Count int = iota // how many there are: the length of a table by protocol
)

// All lists the protocols in print order.
var All = [Count]Protocol{HTTP, SMTP, POP3, IMAP, FTP, NNTP}

var names = [Count]string{"HTTP", "SMTP", "POP3", "IMAP", "FTP", "NNTP"}

// String is the name in capitals, as in "HTTP Stat".
func (p Protocol) String() string {
	if int(p) >= Count {
		return fmt.Sprintf("Protocol(%d)", uint8(p))
	}
	return names[p]
}

// Word is the name in small letters, as in "get test http".
func (p Protocol) Word() string { return strings.ToLower(p.String()) }

// Parse reads a protocol's name in either case.
func Parse(s string) (Protocol, error) {
	for i, n := range names {
		if strings.EqualFold(s, n) {
			return Protocol(i), nil
		}
	}
	return 0, fmt.Errorf("unknown protocol %q: want http, smtp, pop3, imap, ftp or nntp", s)
}
