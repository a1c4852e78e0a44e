package proxy

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"utmsim/protocols/wire"
)

// errWouldBlock says that nothing can be read or written now.
var errWouldBlock = wire.ErrNotYet

// netConn is a non-blocking descriptor. The calls below are raw: a socket that
// does not block needs no word to the scheduler.
type netConn struct{ fd int32 }

func (c *netConn) read(p []byte) (int, error) {
	return c.transfer(unix.SYS_READ, p)
}

func (c *netConn) write(p []byte) (int, error) {
	return c.transfer(unix.SYS_WRITE, p)
}

func (c *netConn) transfer(call uintptr, p []byte) (int, error) {
	for {
		n, _, e := unix.RawSyscall(call, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch e {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errWouldBlock
		default:
			return 0, os.NewSyscallError(callName(call), e)
		}
	}
}

// forget takes what has come and lets the system throw it away: with MSG_TRUNC a TCP
// socket copies nothing (tcp(7)), so that even a flood costs little. It returns as
// read does.
func (c *netConn) forget() (int, error) {
	const most = 1 << 20
	for {
		n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd), 0, most, unix.MSG_TRUNC, 0, 0)
		switch e {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errWouldBlock
		default:
			return 0, os.NewSyscallError("recvfrom", e)
		}
	}
}

func callName(call uintptr) string {
	if call == unix.SYS_READ {
		return "read"
	}
	return "write"
}

func (c *netConn) closeWrite() error {
	if err := unix.Shutdown(int(c.fd), unix.SHUT_WR); err != nil && !errors.Is(err, unix.ENOTCONN) {
		return os.NewSyscallError("shutdown", err)
	}
	return nil
}

// unsent is how many bytes wait with the system because the peer takes no more.
func (c *netConn) unsent() int {
	n, err := unix.IoctlGetInt(int(c.fd), unix.SIOCOUTQNSD)
	if err != nil {
		return 0
	}
	return n
}

// close ends the connection; with reset the peer gets a RST instead of a FIN.
func (c *netConn) close(reset bool) {
	if reset {
		// A failure leaves the close an orderly one; there is nobody to tell.
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	_ = unix.Close(int(c.fd))
}

// noDelay sends small writes at once. A failure leaves them slower.
func (c *netConn) noDelay() {
	_ = unix.SetsockoptInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// pendingError takes the error of a finished connect.
func (c *netConn) pendingError() error {
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if code != 0 {
		return os.NewSyscallError("connect", syscall.Errno(code))
	}
	return nil
}

// interrupt has nothing to do: no call on a descriptor blocks.
func (c *netConn) interrupt() {}

// latePort leaves the choice of our port to connect, which knows where to: bind
// would look for one that is free for all destinations, among thousands in TIME_WAIT.
// A failure costs that search.
func latePort(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
}

// startConnect begins to connect to a, from an address of ours if that is valid,
// with a descriptor below maxFD; the caller sees to the time limit.
func startConnect(a netip.AddrPort, from netip.Addr, _ time.Duration, maxFD int) (c netConn, p progress, err error) {
	fd, err := newSocket(a.Addr(), maxFD)
	if err != nil {
		return netConn{}, later, &connectError{step: connectSocket, err: err}
	}
	c = netConn{fd: int32(fd)}
	if from.IsValid() {
		latePort(fd)
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			c.close(false)
			return netConn{}, later, &connectError{step: connectSocket, err: os.NewSyscallError("bind", err)}
		}
	}
	switch err = unix.Connect(fd, sockaddr(a)); err {
	case nil:
		return c, atOnce, nil
	case unix.EINPROGRESS:
		// A server near by has answered by now; asking again is cheaper than
		// waiting for the reactor to say so.
		if err = unix.Connect(fd, sockaddr(a)); err == nil || err == unix.EISCONN {
			return c, soon, nil
		}
		if err == unix.EALREADY {
			return c, later, nil
		}
	}
	c.close(false)
	return netConn{}, later, &connectError{step: connectConnect, err: os.NewSyscallError("connect", err)}
}

// sockaddr is a as the system calls want it. A zone that names no interface of
// this machine becomes zone 0, and the connect fails with the system's error.
func sockaddr(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zoneID(ip.Zone())}
}

// zoneID is the number of an IPv6 zone, 0 when there is no such interface.
func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if ifc, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifc.Index)
	}
	return 0
}

// addrPort is the address a client was accepted from.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
