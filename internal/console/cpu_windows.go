package console

import (
	"time"

	"golang.org/x/sys/windows"
)

// processTime is the processor time of the program since its start; zero when the
// system does not tell.
func processTime() cpuTime {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return cpuTime{}
	}
	const tick = 100 * time.Nanosecond
	span := func(f windows.Filetime) time.Duration {
		return time.Duration(uint64(f.HighDateTime)<<32|uint64(f.LowDateTime)) * tick
	}
	return cpuTime{user: span(user), system: span(kernel)}
}
