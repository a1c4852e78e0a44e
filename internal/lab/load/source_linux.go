package load

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// latePort leaves the choice of the source port to connect. Bound at once, a
// source address would have one set of ports for all destinations and would
// have to wait for those in TIME_WAIT.
func latePort(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
