//go:build unix

package lab

import (
	"net"
	"syscall"
)

// keepUrgentInline leaves the byte that a client marks as urgent in its place.
// Clients send ABOR that way (RFC 959 section 4.1.3; python's ftplib does), and
// without this the line end would be missing from it.
func keepUrgentInline(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return // the connection is closed already
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
	})
}
