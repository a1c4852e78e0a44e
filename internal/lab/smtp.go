package lab

import (
	"io"
	"log"
	"net"
	"sync/atomic"

	"github.com/emersion/go-smtp"
)

// maxRecipients is what RFC 5321 section 4.5.3.1.8 asks for at least, times ten.
const maxRecipients = 1000

// maxMailLine bounds what one line can make the server hold, in bytes. It is far
// above the 1,000 of RFC 5321 section 4.5.3.1.6: mails with longer lines exist,
// and what to do about them is not the origin's question.
const maxMailLine = 16 << 20

// SMTP is the lab's mail server for lab.test, over go-smtp. It takes mail from
// everybody for every address at lab.test and for no other domain, and stores
// it without adding a trace field: what lies in the mailbox is what came over
// the wire.
//
// Commands of Traffic counts HELO and EHLO, MAIL, RCPT, AUTH and the beginnings
// of contents (DATA, or the first BDAT); the library answers the rest unseen.
type SMTP struct {
	// MaxSessions is the number of connections at once; 0 means 32,768. A
	// connection more is told 421. Set it before Listen.
	MaxSessions int

	gate   gate
	server *smtp.Server
	boxes  *Mailboxes

	mails, mailBytes    atomic.Int64
	broken, brokenBytes atomic.Int64
	rejected, sunk      atomic.Int64
}

// SMTPCounts is what the server has seen since it was created.
type SMTPCounts struct {
	Traffic
	Mails       int64 // complete contents answered 250
	MailBytes   int64 // of these, dots and line ends as they are in the mailbox
	Broken      int64 // contents that never came to their end
	BrokenBytes int64
	Rejected    int64 // recipients refused because they are of another domain
	Sunk        int64 // mails for Sink, also counted in Mails
}

// NewSMTP returns a server that delivers into boxes and listens nowhere yet.
func NewSMTP(boxes *Mailboxes) *SMTP {
	o := &SMTP{boxes: boxes}
	o.gate.refusal = "421 4.3.2 " + MailDomain + " too many connections\r\n"
	o.server = smtp.NewServer(smtp.BackendFunc(o.newSession))
	o.server.Domain = MailDomain
	o.server.MaxMessageBytes = MaxMailSize
	o.server.MaxRecipients = maxRecipients
	o.server.AllowInsecureAuth = true // the lab has no TLS, and its passwords no secret
	o.server.EnableSMTPUTF8 = true
	o.server.EnableBINARYMIME = true
	o.server.EnableDSN = true
	// The library applies this inside of DATA too, where a line too long ends the
	// mail. Its time-out is absolute; the gate keeps time instead.
	o.server.MaxLineLength = maxMailLine
	o.server.ErrorLog = log.New(io.Discard, "", 0)
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses.
func (o *SMTP) Listen(address string) (string, error) {
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		_ = o.server.Serve(listener) // ends when the listener is closed
	})
}

// Counts returns what the server has seen so far.
func (o *SMTP) Counts() SMTPCounts {
	return SMTPCounts{
		Traffic:     o.gate.traffic(),
		Mails:       o.mails.Load(),
		MailBytes:   o.mailBytes.Load(),
		Broken:      o.broken.Load(),
		BrokenBytes: o.brokenBytes.Load(),
		Rejected:    o.rejected.Load(),
		Sunk:        o.sunk.Load(),
	}
}

// Close ends all sessions, waits for them and stores nothing of what was under
// way.
func (o *SMTP) Close() error {
	o.gate.close()
	return nil
}
