//go:build !linux

package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"utmsim/protocols/wire"
)

// errWouldBlock says that nothing can be read or written now.
var errWouldBlock = wire.ErrNotYet

// netConn is the portable connection: a goroutine for each socket reads ahead
// into one buffer and so stands in for readiness events. A write blocks for a moment
// and is then reported as one that has to wait, and soon as one that may be tried
// again: whoever waits can be woken by other things meanwhile.
type netConn struct{ *readAhead }

// readAhead is what the reading goroutine and the session share.
type readAhead struct {
	tcp   *net.TCPConn
	space chan struct{} // a token when the buffer has been emptied

	mu   sync.Mutex // guards the fields below
	buf  []byte
	r, w int
	err  error
	tell func(flags uint32) // reports readiness; nil before the first read

	ln       *net.TCPListener // a data listener, which has no tcp
	accepted *net.TCPConn     // what it has taken
}

const readAheadSize = 32 << 10

// How long one attempt to write may block, and how long it is until the next.
const (
	writeLimit = 100 * time.Millisecond
	writePause = 20 * time.Millisecond
)

func newNetConn(c *net.TCPConn) netConn {
	return netConn{&readAhead{tcp: c, space: make(chan struct{}, 1)}}
}

// pump reads ahead until the connection ends; tell is called after each read.
func (c netConn) pump(tell func(flags uint32)) {
	if c.ln != nil {
		c.pumpAccepts(tell)
		return
	}
	c.mu.Lock()
	c.buf, c.tell = make([]byte, readAheadSize), tell
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
	n, err := c.tcp.Write(p)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if n > 0 {
		return n, nil
	}
	c.mu.Lock()
	tell := c.tell
	c.mu.Unlock()
	if tell != nil {
		time.AfterFunc(writePause, func() { tell(flagWritable) })
	}
	return 0, errWouldBlock
}

func (c netConn) closeWrite() error { return c.tcp.CloseWrite() }

// unsent is not told by package net.
func (c netConn) unsent() int { return 0 }

// interrupt ends whatever blocks on the connection.
func (c netConn) interrupt() {
	if c.ln == nil {
		_ = c.tcp.SetDeadline(time.Unix(1, 0))
	}
}

func (c netConn) close(reset bool) {
	if c.ln != nil {
		c.closeListener()
		return
	}
	if reset {
		_ = c.tcp.SetLinger(0)
	}
	_ = c.tcp.Close()
	select {
	case c.space <- struct{}{}: // lets the reader see that the connection is closed
	default:
	}
}

// keepUrgent: see the other implementation.
func (c netConn) keepUrgent() {
	if raw, err := c.tcp.SyscallConn(); err == nil {
		_ = raw.Control(setUrgentInline)
	}
}

// noDelay has nothing to do: package net sets it.
func (c netConn) noDelay() {}

func (c netConn) pendingError() error { return nil }

// startConnect connects to a, from an address of ours if that is valid; it is
// always done when it returns.
func startConnect(a netip.AddrPort, from netip.Addr, limit time.Duration, _ int) (netConn, progress, error) {
	d := net.Dialer{Timeout: limit}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	c, err := d.Dial("tcp", a.String())
	if err != nil {
		return netConn{}, later, &connectError{step: connectConnect, err: err}
	}
	return newNetConn(c.(*net.TCPConn)), atOnce, nil
}
