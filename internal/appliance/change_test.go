package appliance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/internal/appliance"
)

// changeable is a configuration under which nobody is idle soon enough to be
// dropped: whoever loses a session lost it by a change.
const changeable = `config system resource-limits
    set proxy %d
end
config firewall profile-protocol-options
    edit "default"
        config http
            set oversize-limit 1
            set keepalive-timeout 3600
        end
    next
end
config system simulator
    set idle-threshold 3600
    set exchange-timeout 3600
end
config system global
    set av-failopen-session enable
    set av-failopen %s
end
`

// change is one change while traffic runs.
type change struct {
	name  string
	limit int // of the table from then on; 0: as before
	lines []string
	vetos bool // the unit refuses it
	level failopen.Memory
}

// changes are made in turn, over and over. Each line is one of the console.
func changes() []change {
	global := func(settings ...string) []string { return object("system global", settings...) }
	simulator := func(settings ...string) []string { return object("system simulator", settings...) }
	limit := func(n int) []string { return object("system resource-limits", fmt.Sprintf("proxy %d", n)) }
	return []change{
		{name: "fewer entries", limit: 60, lines: limit(60)},
		{name: "off", lines: global("av-failopen off")},
		{name: "more entries", limit: 140, lines: limit(140)},
		{name: "pass", lines: global("av-failopen pass")},
		{name: "hardly any entries", limit: 1, lines: limit(1)},
		{name: "one-shot", lines: global("av-failopen one-shot")},
		{name: "idledrop", lines: global("av-failopen idledrop")},
		{name: "conserve mode", lines: []string{"diagnose sim memory 85"}, level: failopen.Conserve},
		{name: "pass in conserve mode", lines: global("av-failopen pass"), level: failopen.Conserve},
		{name: "memory again", lines: []string{"diagnose sim memory auto"}},
		{name: "newer release", lines: simulator("persona 5.6")},
		{name: "other thresholds", limit: 100, lines: append(global("memory-use-threshold-extreme 96", "memory-use-threshold-red 92", "memory-use-threshold-green 75"), limit(100)...)},
		{name: "below the new threshold", lines: []string{"diagnose sim memory 91"}},
		{name: "above it", lines: []string{"diagnose sim memory 94"}, level: failopen.Conserve},
		{name: "no changes in conserve mode", lines: limit(50), vetos: true, level: failopen.Conserve},
		{name: "extreme", lines: []string{"diagnose sim memory 98"}, level: failopen.Extreme},
		{name: "memory again", lines: []string{"diagnose sim memory auto"}},
		{name: "older release", lines: simulator("persona 5.2")},
		{name: "a limit for HTTP", lines: simulator("http-limit 20")},
		{name: "without av-failopen-session", lines: global("av-failopen-session disable")},
		{name: "a limit for the VDOM", lines: append(simulator("http-limit 0"), "config system vdom-property", "edit root", "set proxy 30", "end")},
		{name: "no limit for the VDOM", lines: []string{"config system vdom-property", "delete root", "end"}},
		{name: "other readings", lines: simulator("enter first-refusal", "latch-clear any-change", "max-concurrent limit", "refuse close")},
		{name: "documented readings", lines: simulator("enter zero-free", "latch-clear documented", "max-concurrent peak", "refuse reset")},
		{name: "another oversize limit", lines: []string{"config firewall profile-protocol-options", "edit default", "config http", "set oversize-limit 2", "end", "end"}},
	}
}

func object(path string, settings ...string) []string {
	lines := []string{"config " + path}
	for _, x := range settings {
		lines = append(lines, "set "+x)
	}
	return append(lines, "end")
}

// changer makes changes through the console and by reloading the file.
type changer struct {
	s    *site
	b    *bound
	file string
	made int
}

func (c *changer) make(ch change) {
	t := c.s.t
	put := func() {
		out, ok := c.s.try(ch.lines...)
		assert.Equal(t, !ch.vetos, ok, "%s: %s", ch.name, out)
		if ch.vetos {
			assert.Contains(t, out, "memory conserve mode is on")
		}
	}
	if ch.limit > 0 {
		c.b.change(ch.limit, put)
	} else {
		put()
	}
	assert.Equal(t, ch.level, c.s.Engine().Memory().Level, ch.name)
	c.made++
}

// reload writes the file anew and reloads it.
func (c *changer) reload(limit int, policy string) {
	t := c.s.t
	require.NoError(t, os.WriteFile(c.file, fmt.Appendf(nil, changeable, limit, policy), 0o600))
	c.b.change(limit, func() { require.NoError(t, c.s.Reload()) })
	assert.Contains(t, c.s.exec("show system resource-limits"), fmt.Sprintf("set proxy %d\n", limit))
	assert.Contains(t, c.s.exec("show full-configuration system global"), "set av-failopen "+policy+"\n")
	c.made++
}

// spoiled reloads a file with an error, which changes nothing.
func (c *changer) spoiled() {
	t := c.s.t
	before := c.s.exec("show")
	bad := strings.Replace(fmt.Sprintf(changeable, 77, "off"), "set keepalive-timeout 3600", "set keepalive-timeout never", 1)
	require.NoError(t, os.WriteFile(c.file, []byte(bad), 0o600))
	err := c.s.Reload()
	require.Error(t, err)
	assert.Contains(t, err.Error(), c.file+":8: ")
	assert.Equal(t, before, c.s.exec("show"))
	c.made++
}

// TestChangesUnderLoad changes limits, policies, thresholds and more while 64 clients
// come and go, by the console and by reloading the file. Sessions that were there
// before the first change are there after the last.
func TestChangesUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "utm.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, changeable, 100, "off"), 0o600))
	s := new(site)
	s.start(t, appliance.FileSource(file))
	var guarded []task
	for range 4 {
		guarded = append(guarded, s.idle(alice), s.uploading(alice), s.downloading(alice))
	}
	b := watchBound(s, 100)
	c := &changer{s: s, b: b, file: file}
	l := startTraffic(s, rules{mayRefuse: true, mayBypass: true})
	rounds := 0
	for end := time.Now().Add(loadTime(t)); rounds == 0 || time.Now().Before(end); rounds++ {
		for _, ch := range changes() {
			c.make(ch)
			c.traffic(l)
		}
		c.reload(130, "pass")
		c.spoiled()
		c.traffic(l)
		c.reload(100, "off")
	}
	for _, g := range guarded {
		g.finish()
		g.home()
	}
	l.end()
	b.end()
	for _, g := range guarded {
		g.Close()
	}
	b.change(140, func() { s.set("system resource-limits", "proxy 140") }) // no peak is above the limit
	f := s.conserved()
	t.Logf("%d changes in %d rounds; %d connections, %d requests; clients saw %d refused, %d inspected, %d bypassed; %+v; at most %d entries in %d samples",
		c.made, rounds, s.made.Load(), l.requests.Load(), l.refused.Load(), l.blocked.Load(), l.bypassed.Load(), f, b.most, b.samples)
	assert.Zero(t, f.dropped)
	assert.Positive(t, f.refused)
	assert.Positive(t, f.bypassed)
	assert.LessOrEqual(t, f.peak, 140)
	for _, l := range s.log("session") {
		assert.NotContains(t, []string{"dropped", "restart", "cleared"}, l["close"])
	}
}

// traffic waits until the clients have met the change.
func (c *changer) traffic(l *traffic) {
	before := c.s.made.Load()
	c.s.eventually(func() bool { return c.s.made.Load() >= before+dialers/2 || l.quiet() }, "traffic")
}
