//go:build unix && !linux

package proxy

import "syscall"

// setUrgentInline leaves urgent bytes in their place in the stream.
func setUrgentInline(fd uintptr) {
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
}
