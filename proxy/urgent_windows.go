package proxy

import "syscall"

// oobInline is SO_OOBINLINE, which package syscall does not name here.
const oobInline = 0x100

// setUrgentInline leaves urgent bytes in their place in the stream.
func setUrgentInline(fd uintptr) {
	_ = syscall.SetsockoptInt(syscall.Handle(fd), syscall.SOL_SOCKET, oobInline, 1)
}
