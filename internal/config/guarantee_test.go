package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestGuarantee: a backup may say how much of a resource a VDOM has for sure. The
// maximum is in force, the rest is kept and reported; the console takes no guarantee.
func TestGuarantee(t *testing.T) {
	property := func(value string) string {
		return "config system vdom-property\nedit root\nset proxy " + value + "\nnext\nend\n"
	}
	s, report := loaded(t, property("100 10"))
	assert.Equal(t, []string{"test.conf:3: the guaranteed 10 of proxy 100 of system vdom-property is not simulated"}, report.Summary())
	assert.Equal(t, 100, s.Snapshot().VDOMProperties[0].Proxy)
	assert.Contains(t, reload(t, s), "        set proxy 100 10\n")

	s, report = loaded(t, property("100 0"))
	assert.Empty(t, report.Summary())
	assert.Equal(t, 100, s.Snapshot().VDOMProperties[0].Proxy)
	assert.Contains(t, reload(t, s), "        set proxy 100\n")

	e := newSession(t, s)
	e.ok("config system vdom-property", "edit root", "set proxy 50 0")
	assert.Equal(t, unknownWord("10"), e.run("set proxy 60 10"))
	assert.Equal(t, rejected("proxy", "1000001"), e.run("set proxy 60 1000001"))
	assert.Equal(t, unknownWord("7"), e.run("set proxy 60 0 7"))
	e.ok("next", "end")
	assert.Equal(t, 50, s.Snapshot().VDOMProperties[0].Proxy)
}
