// Package smtpproxy is the driver of SMTP. It stands between a client and its
// server without ending the dialogue of either: commands go up and replies come
// down as they came, each reply belongs to the oldest command that has none, and
// only where a message begins does the proxy step in. The message is held, or sent
// along while it is read but for its end, until it was judged. What is blocked is
// refused, or delivered with a notice in the place of the bad part. A client hears
// that its mail was accepted when the server has said so and not before.
//
// It deliberately does not know which contents are bad, what a mail looks like
// inside (package mail does), who may send what to whom, and what the server's
// extensions mean, except for those that would carry something past it.
package smtpproxy

import (
	"context"
	"sync"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the SMTP driver. The zero value is ready; one value serves all
// sessions, and is not copied after first use.
type Driver struct {
	transfers sync.Pool // of *transfer
}

var _ proxy.Driver = (*Driver)(nil)

// Open implements proxy.Driver: the server speaks first.
func (d *Driver) Open(ctx context.Context, s *proxy.Session) error {
	x := &dialogue{driver: d, s: s}
	s.State = x
	if err := s.Connect(ctx); err != nil {
		if ctx.Err() == nil {
			// A failure shows when the engine flushes.
			_, _ = s.Client().WriteString(replyUnreachable)
		}
		return err
	}
	x.expect(verbGreeting)
	s.Transaction(x.busy())
	return nil
}

// Exchange implements proxy.Driver: the commands that have arrived go up, or the
// replies that have arrived come down. A message is one exchange.
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
func (d *Driver) Farewell(error) []byte { return []byte(replyFarewell) }

// options are the SMTP options of the session.
func (x *dialogue) options() *config.SMTPOptions { return &x.s.Options().SMTP }
