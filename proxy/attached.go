package proxy

import (
	"sync/atomic"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// attached are the data connections of a session, at most one with each side, and
// the listeners that wait for them. They belong to the owner of the session like
// its other sockets; the pointers are for those who wake it.
type attached struct {
	listeners [2]atomic.Pointer[socket] // by side
	sockets   [2]atomic.Pointer[socket]
	attending atomic.Bool

	// The fields below are the owner's.
	conns  [2]*wire.Conn
	attend func() error
}

// each calls f for every socket there is.
func (a *attached) each(f func(*socket)) {
	if a == nil {
		return
	}
	for side := range a.sockets {
		if k := a.listeners[side].Load(); k != nil {
			f(k)
		}
		if k := a.sockets[side].Load(); k != nil {
			f(k)
		}
	}
}

// attachments are the data connections, made at the first need.
func (s *Session) attachments() *attached {
	a := s.data.Load()
	if a == nil {
		a = new(attached)
		s.data.Store(a)
	}
	return a
}

// newAttached is a socket of the session that never makes it run: whoever needs a
// data connection waits for it.
func (s *Session) newAttached(conn netConn) *socket {
	return &socket{sess: s, conn: conn, attached: true, limit: s.eng.settings().exchangeTimeout}
}

// dataEvents is the counter of a data connection's events, nil for a session that
// takes no entry.
func (s *Session) dataEvents(c *stats.Counter) *stats.Counter {
	if !s.inTable {
		return nil
	}
	return c
}

// attach puts a socket in its place and has it watched.
func (s *Session) attach(at *atomic.Pointer[socket], k *socket, connecting bool) error {
	at.Store(k)
	if s.state.Load() == stateKilled { // looked at after the store: see abort
		k.set(flagAborted)
	}
	if s.data.Load().attending.Load() {
		k.set(flagOverheard)
	}
	if err := s.eng.reactor.add(k, connecting); err != nil {
		at.Store(nil)
		k.conn.close(true)
		s.transport.Fail(stats.Poll, err)
		return err
	}
	return nil
}

// dataSocket is the data connection with one side, nil while there is none.
func (s *Session) dataSocket(side wire.Side) *socket {
	if a := s.data.Load(); a != nil {
		return a.sockets[side].Load()
	}
	return nil
}

// closeAttached resets what is left of the data connections: whatever was
// delivered to its end has been closed before.
func (s *Session) closeAttached() {
	s.CloseData(wire.Client, true)
	s.CloseData(wire.Server, true)
}

// DataGone tells that one side has broken its data connection.
func (s *Session) DataGone(side wire.Side) bool {
	k := s.dataSocket(side)
	return k != nil && k.has(flagDead)
}

// Attend has f called, by the goroutine that runs the session, when something has
// happened that may end a wait: while data are waited for, when the client or the
// server has said something or has broken its data connection; while an answer of
// the server is waited for, when the client has said something. A wait ends with the
// error that f returns. Attend(nil) ends it.
func (s *Session) Attend(f func() error) {
	a := s.attachments()
	a.attend = f
	a.attending.Store(f != nil)
	if f != nil {
		s.overheard(s.clt)
		return
	}
	a.each(func(k *socket) { k.clear(flagOverheard) })
	if srv := s.srv.Load(); srv != nil {
		srv.clear(flagOverheard)
	}
}

// overheard tells those who wait for data, or for an answer of the server, that
// something has happened to another socket of the session.
func (s *Session) overheard(k *socket) {
	a := s.data.Load()
	if a == nil || !a.attending.Load() {
		return
	}
	a.each(func(o *socket) { o.set(flagOverheard) })
	if srv := s.srv.Load(); srv != nil && k == s.clt {
		srv.set(flagOverheard)
	}
}

// listenTo hands what was overheard to the driver.
func (s *Session) listenTo() error {
	if a := s.data.Load(); a != nil && a.attend != nil {
		return a.attend()
	}
	return nil
}

// Peek reads what has arrived from one side without waiting for more, and returns
// all that is buffered then, about limit bytes at most. An end or a failure is the
// error, and is kept for the next read too.
func (s *Session) Peek(side wire.Side, limit int) ([]byte, error) {
	k, err := s.dialogueWith(side)
	if err != nil {
		return nil, err
	}
	c := s.Conn(side)
	for k.unread == nil && k.has(flagReadable) && len(c.Buffered()) < limit {
		k.trying = true
		err := c.Fill(limit)
		k.trying = false
		if err == errWouldBlock {
			break
		}
		k.unread = err
	}
	return c.Buffered(), k.unread
}
