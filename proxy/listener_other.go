//go:build !linux

package proxy

import (
	"net"
	"syscall"
)

func prepareListener(_, _ string, _ syscall.RawConn) error { return nil }

// acceptSocket is the listener as package net has it.
type acceptSocket struct{ *net.TCPListener }

func newAcceptSocket(ln *net.TCPListener) (acceptSocket, error) { return acceptSocket{ln}, nil }

func (a acceptSocket) close() { a.Close() }

// acceptSome accepts until there is an error.
func (l *listener) acceptSome() error {
	for {
		c, err := l.sock.AcceptTCP()
		if err != nil {
			return err
		}
		l.eng.arrive(l, newNetConn(c), c.RemoteAddr().(*net.TCPAddr).AddrPort())
	}
}
