package stats

import "syscall"

func linuxNumber(e syscall.Errno) int { return int(e) }
