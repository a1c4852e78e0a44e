package proxy

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// dataBacklog is how many connections may wait to be accepted by a data listener:
// one is wanted, and strangers must not be able to keep it out.
const dataBacklog = 64

// The dynamic ports of RFC 6335 section 6. Where any port will do one is taken from
// among them, as many times as guesses says, before the system is asked for one:
// with ten thousand closed connections in TIME_WAIT its search costs hundreds of
// times as much as a guess, and in the end finds nothing.
const (
	firstDynamicPort = 49152
	lastDynamicPort  = 65535
	guesses          = 16
)

// listenData listens on an address for data connections, with a descriptor below
// maxFD, on a port of the range. Ports are taken from a random one on, because
// whoever can guess the next one can try to be faster than its owner (RFC 2577
// section 8).
func listenData(ip netip.Addr, ports portRange, maxFD int) (netConn, netip.AddrPort, error) {
	if ports == (portRange{}) {
		c, at, err := listenSome(ip, portRange{firstDynamicPort, lastDynamicPort}, guesses, maxFD)
		if !errors.Is(err, unix.EADDRINUSE) {
			return c, at, err
		}
	}
	return listenSome(ip, ports, ports.size(), maxFD)
}

// listenSome tries so many ports of a range.
func listenSome(ip netip.Addr, ports portRange, tries, maxFD int) (netConn, netip.AddrPort, error) {
	start := rand.IntN(ports.size())
	for try := range tries {
		c, err := listenPort(netip.AddrPortFrom(ip, ports.at(start+try)), maxFD)
		if err == nil {
			at, err := c.local()
			if err != nil {
				c.close(false)
				return netConn{}, netip.AddrPort{}, err
			}
			return c, at, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return netConn{}, netip.AddrPort{}, err
		}
	}
	return netConn{}, netip.AddrPort{}, os.NewSyscallError("bind", unix.EADDRINUSE)
}

func listenPort(a netip.AddrPort, maxFD int) (netConn, error) {
	fd, err := newSocket(a.Addr(), maxFD)
	if err != nil {
		return netConn{}, err
	}
	c := netConn{fd: int32(fd)}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		err = os.NewSyscallError("setsockopt", err)
	} else if err = unix.Bind(fd, sockaddr(a)); err != nil {
		err = os.NewSyscallError("bind", err)
	} else if err = unix.Listen(fd, dataBacklog); err != nil {
		err = os.NewSyscallError("listen", err)
	}
	if err != nil {
		c.close(false)
		return netConn{}, err
	}
	return c, nil
}

// newSocket makes a socket of an address' family.
func newSocket(ip netip.Addr, maxFD int) (int, error) {
	family := unix.AF_INET6
	if ip.Unmap().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil && fd >= maxFD {
		_ = unix.Close(fd)
		err = unix.EMFILE
	}
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	return fd, nil
}

// accept takes one connection that waits, with a descriptor below maxFD.
func (c *netConn) accept(maxFD int) (netConn, netip.AddrPort, error) {
	for {
		fd, sa, err := unix.Accept4(int(c.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			got := netConn{fd: int32(fd)}
			if fd >= maxFD {
				got.close(true)
				return netConn{}, netip.AddrPort{}, os.NewSyscallError("accept", unix.EMFILE)
			}
			return got, addrPort(sa), nil
		case unix.EAGAIN:
			return netConn{}, netip.AddrPort{}, errWouldBlock
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return netConn{}, netip.AddrPort{}, os.NewSyscallError("accept", err)
		}
	}
}

// local is the address of our end.
func (c *netConn) local() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(int(c.fd))
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	return addrPort(sa), nil
}

// keepUrgent leaves urgent bytes in their place in the stream (RFC 959 section
// 4.1.3, RFC 1123 section 4.1.3.5). A failure costs the byte.
func (c *netConn) keepUrgent() {
	_ = unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1)
}
