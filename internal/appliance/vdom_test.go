package appliance_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

// guestsDoor is where VDOM guests is configured to listen for HTTP.
var guestsDoor = netip.MustParseAddrPort("127.0.0.1:8090")

// guests are the objects of a VDOM with one VIP in front of the HTTP origin.
func guests(origin string) string {
	at := netip.MustParseAddrPort(origin)
	return fmt.Sprintf(`config vdom
edit guests
config firewall profile-protocol-options
    edit "default"
        config http
            set ports %d
            set keepalive-timeout 3600
        end
    next
end
config firewall vip
    edit "web"
        set extip %s
        set extport %d
        set portforward enable
        set mappedip %s
        set mappedport %d
    next
end
config firewall policy
    edit 7
        set dstaddr "web"
        set action accept
        set service "HTTP"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
end
end
`, at.Port(), guestsDoor.Addr(), guestsDoor.Port(), at.Addr(), at.Port())
}

// inGlobal are lines about what the VDOMs share.
func inGlobal(lines ...string) []string {
	return append(append([]string{"config global"}, lines...), "end")
}

// twoVDOMs is a site with VDOM guests, which may have two sessions, beside the lab's
// root. It returns the door of guests.
func twoVDOMs(t *testing.T, policy string) (*site, string) {
	s := newSite(t, fmt.Sprintf("config system global\nset vdom-admin enable\nset av-failopen-session enable\nset av-failopen %s\nend\n", policy))
	s.exec(strings.Split(strings.TrimSpace(guests(s.origin())), "\n")...)
	s.exec(inGlobal("config system vdom-property", "edit guests", "set proxy 2", "end")...)
	door, err := s.Engine().Addr(guestsDoor)
	require.NoError(t, err)
	return s, door.String()
}

// beginAt opens a session at a door that has one exchange behind it and is at rest.
func (s *site) beginAt(from, door string) *client {
	s.t.Helper()
	c := s.dialTo(from, door)
	c.home()
	s.rests(c)
	return c
}

// of is what 4444 says about HTTP of a VDOM.
func (s *site) of(vdom string) (current, limit, peak int) {
	s.t.Helper()
	_, text, found := strings.Cut(s.exec("get test proxyworker 4444"), "VDOM "+vdom+"\n")
	require.True(s.t, found)
	s.scan(text, "HTTP Common\nCurrent Connections ", &current, &limit, &peak)
	return current, limit, peak
}

