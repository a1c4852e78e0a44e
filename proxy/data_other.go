//go:build !linux

package proxy

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
)

// listenData listens on an address for data connections, on a port of the range;
// see the other implementation.
func listenData(ip netip.Addr, ports portRange, _ int) (netConn, netip.AddrPort, error) {
	n := ports.size()
	start := rand.IntN(n)
	var err error
	for try := range n {
		at := netip.AddrPortFrom(ip, ports.at(start+try))
		var ln *net.TCPListener
		if ln, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at)); err == nil {
			c := newNetConn(nil)
			c.ln = ln
			at, err := c.local()
			return c, at, err
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return netConn{}, netip.AddrPort{}, err
}

// pumpAccepts takes connections until the listener is closed, and keeps each until
// it was asked for.
func (c netConn) pumpAccepts(tell func(flags uint32)) {
	for {
		conn, err := c.ln.AcceptTCP()
		c.mu.Lock()
		c.accepted, c.err = conn, err
		c.mu.Unlock()
		if err != nil {
			tell(flagReadable | flagHangup | flagDead)
			return
		}
		tell(flagReadable)
		<-c.space
	}
}

// accept takes one connection that waits.
func (c netConn) accept(int) (netConn, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.accepted != nil:
		got := newNetConn(c.accepted)
		peer := c.accepted.RemoteAddr().(*net.TCPAddr).AddrPort()
		c.accepted = nil
		c.space <- struct{}{}
		return got, netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port()), nil
	case c.err != nil:
		return netConn{}, netip.AddrPort{}, c.err
	}
	return netConn{}, netip.AddrPort{}, errWouldBlock
}

// closeListener ends a data listener and what it has taken.
func (c netConn) closeListener() {
	_ = c.ln.Close()
	c.mu.Lock()
	if c.accepted != nil {
		_ = c.accepted.SetLinger(0)
		_ = c.accepted.Close()
		c.accepted = nil
	}
	c.mu.Unlock()
	select {
	case c.space <- struct{}{}:
	default:
	}
}

// local is the address of our end.
func (c netConn) local() (netip.AddrPort, error) {
	addr := net.Addr(nil)
	if c.ln != nil {
		addr = c.ln.Addr()
	} else {
		addr = c.tcp.LocalAddr()
	}
	at := addr.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}
