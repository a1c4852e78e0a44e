//go:build !linux

package load

import "time"

// CPU returns ErrNoProc.
func CPU(int) (time.Duration, error) { return 0, ErrNoProc }

// RSS returns ErrNoProc.
func RSS(int) (int64, error) { return 0, ErrNoProc }

// Processors returns ErrNoProc.
func Processors() (busy, all time.Duration, err error) { return 0, 0, ErrNoProc }
