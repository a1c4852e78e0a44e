package stats

import "syscall"

// linuxNumber is the Linux number of the errors that sockets give, 0 for others.
// Windows counts Winsock errors from 10000 (winsock2.h).
func linuxNumber(e syscall.Errno) int {
	switch e - 10000 {
	case 4: // WSAEINTR
		return 4
	case 9: // WSAEBADF
		return 9
	case 13: // WSAEACCES
		return 13
	case 22: // WSAEINVAL
		return 22
	case 24: // WSAEMFILE
		return 24
	case 35: // WSAEWOULDBLOCK
		return 11
	}
	return linuxSocketNumber(e)
}

func linuxSocketNumber(e syscall.Errno) int {
	switch e - 10000 {
	case 48: // WSAEADDRINUSE
		return 98
	case 49: // WSAEADDRNOTAVAIL
		return 99
	case 50: // WSAENETDOWN
		return 100
	case 51: // WSAENETUNREACH
		return 101
	case 53: // WSAECONNABORTED
		return 103
	case 54: // WSAECONNRESET
		return 104
	case 55: // WSAENOBUFS
		return 105
	case 57: // WSAENOTCONN
		return 107
	case 60: // WSAETIMEDOUT
		return 110
	case 61: // WSAECONNREFUSED
		return 111
	case 64: // WSAEHOSTDOWN
		return 112
	case 65: // WSAEHOSTUNREACH
		return 113
	}
	return linuxOddNumber(e)
}

// linuxOddNumber knows the same errors under Go's invented numbers and under
// the system's own, which file operations on sockets can give.
func linuxOddNumber(e syscall.Errno) int {
	const netNameDeleted, brokenPipe, semTimeout = 64, 109, 121
	switch e {
	case syscall.ECONNRESET, netNameDeleted:
		return 104
	case syscall.ECONNREFUSED:
		return 111
	case syscall.ETIMEDOUT, semTimeout:
		return 110
	case syscall.EPIPE, brokenPipe:
		return 32
	case syscall.EMFILE:
		return 24
	case syscall.EADDRINUSE:
		return 98
	}
	return 0
}
