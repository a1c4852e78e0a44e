// Package nntpproxy is the driver of NNTP (RFC 3977, RFC 4643, RFC 4644 and what of
// RFC 2980 is still in use). It stands between a newsreader or a feeding peer and its
// server without ending the dialogue of either: commands go up and replies come down
// as they came, each reply belongs to the oldest command that has none, and only
// where an article travels does the proxy step in. An article that is read is held
// until it was judged, and what is bad in it gives way to a notice. An article that
// is handed in is held, or sent along while it is read but for its end; a bad one is
// refused. A client hears that its article was taken when the server has said so and
// not before.
//
// It deliberately does not know which contents are bad, what an article looks like
// inside (package mail does), which groups there are, who may post, and what is
// behind a STARTTLS that it let pass. It does not put an article together that was
// posted in pieces.
package nntpproxy

import (
	"context"
	"sync"

	"utmsim/internal/config"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the NNTP driver. The zero value is ready; one value serves all
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
			x.tell(replyUnreachable)
		}
		return err
	}
	x.expect(verbGreeting, 0)
	s.Transaction(x.busy())
	return nil
}

// Exchange implements proxy.Driver: the commands that have arrived go up, or the
// replies that have arrived come down. An article is one exchange.
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

// options are the NNTP options of the session.
func (x *dialogue) options() *config.NNTPOptions { return &x.s.Options().NNTP }

// strips tells that the session has to stay readable.
func (x *dialogue) strips() bool { return x.options().TLS == config.TLSStrip }

// limits leave room for everything in an article that is not too large itself.
func (x *dialogue) limits() mail.Limits {
	o := x.options()
	return mail.Limits{Decoded: max(o.UncompressedOversizeLimit, o.OversizeLimit)}
}

// transfer is one article on its way, with the memory it needs. Between two articles
// it lies in a pool.
type transfer struct {
	head       []byte           // the line in front of the article
	body       wire.DotBody     // an article that comes down
	handed     wire.StrictBody  // one that goes up
	command    verb             // that handed it in
	id         []byte           // of an article that TAKETHIS hands in
	bare       bool             // a body without its head
	inspection proxy.Inspection // of the article
	walked     *mail.Message    // nil: it was not taken apart
}

func (d *Driver) take() *transfer {
	if t, ok := d.transfers.Get().(*transfer); ok {
		return t
	}
	return new(transfer)
}

// giveBack forgets everything but the memory.
func (d *Driver) giveBack(t *transfer) {
	if t.walked != nil {
		t.walked.Release()
	}
	*t = transfer{head: t.head[:0], id: t.id[:0]}
	d.transfers.Put(t)
}
