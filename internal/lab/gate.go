package lab

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultSessions is how many connections an origin holds at once unless told
	// otherwise: more than a proxy in front of it is ever asked to.
	defaultSessions = 32 << 10

	// originRest ends a connection on which no byte has moved. It is longer than
	// any proxy's time-out, so that it is always the proxy that decides.
	originRest = 35 * time.Minute

	// refusalTimeout bounds the one line that a connection too many is told.
	refusalTimeout = time.Second
)

// Traffic is what an origin of a line protocol has seen since it was created:
// the evidence that something did, or did not, get past the proxy.
type Traffic struct {
	Sessions int64 // connections accepted and served
	Open     int64 // those of them still open
	Refused  int64 // connections turned away because the origin was full
	Commands int64 // commands understood; the method of each origin says which
	Bytes    int64 // bytes received on the connections for commands, malformed or not
}

// gate accepts the connections of an origin. It counts them, turns away those
// over the limit, and holds each in custody from accept to close, so that
// closing the gate ends the origin whatever the origin's library does.
type gate struct {
	refusal string // what a connection too many is told, with its line end

	custody  custody
	sessions atomic.Int64
	open     atomic.Int64
	refused  atomic.Int64
	commands atomic.Int64
	bytes    atomic.Int64
}

// listen opens address and runs serve over it until the gate is closed; limit
// is the number of connections at once over all addresses, 0 the default.
func (g *gate) listen(address string, limit int, serve func(net.Listener)) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listening on %s: %w", address, err)
	}
	if limit == 0 {
		limit = defaultSessions
	}
	gated := &gatedListener{Listener: listener, gate: g, limit: int64(limit)}
	if !g.custody.run(gated, func() { _ = listener.Close() }, func() { serve(gated) }) {
		_ = listener.Close()
		return "", fmt.Errorf("listening on %s: %w", address, net.ErrClosed)
	}
	return listener.Addr().String(), nil
}

// close ends listeners and connections and waits for those that serve them.
func (g *gate) close() { g.custody.close() }

func (g *gate) traffic() Traffic {
	return Traffic{
		Sessions: g.sessions.Load(),
		Open:     g.open.Load(),
		Refused:  g.refused.Load(),
		Commands: g.commands.Load(),
		Bytes:    g.bytes.Load(),
	}
}

type gatedListener struct {
	net.Listener
	gate  *gate
	limit int64
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.gate.open.Add(1) > l.limit {
			l.gate.open.Add(-1)
			l.gate.turnAway(conn)
			continue
		}
		gated := &gatedConn{Conn: conn, gate: l.gate}
		if !l.gate.custody.admit(gated, func() { _ = conn.Close() }) {
			l.gate.open.Add(-1)
			_ = conn.Close()
			return nil, net.ErrClosed
		}
		l.gate.sessions.Add(1)
		return gated, nil
	}
}

func (g *gate) turnAway(conn net.Conn) {
	g.refused.Add(1)
	_ = conn.SetWriteDeadline(time.Now().Add(refusalTimeout))
	_, _ = io.WriteString(conn, g.refusal)
	_ = conn.Close()
}

// gatedConn counts what the origin receives and keeps its own time: the
// deadlines of the libraries behind it are absolute, and would cut off a peer
// that is slow but alive.
type gatedConn struct {
	net.Conn
	gate   *gate
	once   sync.Once
	closed error
}

func (c *gatedConn) Read(p []byte) (int, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(originRest)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.gate.bytes.Add(int64(n))
	return n, err
}

func (c *gatedConn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(originRest)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetDeadline does nothing: see gatedConn.
func (c *gatedConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing: see gatedConn.
func (c *gatedConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing: see gatedConn.
func (c *gatedConn) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection and is the last thing its server does with it. The
// gate itself closes the connection underneath instead, and so waits for that.
func (c *gatedConn) Close() error {
	c.once.Do(func() {
		c.gate.open.Add(-1) // before the peer can know, who may then come again
		c.closed = c.Conn.Close()
		c.gate.custody.leave(c)
	})
	return c.closed
}
