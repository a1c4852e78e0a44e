package proxy

import (
	"errors"
	"fmt"
	"net/netip"

	"go.uber.org/zap"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// Attaching is what a Driver implements whose sessions have data connections
// besides the dialogue. Urgent data of the client stays in its place then, and a
// bypassed session goes through the driver all the same, unscanned: nobody else
// knows the addresses that the two ends name to each other.
type Attaching interface{ AttachesData() }

// ErrNoData says that there is no data connection, and nothing that could become
// one.
var ErrNoData = errors.New("no data connection")

// dialogueWith is the socket of the dialogue with one side.
func (s *Session) dialogueWith(side wire.Side) (*socket, error) {
	k := s.clt
	if side == wire.Server {
		if k = s.srv.Load(); k == nil {
			return nil, errors.New("there is no server")
		}
	}
	return k, nil
}

// peerOf is the address of one side, to which data connections are made and from
// which they are accepted.
func (s *Session) peerOf(side wire.Side) netip.Addr {
	if side == wire.Client {
		return s.peer.Addr().Unmap()
	}
	return s.target.Addr().Unmap()
}

// LocalAddr is the proxy's own end of the dialogue with one side.
func (s *Session) LocalAddr(side wire.Side) (netip.AddrPort, error) {
	k, err := s.dialogueWith(side)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return k.conn.local()
}

// ListenData begins to wait for a data connection of one side, on the address of
// its dialogue and a port of the configured range, and tells where. What there was
// with this side before is closed.
func (s *Session) ListenData(side wire.Side) (netip.AddrPort, error) {
	s.CloseData(side, true)
	at, err := s.LocalAddr(side)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listening for data of the %s: %w", side, err)
	}
	conn, at, err := listenData(at.Addr(), s.policy.dataPorts, s.eng.serverFD)
	if err != nil {
		s.transport.Fail(stats.Bind, err)
		return netip.AddrPort{}, fmt.Errorf("listening for data of the %s: %w", side, err)
	}
	a := s.attachments()
	k := s.newAttached(conn)
	k.events = s.dataEvents(s.vdom.stats.Data(s.entry.Proto).Listen)
	if err := s.attach(&a.listeners[side], k, false); err != nil {
		return netip.AddrPort{}, fmt.Errorf("listening for data of the %s: %w", side, err)
	}
	return at, nil
}

// AcceptData waits for the connection that ListenData listens for, as long as an
// exchange may. Connections from elsewhere than the side's own address are reset.
func (s *Session) AcceptData(side wire.Side) (*wire.Conn, error) {
	a := s.attachments()
	l := a.listeners[side].Load()
	if l == nil {
		return nil, fmt.Errorf("accepting data of the %s: %w", side, ErrNoData)
	}
	conn, err := l.accept(s.peerOf(side))
	if err != nil {
		return nil, fmt.Errorf("accepting data of the %s: %w", side, err)
	}
	a.listeners[side].Store(nil)
	l.close(false)
	return s.attachData(side, conn, false)
}

// accept waits for a connection from an address.
func (k *socket) accept(from netip.Addr) (netConn, error) {
	for {
		k.clear(flagReadable) // before the attempt, so that no report is lost
		conn, peer, err := k.conn.accept(k.sess.eng.serverFD)
		switch {
		case err == errWouldBlock:
			if err := k.wait(flagWaitRead, flagReadable|flagDead); err != nil {
				return netConn{}, err
			}
		case err != nil:
			k.failed(stats.Accept, err)
			return netConn{}, err
		case peer.Addr() == from:
			return conn, nil
		default:
			conn.close(true)
			k.sess.Log().Debug("data connection from elsewhere", zap.Stringer("from", peer), zap.Stringer("wanted", from))
		}
	}
}

// DialData connects to a port of one side's own address, from the address of its
// dialogue. What there was with this side before is closed. To the proxy itself
// the error is ErrForbidden.
func (s *Session) DialData(side wire.Side, port uint16) (*wire.Conn, error) {
	s.CloseData(side, true)
	to := netip.AddrPortFrom(s.peerOf(side), port)
	if s.eng.isOwn(to) {
		return nil, fmt.Errorf("connecting data to %s: %w", to, ErrForbidden)
	}
	from, err := s.LocalAddr(side)
	if err != nil {
		return nil, fmt.Errorf("connecting data to %s: %w", to, err)
	}
	set := s.eng.settings()
	conn, done, err := startConnect(to, from.Addr(), set.connectLimit(), s.eng.serverFD)
	if err != nil {
		s.connectFailed(err)
		return nil, fmt.Errorf("connecting data to %s: %w", to, err)
	}
	c, err := s.attachData(side, conn, done == later)
	if err != nil {
		return nil, fmt.Errorf("connecting data to %s: %w", to, err)
	}
	if done == later {
		if err := s.awaitData(side, set.connectTimeout); err != nil {
			return nil, fmt.Errorf("connecting data to %s: %w", to, err)
		}
	}
	return c, nil
}

// awaitData waits for a data connection that is under way.
func (s *Session) awaitData(side wire.Side, limit int64) error {
	k := s.attachments().sockets[side].Load()
	usual := k.limit
	k.limit = limit
	err := k.connected()
	if err != nil {
		s.transport.Fail(stats.Connect, err)
		s.CloseData(side, true)
		return err
	}
	k.limit = usual
	return nil
}

func (s *Session) attachData(side wire.Side, conn netConn, connecting bool) (*wire.Conn, error) {
	a, counts := s.attachments(), s.vdom.stats.Data(s.entry.Proto)
	k := s.newAttached(conn)
	k.events = s.dataEvents(counts.Clt)
	if side == wire.Server {
		k.events, k.peer = s.dataEvents(counts.Srv), netip.AddrPortFrom(s.peerOf(side), 0)
	}
	if err := s.attach(&a.sockets[side], k, connecting); err != nil {
		return nil, err
	}
	a.conns[side] = wire.NewConn(k)
	return a.conns[side], nil
}

// Data is the data connection with one side, nil while there is none.
func (s *Session) Data(side wire.Side) *wire.Conn {
	if a := s.data.Load(); a != nil {
		return a.conns[side]
	}
	return nil
}

// CloseData ends the data connection with one side, or the wait for one: in good
// order once everything written has been sent, or with a reset.
func (s *Session) CloseData(side wire.Side, reset bool) {
	a := s.data.Load()
	if a == nil {
		return
	}
	if l := a.listeners[side].Swap(nil); l != nil {
		l.close(true)
	}
	k := a.sockets[side].Load()
	if k == nil {
		return
	}
	if c := a.conns[side]; c != nil {
		reset = !reset && c.Flush() != nil || reset
		c.Release()
	}
	a.conns[side] = nil
	a.sockets[side].Store(nil)
	if !reset && !k.ended && k.has(flagReadable) {
		s.eng.lingers.add(k, lingerDrain) // a plain close would destroy what was sent last
		return
	}
	k.close(reset)
}
