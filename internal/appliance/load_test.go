package appliance_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// loadTime is how long the traffic of one scenario runs.
func loadTime(t testing.TB) time.Duration {
	text := os.Getenv("UTMSIM_LOAD_SECONDS")
	if text == "" {
		return 2 * time.Second
	}
	n, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err, "UTMSIM_LOAD_SECONDS")
	return time.Duration(n * float64(time.Second))
}

const tableOfHundred = `config system resource-limits
    set proxy 100
end
config system simulator
    set idle-threshold 0
end
config system global
    set av-failopen-session %s
    set av-failopen %s
end
`

// TestLimitUnderLoad has 64 clients at once want more than a table of 100 has room
// for, under each policy.
func TestLimitUnderLoad(t *testing.T) {
	for _, test := range []struct {
		session, policy string
		rules           rules
	}{
		{"enable", "off", rules{mayRefuse: true}},
		{"enable", "pass", rules{mayBypass: true}},
		{"enable", "one-shot", rules{mayBypass: true}},
		{"enable", "idledrop", rules{mayDrop: true, mayRefuse: true}},
		{"disable", "pass", rules{mayRefuse: true}},
	} {
		t.Run(fmt.Sprintf("av-failopen-session %s, av-failopen %s", test.session, test.policy), func(t *testing.T) {
			s := newRealTimeSite(t, fmt.Sprintf(tableOfHundred, test.session, test.policy))
			b, l := watchBound(s, 100), startTraffic(s, test.rules)
			<-time.After(loadTime(t))
			s.eventually(func() bool { return test.rules.met(s) || l.quiet() }, "what the policy is for")
			l.end()
			b.end()
			f := s.conserved()
			t.Logf("%d connections, %d requests; clients saw %d refused, %d dropped, %d inspected, %d bypassed; %+v; at most %d entries in %d samples",
				s.made.Load(), l.requests.Load(), l.refused.Load(), l.dropped.Load(), l.blocked.Load(), l.bypassed.Load(), f, b.most, b.samples)
			assert.Equal(t, 100, f.peak, "the table was full, and never more than that")
			assert.LessOrEqual(t, b.most, 100)
			assert.Equal(t, test.rules.mayRefuse && !test.rules.mayDrop, f.refused > 0 && !test.rules.mayDrop)
			assert.Equal(t, test.rules.mayBypass, f.bypassed > 0)
			assert.Equal(t, test.rules.mayDrop, f.dropped > 0)
			leaks := s.Engine().Report().Ledger[protocols.HTTP].Bypassed
			assert.Equal(t, test.rules.mayBypass, leaks.Bytes > 0)
			s.stop()
		})
	}
}

// met tells that the table has been full and that what may happen then has happened:
// on a slow machine that takes its time.
func (r rules) met(s *site) bool {
	_, peak := s.Engine().Entries()
	f := s.figures()
	return peak == 100 && (f.refused > 0 || !r.mayRefuse || r.mayDrop) && (f.bypassed > 0 || !r.mayBypass) && (f.dropped > 0 || !r.mayDrop)
}

// TestLevelsUnderLoad restarts the proxy and drops sessions by hand, over and over,
// while 64 clients come and go.
func TestLevelsUnderLoad(t *testing.T) {
	s := newRealTimeSite(t, fmt.Sprintf(tableOfHundred, "enable", "idledrop"))
	b, l := watchBound(s, 100), startTraffic(s, rules{mayRefuse: true, mayDrop: true, mayCut: true})
	rounds := 0
	for end := time.Now().Add(loadTime(t)); time.Now().Before(end); rounds++ {
		for _, level := range []int{22, 222, 2, 22, 99} {
			before := s.made.Load()
			s.eventually(func() bool { return s.made.Load() >= before+dialers || l.quiet() }, "traffic")
			s.exec(fmt.Sprintf("get test proxyworker %d", level))
		}
	}
	l.end()
	b.end()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.settled(0)
	f := s.figures()
	t.Logf("%d rounds; %d connections, %d requests; clients saw %d dropped; %+v since the last restart", rounds, s.made.Load(), l.requests.Load(), l.dropped.Load(), f)
	assert.LessOrEqual(t, f.peak, f.setupOK+f.setupFail, "whoever has had an entry since the restart was counted")
	saw, _ := s.fetchEICAR(alice)
	assert.Equal(t, blocked, saw)
}
