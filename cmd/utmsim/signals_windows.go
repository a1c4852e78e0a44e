package main

import (
	"os"
	"syscall"
)

// There is no hang-up signal to reload with on Windows.
var (
	stopSignals   = []os.Signal{os.Interrupt, syscall.SIGTERM}
	reloadSignals []os.Signal
)
