// Package pop3proxy is the driver of POP3 (RFC 1939, RFC 2449, RFC 5034). It passes
// commands on as they came, as many together as the client has sent, pairs each
// with its reply, and has every mail that comes down judged before any of it is
// released. What is infected in a mail gives way to a notice, the rest of the mail
// stays as it was.
//
// A reply that is neither +OK nor -ERR, or comes without a command, ends the
// session: from there on nobody could tell a mail from anything else.
//
// It deliberately does not know how a mail is taken apart, which contents are bad,
// how large a held mail may be, what a listener or a policy is, and what is behind
// an STLS that it let pass. It keeps no mail and does not count mailboxes.
package pop3proxy

import (
	"context"
	"sync"

	"utmsim/internal/config"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the POP3 driver. The zero value is ready; one value serves all
// sessions, and is not copied after first use.
type Driver struct {
	exchanges sync.Pool // of *exchange
}

var _ proxy.Driver = (*Driver)(nil)

// dialogue is what the driver keeps of a session between two exchanges.
type dialogue struct {
	challenged bool // AUTH is under way and the client's next line answers the server's
}

// Open implements proxy.Driver: it connects the server and passes its greeting on.
func (d *Driver) Open(ctx context.Context, s *proxy.Session) error {
	s.State = new(dialogue)
	if err := s.Connect(ctx); err != nil {
		return unreachable(ctx, s, err)
	}
	x := d.take(s)
	defer d.give(x)
	return x.greet(ctx)
}

// Exchange implements proxy.Driver: the commands that have arrived and their
// replies.
func (d *Driver) Exchange(ctx context.Context, s *proxy.Session, side wire.Side) error {
	x := d.take(s)
	defer d.give(x)
	if side == wire.Server {
		return x.unsolicited()
	}
	return x.run(ctx)
}

// Farewell implements proxy.Driver.
func (d *Driver) Farewell(error) []byte {
	return []byte(trouble("the proxy has no room for this session now, try again in a moment"))
}

// exchange is some commands and their replies. Between two exchanges it lies in a
// pool.
type exchange struct {
	s       *proxy.Session
	own     *dialogue
	options *config.POP3Options

	replies []kind // that the server, or the proxy itself, still owes the client
	sent    int    // bytes of the commands these are for
	fetches bool   // a mail is among them
	failure error  // why no command was taken behind them

	body       wire.DotBody
	head       []byte // the status line of a mail
	inspection proxy.Inspection
	walked     *mail.Message // nil: the mail was not taken apart
}

func (d *Driver) take(s *proxy.Session) *exchange {
	x, ok := d.exchanges.Get().(*exchange)
	if !ok {
		x = new(exchange)
	}
	x.s, x.own, x.options = s, s.State.(*dialogue), &s.Options().POP3
	return x
}

// give forgets everything but the memory.
func (d *Driver) give(x *exchange) {
	*x = exchange{replies: x.replies[:0], head: x.head[:0]}
	d.exchanges.Put(x)
}

// strips tells that the session has to stay readable.
func (x *exchange) strips() bool { return x.options.TLS == config.TLSStrip }