// states is what "diagnose sim failopen" says about HTTP of a VDOM.
func (s *site) states(vdom string) string {
	s.t.Helper()
	for line := range strings.Lines(s.exec("diagnose sim failopen")) {
		if strings.HasPrefix(line, "HTTP vd="+vdom+" ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// addUp checks the invariants of each VDOM's counters, and that together they are
// the unit's.
func (s *site) addUp() {
	s.t.Helper()
	s.invariants()
	var sum [protocols.Count]map[string]int64
	ledger := [protocols.Count]stats.LedgerReport{}
	for _, name := range s.Engine().VDOMs() {
		r := s.Engine().ReportVDOM(name)
		require.NoError(s.t, r.Check(), name)
		for p := range sum {
			if sum[p] == nil {
				sum[p] = map[string]int64{}
			}
			for _, l := range r.Accounting[p].Lines {
				sum[p][l.Label] += l.Value
			}
			ledger[p].Refused += r.Ledger[p].Refused
			ledger[p].Dropped += r.Ledger[p].Dropped
			ledger[p].Bypassed.Sessions += r.Ledger[p].Bypassed.Sessions
		}
	}
	unit := s.Engine().Report()
	for p := range sum {
		for _, l := range unit.Accounting[p].Lines {
			assert.Equal(s.t, l.Value, sum[p][l.Label], "%s of %s", l.Label, protocols.Protocol(p))
		}
		assert.Equal(s.t, unit.Ledger[p].Refused, ledger[p].Refused)
		assert.Equal(s.t, unit.Ledger[p].Dropped, ledger[p].Dropped)
		assert.Equal(s.t, unit.Ledger[p].Bypassed.Sessions, ledger[p].Bypassed.Sessions)
	}
}

// TestTwoVDOMs fills VDOM guests to its limit and has a newcomer come to it, and one
// to root, which has room.
func TestTwoVDOMs(t *testing.T) {
	for _, test := range []struct {
		policy string
		state  string // of guests
		saw    sight
		figure func(stats.LedgerReport) int64 // that the newcomer to guests moves
	}{
		{"pass", "action=bypass entries=2/2 room=no latch=none row=10 ", unscanned, func(l stats.LedgerReport) int64 { return l.Bypassed.Sessions }},
		{"one-shot", "action=bypass entries=2/2 room=no latch=none row=11 ", unscanned, func(l stats.LedgerReport) int64 { return l.Bypassed.Sessions }},
		{"idledrop", "action=idledrop entries=2/2 room=no latch=none row=12 ", blocked, func(l stats.LedgerReport) int64 { return l.Dropped }},
		{"off", "action=refuse entries=2/2 room=no latch=none row=9 ", refused, func(l stats.LedgerReport) int64 { return l.Refused }},
	} {
		t.Run(test.policy, func(t *testing.T) {
			s, door := twoVDOMs(t, test.policy)
			elder := s.beginAt(alice, s.vip) // root's, idle for longer than anybody
			s.advance(time.Second)
			first := s.beginAt(alice, door)
			s.advance(time.Second)
			second := s.beginAt(alice, door)
			s.advance(time.Minute)
			s.settled(3)
			assert.Contains(t, s.states("guests"), "state=failopen trigger=session ")
			assert.Contains(t, s.states("guests"), test.state)
			assert.Contains(t, s.states("root"), "state=normal trigger=none since=- action=inspect entries=1/8032 room=yes latch=none row=7 ")

			saw, newcomer := s.meet(httpSpeaker(), alice, door)
			assert.Equal(t, test.saw, saw, "a newcomer to the full VDOM")
			saw, other := s.meet(httpSpeaker(), alice, s.vip)
			assert.Equal(t, blocked, saw, "a newcomer to root")
			elder.home()
			if test.policy == "idledrop" {
				first.dropped()
			} else {
				first.home()
			}
			saw, err := httpSpeaker().eicar(second)
			require.NoError(t, err)
			assert.Equal(t, blocked, saw, "a session that was there before")

			current, limit, peak := s.of("guests")
			assert.Equal(t, [3]int{2, 2, 2}, [3]int{current, limit, peak})
			current, limit, peak = s.of("root")
			assert.Equal(t, [3]int{2, 8032, 2}, [3]int{current, limit, peak})
			assert.EqualValues(t, 1, test.figure(s.Engine().ReportVDOM("guests").Ledger[protocols.HTTP]))
			assert.Zero(t, test.figure(s.Engine().ReportVDOM("root").Ledger[protocols.HTTP]))
			assert.Equal(t, 4, s.figures().current, "level 4 has both")
			latched := strings.Contains(s.states("guests"), "latch=protocol row=2 ")
			assert.Equal(t, test.policy == "one-shot", latched)
			assert.NotContains(t, s.states("root"), "latch=protocol")
			for _, c := range []*client{elder, first, second, newcomer, other} {
				if c != nil {
					c.Close()
				}
			}
			s.conserved()
			s.addUp()
			assert.Contains(t, s.states("guests"), "trigger=none")
			seen := map[string]bool{}
			for _, l := range s.log("failopen entered") {
				seen[l["vdom"].(string)] = true
			}
			assert.Equal(t, map[string]bool{"guests": true}, seen)
		})
	}
}

// TestVDOMsReloaded reloads a file with several VDOMs, others each time, while
// sessions of two of them are open and clients come and go.
func TestVDOMsReloaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "utm.conf")
	const head = `config vdom
edit root
next
edit guests
next
%send
config global
config system global
    set vdom-admin enable
    set av-failopen-session enable
    set av-failopen off
end
config system resource-limits
    set proxy %d
end
%send
`
	variants := func(origin string) []string {
		few := "config system vdom-property\nedit guests\nset proxy 2\nend\n"
		many := "config system vdom-property\nedit guests\nset proxy 500\nnext\nedit lab-3\nset proxy 5\nend\n"
		return []string{
			fmt.Sprintf(head, "", 900, "") + guests(origin),
			fmt.Sprintf(head, "edit lab-3\nnext\n", 1000, many) + guests(origin),
			fmt.Sprintf(head, "edit lab-2\nnext\nedit lab-3\nnext\n", 1000, few) + guests(origin),
		}
	}
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("")
	s := new(site)
	s.start(t, appliance.FileSource(file))
	texts := variants(s.origin())
	write(texts[0])
	require.NoError(t, s.Reload())
	at, err := s.Engine().Addr(guestsDoor)
	require.NoError(t, err)
	door := at.String()

	guarded := []*client{s.beginAt(alice, door), s.beginAt(alice, s.vip), s.beginAt(alice, door), s.beginAt(alice, s.vip)}
	stop := make(chan struct{})
	var users sync.WaitGroup
	for _, to := range []string{door, s.vip} {
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				saw, c := s.meet(httpSpeaker(), alice, to)
				if saw == refused && to == door { // it has two sessions already where it may have two
					continue
				}
				assert.Equal(t, blocked, saw)
				c.Close()
			}
		})
	}
	for round := range 12 {
		write(texts[(round+1)%len(texts)])
		before := s.made.Load()
		require.NoError(t, s.Reload())
		s.eventually(func() bool { return s.made.Load() > before+4 }, "traffic")
	}
	close(stop)
	users.Wait()
	for _, c := range guarded {
		c.home()
		saw, err := httpSpeaker().eicar(c)
		require.NoError(t, err)
		assert.Equal(t, blocked, saw)
	}
	names := s.Engine().VDOMs()
	assert.Equal(t, []string{"root", "guests"}, names)
	for _, c := range guarded {
		c.Close()
	}
	s.conserved()
	s.addUp()
	refusals := int(s.Engine().ReportVDOM("guests").Ledger[protocols.HTTP].Refused)
	t.Logf("%d connections, %d refused in guests", s.made.Load(), refusals)
	for _, l := range s.log("session") {
		assert.NotContains(t, []string{"dropped", "restart", "cleared", "shutdown"}, l["close"])
	}
}

