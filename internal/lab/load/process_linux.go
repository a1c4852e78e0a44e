package load

import (
	"fmt"
	"os"
	"time"
)

// CPU returns the processor time a process has used so far, user and system, all
// threads, in steps of 10 ms.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return parseCPU(stat)
}

// RSS returns the resident memory of a process in bytes, counted page by page
// (the cheaper figure of /proc/PID/status lags behind). What the kernel holds
// for its sockets is not in it. The process must belong to the same user.
func RSS(pid int) (int64, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return parseRSS(rollup)
}

// Processors returns the time that all processors together have worked and the time
// that has passed for them since the system started, in steps of 10 ms.
func Processors() (busy, all time.Duration, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("reading the time of the processors: %w", err)
	}
	return parseProcessors(stat)
}
