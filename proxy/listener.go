package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/stats"
)

// listener is one address the proxy accepts clients on.
type listener struct {
	eng     *Engine
	addr    netip.AddrPort // as bound
	asked   netip.AddrPort // as configured
	owner   string
	route   atomic.Pointer[route]
	sock    acceptSocket
	done    chan struct{}
	closing atomic.Bool
}

// backOff is how long the acceptor pauses when the system has no descriptor
// left for a new connection.
const backOff = 20 * time.Millisecond

// listen binds a doorway. The error names the address and the setting that asks
// for it.
func (e *Engine) listen(d doorway) (*listener, error) {
	lc := net.ListenConfig{Control: prepareListener}
	lc.SetMultipathTCP(false)
	at := d.addr
	if e.opts.AnyPort {
		at = netip.AddrPortFrom(at.Addr(), 0)
	}
	ln, err := lc.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		d.route.vdom.stats.Transport(d.proto).Fail(stats.Bind, err)
		return nil, fmt.Errorf("can't listen on %s for %s: %w", d.addr, d.owner, plainCause(err))
	}
	l := &listener{eng: e, asked: d.addr, owner: d.owner,
		addr: ln.Addr().(*net.TCPAddr).AddrPort(), done: make(chan struct{})}
	if l.sock, err = newAcceptSocket(ln.(*net.TCPListener)); err != nil {
		return nil, fmt.Errorf("listening on %s for %s: %w", d.addr, d.owner, err)
	}
	l.route.Store(d.route)
	return l, nil
}

// plainCause is the system's own word for an error of package net, which
// repeats the address.
func plainCause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// accept takes connections until the listener is closed.
func (l *listener) accept() {
	defer close(l.done)
	for {
		err := l.acceptSome()
		if l.closing.Load() {
			return
		}
		rt := l.route.Load()
		l.eng.worker.Fail(stats.Accept, err)
		rt.vdom.stats.Transport(rt.proto).Fail(stats.Accept, err)
		if l.eng.events.allow(eventAccept, rt.proto) {
			l.eng.log.Warn("accepting failed", zap.Stringer("listener", l.addr), zap.Error(err))
		}
		select {
		case <-l.eng.stopping:
			return
		case <-time.After(backOff):
		}
	}
}

// close stops accepting and waits for the acceptor.
func (l *listener) close() {
	l.closing.Store(true)
	l.sock.close()
	<-l.done
	l.eng.worker.Stat.AcceptorClose.Inc()
}
