// Package httpproxy is the driver of HTTP/1.0 and HTTP/1.1: as a reverse proxy in
// front of one server, and as the forward proxy that clients are told to use. It
// reads one request, has its body judged before any of it is forwarded, passes it
// on, has the body of the response judged before any of it is released, and
// passes that on. Heads are parsed where they lie and passed on as they came but
// for the hop-by-hop fields; bodies are passed on byte by byte as they came.
//
// What two readers could understand in two ways is refused: a request with 400
// or its kin, a response with 502.
//
// It deliberately does not know which contents are bad, how large a held body may
// be or what it costs, what a listener or a policy is, and HTTP/2. It caches
// nothing, adds no field of its own but Connection and Host, and does not look
// into what follows a CONNECT or a 101.
package httpproxy

import (
	"context"
	"sync"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the HTTP driver. The zero value is ready; one value serves all
// sessions, and is not copied after first use.
type Driver struct {
	infected  infections
	exchanges sync.Pool // of *exchange
}

var _ proxy.Driver = (*Driver)(nil)

// dialogue is what the driver keeps of a session between two exchanges.
type dialogue struct {
	host   string    // the server that is connected, as an explicit client named it
	port   uint16    // and its port
	upload *exchange // its head is with the server, its body is still to come
}

// Open implements proxy.Driver. The server is connected when the first request
// says what for.
func (d *Driver) Open(_ context.Context, s *proxy.Session) error {
	s.State = new(dialogue)
	return nil
}

// ClientSpeaksFirst implements proxy.ClientFirst.
func (d *Driver) ClientSpeaksFirst() {}

// Exchange implements proxy.Driver: a request and its response. An upload that
// waits for its 100 (Continue) rests in between, inside a transaction.
func (d *Driver) Exchange(ctx context.Context, s *proxy.Session, side wire.Side) error {
	own := s.State.(*dialogue)
	if x := own.upload; x != nil {
		return d.settle(x, x.resume(ctx, side))
	}
	if side == wire.Server {
		// It has closed, or says what nobody asked for: an answer that could be
		// taken for that to the next request.
		s.CloseServer()
		return nil
	}
	x := d.take(s, own)
	return d.settle(x, x.run(ctx))
}

// Farewell implements proxy.Driver.
func (d *Driver) Farewell(error) []byte {
	p := trouble(503, "The proxy has no room for this connection now. Try again in a moment.")
	p.retry, p.close = farewellRetry, true
	return p.render()
}

// take gets an exchange and its memory.
func (d *Driver) take(s *proxy.Session, own *dialogue) *exchange {
	x, ok := d.exchanges.Get().(*exchange)
	if !ok {
		x = new(exchange)
	}
	x.driver, x.s, x.own = d, s, own
	x.req.reset(false)
	return x
}

// settle gives the memory of an exchange back when it is over.
func (d *Driver) settle(x *exchange, err error) error {
	if x.own.upload != x {
		x.clear()
		d.exchanges.Put(x)
	}
	return err
}
