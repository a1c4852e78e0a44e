package appliance_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExplain asks the console why a session was refused, bypassed, dropped and let in.
func TestExplain(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "off"))
	first := s.begin(alice)
	s.rests(first)
	s.exec("diagnose sim fill http 3")
	saw, _ := s.fetchEICAR(alice)
	require.Equal(t, refused, saw)
	out := s.exec("diagnose sim explain refusal 2")
	t.Log(out)
	assert.Regexp(t, `(?m)^session:      2 HTTP vd=root from 127\.0\.0\.1:\d+ at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d
outcome:      refused, style reset \(config system simulator, set refuse\)
decision:     row 9: The session table has no room .*
trigger:      session, entries 4/4
settings:     config system global: av-failopen off, av-failopen-session enable
source:       https://help\.fortinet\.com/\S+
counters:     HTTP setup_fail \+1, Acceptor Read \+1, Acceptor Write \+1; ledger: refused \+1
$`, out)
	assert.Equal(t, out, s.exec("diagnose sim explain session 2"))

	s.set("system global", "av-failopen pass")
	saw, c := s.fetchEICAR(alice)
	require.Equal(t, unscanned, saw)
	local := c.LocalAddr().(*net.TCPAddr)
	assert.Regexp(t, fmt.Sprintf(`^session:      3 HTTP vd=root from %s at .*\noutcome:      bypassed: .*\ndecision:     row 10: .*(?s:.*)\nnow:          (idle|active), up \d+, down \d+ bytes\n`, local), s.exec("diagnose sim explain session 3"))
	c.Close()
	s.eventually(func() bool { return len(s.Engine().Leaked(1)) == 1 }, "in the ledger")
	assert.Regexp(t, `\nleaked:       \d+ bytes unscanned \(failopen bypass\), to or from 127\.0\.0\.1:\d+; ended at .*: done\n`, s.exec("diagnose sim explain session 3"))
	assert.Regexp(t, `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +3 HTTP     127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +\d+  failopen bypass\n$`, s.exec("diagnose sim leak sessions"))

	s.exec("diagnose sim drain", "diagnose sim fill http 3 client 127.0.0.1 idle 1")
	s.set("system global", "av-failopen idledrop")
	s.advance(31 * time.Second)
	saw, _ = s.fetchEICAR(alice)
	require.Equal(t, blocked, saw)
	out = s.exec("diagnose sim explain drop 1")
	t.Log(out)
	assert.Regexp(t, `^drop:         1: entry \d+, a phantom entry, HTTP vd=root of 127\.0\.0\.1 at .*
outcome:      dropped for session 4 of 127\.0\.0\.1:\d+, which was inspected
victim:       idle for 32s, the longest of its client; the client had 4 entries and was number 1 in the order of victims
decision:     row 12: .*
trigger:      session, entries 4/4
`, out)
	assert.Regexp(t, `\noutcome:      inspected, entry \d+\ndecision:     row 12: .*`, s.exec("diagnose sim explain session 4"))
	assert.Regexp(t, `\ndecision:     row 7: (?s:.*)\nidle:         for 31s; idledrop may take it after 30s`, s.exec("diagnose sim explain session 1"))
	assert.Equal(t, "session 99 is not known: the newest 1000 of each kind are remembered\n", s.exec("diagnose sim explain session 99"))
	s.exec("diagnose sim drain")
	assert.Contains(t, s.exec("diagnose sim switches"), "switch:   idledrop idle, any (now idle)\n")
}
