//go:build !linux

package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"utmsim/protocols/wire"
)

// errWouldBlock says that nothing can be read now.
var errWouldBlock = wire.ErrNotYet

// netConn is the portable connection: a goroutine for each socket reads ahead
// into one buffer and so stands in for readiness events. Writes block.
type netConn struct{ *readAhead }

// readAhead is what the reading goroutine and the session share.
type readAhead struct {
	tcp   *net.TCPConn
	space chan struct{} // a token when the buffer has been emptied

	mu   sync.Mutex // guards the fields below
	buf  []byte
	r, w int
	err  error
}

const readAheadSize = 32 << 10

// writeLimit is how long one write may block.
const writeLimit = 60 * time.Second

func newNetConn(c *net.TCPConn) netConn {
	return netConn{&readAhead{tcp: c, space: make(chan struct{}, 1)}}
}

// pump reads ahead until the connection ends; tell is called after each read.
func (c netConn) pump(tell func(flags uint32)) {
	c.mu.Lock()
	c.buf = make([]byte, readAheadSize)
	c.mu.Unlock()
	for {
		n, err := c.tcp.Read(c.buf)
		c.mu.Lock()
		c.r, c.w, c.err = 0, n, err
		c.mu.Unlock()
		switch {
		case err == nil:
			tell(flagReadable)
		case errors.Is(err, io.EOF):
			tell(flagReadable | flagHangup)
			return
		default:
			tell(flagReadable | flagHangup | flagDead)
			return
		}
		if _, open := <-c.space; !open {
			return
		}
	}
}

// forget takes what has come and throws it away. It returns as read does.
func (c netConn) forget() (int, error) {
	var scratch [4096]byte
	return c.read(scratch[:])
}

func (c netConn) read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r < c.w {
		n := copy(p, c.buf[c.r:c.w])
		if c.r += n; c.r == c.w && c.err == nil {
			c.space <- struct{}{}
		}
		return n, nil
	}
	switch {
	case c.err == nil:
		return 0, errWouldBlock
	case errors.Is(c.err, io.EOF):
		return 0, nil
	}
	return 0, c.err
}

func (c netConn) write(p []byte) (int, error) {
	_ = c.tcp.SetWriteDeadline(time.Now().Add(writeLimit))
	return c.tcp.Write(p)
}

func (c netConn) closeWrite() error { return c.tcp.CloseWrite() }

// unsent is not told by package net.
func (c netConn) unsent() int { return 0 }

// interrupt ends whatever blocks on the connection.
func (c netConn) interrupt() { _ = c.tcp.SetDeadline(time.Unix(1, 0)) }

func (c netConn) close(reset bool) {
	if reset {
		_ = c.tcp.SetLinger(0)
	}
	_ = c.tcp.Close()
	select {
	case c.space <- struct{}{}: // lets the reader see that the connection is closed
	default:
	}
}

// noDelay has nothing to do: package net sets it.
func (c netConn) noDelay() {}

func (c netConn) pendingError() error { return nil }

// startConnect connects to a; it is always done when it returns.
func startConnect(a netip.AddrPort, limit time.Duration, _ int) (netConn, progress, error) {
	c, err := net.DialTimeout("tcp", a.String(), limit)
	if err != nil {
		return netConn{}, later, &connectError{step: connectConnect, err: err}
	}
	return newNetConn(c.(*net.TCPConn)), atOnce, nil
}