// TestVDOMsShareMemory has memory become short, which is everybody's, while one VDOM
// is at its limit, which is its own.
func TestVDOMsShareMemory(t *testing.T) {
	s, door := twoVDOMs(t, "one-shot")
	s.exec(inGlobal("config system global", "set av-failopen-session disable", "end")...)
	s.beginAt(alice, door)
	s.beginAt(alice, door)
	assert.Contains(t, s.states("guests"), "state=normal trigger=none since=- action=refuse entries=2/2 room=no latch=none row=8 ")
	saw, _ := s.meet(httpSpeaker(), alice, door)
	assert.Equal(t, refused, saw)
	saw, _ = s.meet(httpSpeaker(), alice, s.vip)
	assert.Equal(t, blocked, saw)

	s.exec("diagnose sim memory 90")
	for _, name := range s.Engine().VDOMs() {
		assert.Contains(t, s.states(name), "state=failopen trigger=memory ", name)
		assert.Contains(t, s.states(name), "action=bypass ", name)
	}
	saw, _ = s.meet(httpSpeaker(), alice, s.vip)
	assert.Equal(t, unscanned, saw)
	s.exec("diagnose sim memory auto")
	for _, name := range s.Engine().VDOMs() {
		assert.Contains(t, s.states(name), "latch=all row=2 ", "what memory has set holds for all: %s", name)
	}
	saw, _ = s.meet(httpSpeaker(), alice, door)
	assert.Equal(t, unscanned, saw)
	s.exec(inGlobal("config system global", "set av-failopen off", "end")...)
	assert.Contains(t, s.states("root"), "state=normal trigger=none ")
	saw, _ = s.meet(httpSpeaker(), alice, s.vip)
	assert.Equal(t, blocked, saw)
}
