package console

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/proxy"
)

func TestVeto(t *testing.T) {
	set := func(path, setting string) config.Change { return config.Change{Path: path, Setting: setting} }
	for _, c := range []struct {
		name    string
		persona config.Persona
		level   failopen.Memory
		changes []config.Change
		refused bool
	}{
		{"the older persona", config.Persona52, failopen.Conserve, []config.Change{set("system global", "hostname")}, false},
		{"no conserve mode", config.Persona56, failopen.Normal, []config.Change{set("system global", "hostname")}, false},
		{"conserve mode", config.Persona56, failopen.Conserve, []config.Change{set("system global", "hostname")}, true},
		{"extreme", config.Persona56, failopen.Extreme, []config.Change{set("system global", "hostname")}, true},
		{"the policy", config.Persona56, failopen.Extreme, []config.Change{set("system global", "av-failopen"), set("system global", "av-failopen-session")}, false},
		{"the simulator", config.Persona56, failopen.Conserve, []config.Change{set("system simulator", "persona")}, false},
		{"one of several", config.Persona56, failopen.Conserve, []config.Change{set("system simulator", "persona"), set("system console", "output")}, true},
		{"a new entry", config.Persona56, failopen.Conserve, []config.Change{{Kind: config.Added, Path: "firewall vip", Key: "a"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := new(config.Snapshot)
			old.Simulator.Persona = c.persona
			err := Veto(c.level, config.Commit{Old: old, New: old, Changes: c.changes})
			if !c.refused {
				require.NoError(t, err)
				return
			}
			var cli *config.CLIError
			require.ErrorAs(t, err, &cli)
			assert.Equal(t, 1, cli.Code)
		})
	}
}

// TestTimezone: the console's dates and times are those of the zone that is set.
func TestTimezone(t *testing.T) {
	u := newUnit(t)
	u.exec("config system global", "set timezone 76", "end") // no machine that runs this is there
	zone := u.store.Snapshot().Global.Timezone.Location()
	says := func(line, layout string) time.Time {
		t.Helper()
		out, ok := u.exec(line)
		require.True(t, ok)
		_, text, _ := strings.Cut(strings.TrimSpace(out), ": ")
		at, err := time.ParseInLocation(layout, text[:min(len(text), len(layout))], zone)
		require.NoError(t, err)
		return at
	}
	began := time.Now().Truncate(time.Second)
	assert.WithinRange(t, says("get system status | grep System", time.ANSIC), began, time.Now())
	u.exec("diagnose sim memory 90")
	assert.WithinRange(t, says("diagnose hardware sysinfo shm | grep 'shm last'", time.ANSIC), began, time.Now())
	assert.WithinRange(t, says("diagnose debug crashlog read | grep conserve=on", time.DateTime), began, time.Now())
}

func TestFailopenWords(t *testing.T) {
	normal := proxy.FailopenState{}
	assert.Equal(t, []string{"normal", "none", "yes"}, []string{stateWord(&normal), triggerWord(&normal), roomWord(&normal)})
	latched := proxy.FailopenState{State: failopen.State{Failopen: true, Latched: true, LatchScope: failopen.LatchAll}}
	assert.Equal(t, []string{"failopen", "none"}, []string{stateWord(&latched), triggerWord(&latched)})
	both := proxy.FailopenState{State: failopen.State{Failopen: true, Session: true, Full: true, Memory: failopen.Extreme}}
	assert.Equal(t, []string{"failopen", "session,memory", "no"}, []string{stateWord(&both), triggerWord(&both), roomWord(&both)})
}

func TestEveryNodeIsHelpful(t *testing.T) {
	var visit func(path string, n *node)
	visit = func(path string, n *node) {
		assert.True(t, n.run != nil || n.other != nil || len(n.children) > 0, "%s leads nowhere", path)
		arguments := 0
		for i, child := range n.children {
			assert.NotEmpty(t, child.word, path)
			assert.NotEmpty(t, child.help, path+" "+child.word)
			if child.arg != nil {
				arguments++
				assert.True(t, strings.HasPrefix(child.word, "<"), path+" "+child.word)
			}
			for _, twin := range n.children[:i] {
				assert.NotEqual(t, child.word, twin.word, path)
			}
			visit(path+" "+child.word, child)
		}
		assert.LessOrEqual(t, arguments, 1, "%s has arguments that can't be told apart", path)
	}
	visit("", newTree(config.Persona52))
	visit("", newScopeTree(config.Persona52))
}
