package console

import (
	"strings"
	"testing"

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
