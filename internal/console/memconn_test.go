package console

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// stretch is one direction of a connection without a network: it holds what was
// written until it is read.
type stretch struct {
	mu     sync.Mutex // guards the fields below
	change *sync.Cond
	data   []byte
	closed bool // by the writer: what is there can be read
	broken bool // by the reader
	late   bool // the reader's deadline is over
	timer  *time.Timer
}

func newStretch() *stretch {
	s := new(stretch)
	s.change = sync.NewCond(&s.mu)
	return s
}

func (s *stretch) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.change.Broadcast()
}

// memConn is one end of a connection between two goroutines. Unlike that of
// net.Pipe, a write does not wait for its reader.
type memConn struct {
	in, out *stretch
	from    string // of the other end
}

func newMemConns(from string) (near, far net.Conn) {
	a, b := newStretch(), newStretch()
	return memConn{a, b, ""}, memConn{b, a, from}
}

func (c memConn) Read(p []byte) (int, error) {
	s := c.in
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.data) == 0 {
		switch {
		case s.broken:
			return 0, net.ErrClosed
		case s.closed:
			return 0, io.EOF
		case s.late:
			return 0, os.ErrDeadlineExceeded
		}
		s.change.Wait()
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	return n, nil
}

func (c memConn) Write(p []byte) (int, error) {
	s := c.out
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken || s.closed {
		return 0, net.ErrClosed
	}
	s.data = append(s.data, p...)
	s.change.Broadcast()
	return len(p), nil
}

func (c memConn) Close() error {
	c.out.set(func() { c.out.closed = true })
	c.in.set(func() { c.in.broken = true })
	return c.SetReadDeadline(time.Time{})
}

func (c memConn) SetReadDeadline(t time.Time) error {
	s := c.in
	s.set(func() {
		s.late = false
		if s.timer != nil {
			s.timer.Stop()
		}
		if !t.IsZero() {
			s.timer = time.AfterFunc(time.Until(t), func() { s.set(func() { s.late = true }) })
		}
	})
	return nil
}

func (c memConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c memConn) SetWriteDeadline(time.Time) error { return nil }
func (c memConn) LocalAddr() net.Addr              { return c.RemoteAddr() }

func (c memConn) RemoteAddr() net.Addr {
	if c.from == "" {
		return &net.TCPAddr{}
	}
	a, err := net.ResolveTCPAddr("tcp", c.from)
	if err != nil {
		panic(err)
	}
	return a
}
