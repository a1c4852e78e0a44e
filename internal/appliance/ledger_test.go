package appliance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// TestLedgerReasons has one object pass unscanned in each protocol for each reason:
// its bytes are counted once, under that reason and no other.
func TestLedgerReasons(t *testing.T) {
	large := samples.File{Name: "large.bin", Data: []byte(strings.Repeat("harmless ", 200_000))}
	small := samples.File{Name: "small.bin", Data: large.Data[:9000]}
	full := "config system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen %s\nend\n"
	for _, test := range []struct {
		reason stats.LeakReason
		config func(p protocols.Protocol) string
		file   samples.File
		before string // a line of the console
	}{
		{stats.LeakFailopen, func(protocols.Protocol) string { return fmt.Sprintf(full, "pass") }, small, "diagnose sim fill http 1"},
		{stats.LeakOneShot, func(protocols.Protocol) string { return fmt.Sprintf(full, "one-shot") }, small, "diagnose sim fill http 1"},
		{stats.LeakOversize, func(p protocols.Protocol) string {
			return "config firewall profile-protocol-options\nedit default\nconfig " + p.Word() + "\nset oversize-limit 1\nend\nnext\nend\n"
		}, large, ""},
		{stats.LeakScanError, func(protocols.Protocol) string { return scanErrors }, small, "diagnose sim scanner errors 100"},
		{stats.LeakScanTimeout, func(protocols.Protocol) string {
			return "config antivirus engine\nset scan-timeout 1\nset timeout-action pass\nend\n"
		}, small, "diagnose sim scanner stall 1h"},
		{stats.LeakPolicy, func(p protocols.Protocol) string {
			return fmt.Sprintf("config firewall policy\nedit %d\nset utm-status disable\nnext\nend\n", p+1)
		}, small, ""},
	} {
		for _, p := range protocols.All {
			t.Run(test.reason.String()+", "+p.String(), func(t *testing.T) {
				s := newRealTimeSite(t, test.config(p))
				if test.before != "" {
					s.exec(test.before)
				}
				s.fetch(p, test.file)
				s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "session over")
				s.Engine().Drain()
				for _, other := range protocols.All {
					for r, l := range s.ledger(other).Leaks {
						if other != p || stats.LeakReason(r) != test.reason {
							assert.Zero(t, l, "%s, %s", other, stats.LeakReason(r))
						}
					}
				}
				l, size := s.ledger(p).Leaks[test.reason], int64(len(test.file.Data))
				assert.EqualValues(t, 1, l.Sessions)
				byObject := test.reason != stats.LeakFailopen && test.reason != stats.LeakOneShot && test.reason != stats.LeakPolicy
				if p == protocols.FTP || p == protocols.HTTP && byObject {
					assert.Equal(t, size, l.Bytes, "the object and nothing else")
				} else {
					assert.GreaterOrEqual(t, l.Bytes, size, "with the coding of the mail, or the dialogue")
					assert.Less(t, l.Bytes, size*3/2+4096)
				}
				list := s.Engine().Leaked(10)
				if assert.Len(t, list, 1) {
					assert.Equal(t, l.Bytes, list[0].Bytes)
					assert.Equal(t, []stats.LeakReason{test.reason}, list[0].Reasons)
				}
			})
		}
	}
}
