//go:build unix

package bench

import "syscall"

// openFiles is the limit on open files a process can raise its own to, or 0.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Max), 1<<20))
}
