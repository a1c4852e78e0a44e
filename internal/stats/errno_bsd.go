//go:build unix && !linux

package stats

import "syscall"

// linuxNumber is the Linux number of the errors that sockets give, 0 for others.
func linuxNumber(e syscall.Errno) int {
	switch e {
	case syscall.EPERM:
		return 1
	case syscall.EINTR:
		return 4
	case syscall.EIO:
		return 5
	case syscall.EBADF:
		return 9
	case syscall.EAGAIN:
		return 11
	case syscall.ENOMEM:
		return 12
	case syscall.EACCES:
		return 13
	case syscall.EINVAL:
		return 22
	case syscall.ENFILE:
		return 23
	case syscall.EMFILE:
		return 24
	case syscall.EPIPE:
		return 32
	}
	return linuxSocketNumber(e)
}

func linuxSocketNumber(e syscall.Errno) int {
	switch e {
	case syscall.EADDRINUSE:
		return 98
	case syscall.EADDRNOTAVAIL:
		return 99
	case syscall.ENETDOWN:
		return 100
	case syscall.ENETUNREACH:
		return 101
	case syscall.ECONNABORTED:
		return 103
	case syscall.ECONNRESET:
		return 104
	case syscall.ENOBUFS:
		return 105
	case syscall.ENOTCONN:
		return 107
	case syscall.ETIMEDOUT:
		return 110
	case syscall.ECONNREFUSED:
		return 111
	case syscall.EHOSTDOWN:
		return 112
	case syscall.EHOSTUNREACH:
		return 113
	}
	return 0
}
