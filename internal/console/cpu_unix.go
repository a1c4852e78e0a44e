//go:build unix

package console

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime is the processor time of the program since its start; zero when the
// system does not tell.
func processTime() cpuTime {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return cpuTime{}
	}
	return cpuTime{time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())}
}
