package console

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner/simulated"
)

// says executes a line that has to succeed.
func (u *unit) says(t *testing.T, line string) string {
	t.Helper()
	var out bytes.Buffer
	require.True(t, u.Exec("test", []string{line}, &out), out.String())
	return out.String()
}

func TestScanner(t *testing.T) {
	u := newUnit(t)
	clock := regexp.MustCompile(`\d\d:\d\d:\d\d`)
	want := "engine    state    since                    scans    errors  version\n" +
		"builtin   up       TT:TT:TT(1m30s)             12         1  builtin own\n" +
		"clamd     down     TT:TT:TT(1m30s)              0         7  \n" +
		"  connecting 127.0.0.1:3310: refused\n" +
		"icap      unknown  -                            0         0  \n" +
		"scans: running=0 waiting=0\n" +
		"cache: verdicts=3/100 hits=5 misses=8\n"
	off := "dial: latency=0s errors=0% stalled=no\n"
	assert.Equal(t, want+off, clock.ReplaceAllString(u.says(t, "diagnose sim scanner"), "TT:TT:TT"))
	assert.Contains(t, u.says(t, "diagnose sim scanner latency 250ms"), "dial: latency=250ms errors=0% stalled=no\n")
	assert.Contains(t, u.says(t, "diagnose sim scanner errors 30"), "dial: latency=250ms errors=30% stalled=no\n")
	assert.Regexp(t, `stalled=(1h0m0s|59m59\.\d+s)\n`, u.says(t, "diagnose sim scanner stall 1h"))
	s := u.scanning.dial.Setting()
	assert.Equal(t, 250*time.Millisecond, s.Latency)
	assert.Equal(t, 30, s.Errors)
	assert.WithinDuration(t, time.Now().Add(time.Hour), s.Stalled, time.Minute)
	assert.Contains(t, u.says(t, "diag sim scanner normal"), off)
	assert.Equal(t, simulated.Setting{}, u.scanning.dial.Setting())
	for _, line := range []string{
		"diagnose sim scanner latency", "diagnose sim scanner latency 250", "diagnose sim scanner latency -1s", "diagnose sim scanner latency 25h",
		"diagnose sim scanner errors 101", "diagnose sim scanner stall now", "diagnose sim scanner faster",
	} {
		var out bytes.Buffer
		assert.False(t, u.Exec("test", []string{line}, &out), line)
	}
}
