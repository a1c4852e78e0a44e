package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ErrNoProc is returned where the system has no /proc as Linux has.
var ErrNoProc = errors.New("this system doesn't tell what other processes cost")

// clockTick is the unit of times in /proc/PID/stat. It is 1/100 s on every
// architecture Go supports (proc(5), sysconf(_SC_CLK_TCK)).
const clockTick = 10 * time.Millisecond

// parseCPU reads user and system time from the text of /proc/PID/stat. The
// second field is a name in parentheses and may hold anything, parentheses too.
func parseCPU(stat []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("reading stat: no name")
	}
	const utime, stime = 14 - 3, 15 - 3 // of proc(5), counted from the field after the name
	fields := bytes.Fields(stat[end+1:])
	if len(fields) <= stime {
		return 0, fmt.Errorf("reading stat: only %d fields", len(fields))
	}
	var ticks uint64
	for _, field := range fields[utime : stime+1] {
		n, err := strconv.ParseUint(string(field), 10, 48)
		if err != nil {
			return 0, fmt.Errorf("reading stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// parseRSS reads the Rss line of /proc/PID/smaps_rollup, in bytes.
func parseRSS(rollup []byte) (int64, error) {
	for line := range bytes.Lines(rollup) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != "Rss:" || string(fields[2]) != "kB" {
			continue
		}
		n, err := strconv.ParseInt(string(fields[1]), 10, 48)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("reading smaps_rollup: %q is no size", fields[1])
		}
		return n << 10, nil
	}
	return 0, errors.New("reading smaps_rollup: no Rss line")
}

// parseProcessors reads the first line of /proc/stat: the times of all processors,
// of which idle and iowait are rest, and guests' times are in user and nice already.
func parseProcessors(stat []byte) (busy, all time.Duration, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	const first, idle, iowait, guest = 1, 4, 5, 9 // of proc(5)
	if len(fields) <= iowait || string(fields[0]) != "cpu" {
		return 0, 0, errors.New("reading /proc/stat: no line of all processors")
	}
	for i, field := range fields[first:min(len(fields), guest)] {
		n, err := strconv.ParseUint(string(field), 10, 48)
		if err != nil {
			return 0, 0, fmt.Errorf("reading /proc/stat: %w", err)
		}
		all += time.Duration(n) * clockTick
		if at := i + first; at != idle && at != iowait {
			busy += time.Duration(n) * clockTick
		}
	}
	return busy, all, nil
}
