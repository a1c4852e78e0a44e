package proxy

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepareListener sets what accepted connections inherit from their listener, so
// that no call is needed for each.
func prepareListener(_, _ string, raw syscall.RawConn) error {
	var serr error
	err := raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	})
	if err != nil {
		return err
	}
	return serr
}

// acceptSocket is a listening descriptor that is polled by Go and accepted from
// by hand: package net does not let its own be.
type acceptSocket struct {
	file *os.File
	raw  syscall.RawConn
}

func newAcceptSocket(ln *net.TCPListener) (a acceptSocket, err error) {
	defer ln.Close()
	raw, err := ln.SyscallConn()
	if err != nil {
		return a, err
	}
	fd, ferr := 0, error(nil)
	err = raw.Control(func(own uintptr) { fd, ferr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, ferr); err != nil {
		return a, err
	}
	a.file = os.NewFile(uintptr(fd), "listener")
	a.raw, err = a.file.SyscallConn()
	return a, err
}

func (a acceptSocket) close() { a.file.Close() }

// acceptSome accepts until there is an error.
func (l *listener) acceptSome() error {
	var failed error
	err := l.sock.raw.Read(func(fd uintptr) bool {
		for {
			c, sa, err := unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch err {
			case nil:
				l.take(netConn{fd: int32(c)}, addrPort(sa))
			case unix.EAGAIN:
				return false
			case unix.EINTR, unix.ECONNABORTED:
			default:
				failed = os.NewSyscallError("accept", err)
				return true
			}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// take hands an accepted connection to admission. A reserve of descriptors is
// kept for the console and for what runs already.
func (l *listener) take(c netConn, peer netip.AddrPort) {
	if int(c.fd) >= l.eng.clientFD {
		c.close(true)
		l.eng.outOfDescriptors(l)
		return
	}
	l.eng.arrive(l, c, peer)
}
