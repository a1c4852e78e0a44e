package stats

import (
	"errors"
	"syscall"
)

// The Linux numbers of what has no errno of its own.
const (
	linuxEIO       = 5
	linuxETIMEDOUT = 110
)

// Errno is the Linux number of err on every system, because the appliance
// prints Linux numbers: the errno that err wraps, ETIMEDOUT (110) for whatever
// else reports a time-out, EIO (5) for all the rest, nil included.
func Errno(err error) int {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if n := linuxNumber(errno); n != 0 {
			return n
		}
		return linuxEIO
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return linuxETIMEDOUT
	}
	return linuxEIO
}
