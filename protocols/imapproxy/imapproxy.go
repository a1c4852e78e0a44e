// Package imapproxy is the driver of IMAP (RFC 3501, RFC 9051). Commands go up and
// responses come down as they came, each when it comes: the server may speak at any
// time, also while the session rests or idles. Every body that a response carries
// is judged before the client has any of it, whatever command it answers, and every
// message of an APPEND before the server hears of the command.
//
// What is infected in a body gives way to a notice; an infected upload is refused
// and the server never learns of it. Whatever two readers could take for two
// different things - a line end that is not CR LF, a literal announced inside a
// string, an answer to no command - ends the session.
//
// It deliberately does not know how a mail is taken apart, which contents are bad,
// how large a held body may be, which folder is selected and what a search means.
// It keeps no mail, and sizes that a server tells elsewhere are the server's own.
package imapproxy

import (
	"context"
	"math"
	"sync"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the IMAP driver. The zero value is ready; one value serves all
// sessions, and is not copied after first use.
type Driver struct {
	readers sync.Pool // of *reader
}

var _ proxy.Driver = (*Driver)(nil)

// Open implements proxy.Driver: the server speaks first.
func (d *Driver) Open(ctx context.Context, s *proxy.Session) error {
	x := &dialogue{driver: d, s: s}
	x.line = wire.LiteralLine{Conn: s.Client(), Line: x.options().LineLimit, Literal: math.MaxInt64, Literals: maxLiterals}
	s.State = x
	if err := s.Connect(ctx); err != nil {
		if ctx.Err() == nil {
			x.tell(byeUnreachable)
		}
		return err
	}
	s.Transaction(x.busy())
	return nil
}

// Exchange implements proxy.Driver: the commands that have arrived go up, or the
// responses that have arrived come down. A command is passed on to its end, however
// many literals it has, and so is a response.
func (d *Driver) Exchange(ctx context.Context, s *proxy.Session, side wire.Side) error {
	x := s.State.(*dialogue)
	var err error
	if side == wire.Server {
		err = x.serverSpeaks(ctx)
	} else {
		err = x.clientSpeaks(ctx)
	}
	s.Transaction(x.busy())
	return err
}

// Farewell implements proxy.Driver.
func (d *Driver) Farewell(error) []byte { return []byte(byeFarewell) }

// options are the IMAP options of the session.
func (x *dialogue) options() *config.IMAPOptions { return &x.s.Options().IMAP }

// strips tells that the session has to stay readable.
func (x *dialogue) strips() bool { return x.options().TLS == config.TLSStrip }
