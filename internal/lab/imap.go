package lab

import (
	"io"
	"log"
	"net"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// IMAP is the lab's IMAP4rev1 server over Mailboxes, on go-imap. Mails are
// served byte for byte as they are stored; what SMTP or another session changes
// is told to every client that has the folder selected, at once when it idles.
//
// Commands of Traffic counts the commands that reach the mailboxes; NOOP,
// CAPABILITY, LOGOUT and the like are answered by the library.
type IMAP struct {
	// MaxSessions is the number of connections at once; 0 means 32,768. A
	// connection more is told BYE. Set it before Listen.
	MaxSessions int

	gate   gate
	server *imapserver.Server
	boxes  *Mailboxes

	logins, appended, appendedBytes atomic.Int64
	broken, brokenBytes             atomic.Int64
	fetched, fetchedBytes           atomic.Int64
}

// IMAPCounts is what the server has seen since it was created.
type IMAPCounts struct {
	Traffic
	Logins        int64
	Appended      int64 // mails stored by APPEND
	AppendedBytes int64
	Broken        int64 // literals of APPEND that never came to their end
	BrokenBytes   int64
	Fetched       int64 // body sections given by FETCH
	FetchedBytes  int64
}

// NewIMAP returns a server for boxes that listens nowhere yet.
func NewIMAP(boxes *Mailboxes) *IMAP {
	o := &IMAP{boxes: boxes}
	o.gate.refusal = "* BYE [UNAVAILABLE] too many connections\r\n"
	o.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &imapSession{origin: o}, nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapLiteralPlus: {}, imap.CapUIDPlus: {}, imap.CapNamespace: {}, imap.CapMove: {},
			imap.CapESearch: {}, imap.CapListExtended: {}, imap.CapListStatus: {}, imap.CapStatusSize: {}, imap.CapBinary: {},
		},
		Logger:       log.New(io.Discard, "", 0),
		InsecureAuth: true, // the lab has no TLS, and its passwords no secret
	})
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses.
func (o *IMAP) Listen(address string) (string, error) {
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		_ = o.server.Serve(listener) // ends when the listener is closed
	})
}

// Counts returns what the server has seen so far.
func (o *IMAP) Counts() IMAPCounts {
	return IMAPCounts{
		Traffic:       o.gate.traffic(),
		Logins:        o.logins.Load(),
		Appended:      o.appended.Load(),
		AppendedBytes: o.appendedBytes.Load(),
		Broken:        o.broken.Load(),
		BrokenBytes:   o.brokenBytes.Load(),
		Fetched:       o.fetched.Load(),
		FetchedBytes:  o.fetchedBytes.Load(),
	}
}

// Close ends all sessions and waits for them.
func (o *IMAP) Close() error {
	o.gate.close()
	return nil
}
