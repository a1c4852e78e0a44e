package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// multi is a session of a unit with virtual domains.
func multi(t *testing.T) (*Store, *session) {
	store := NewStore()
	s := newSession(t, store)
	s.ok("config system global", "set vdom-admin enable", "end")
	return store, s
}

// TestVDOMHasItsOwn looks at what each VDOM has for itself, and at what changes are
// said to be made.
func TestVDOMHasItsOwn(t *testing.T) {
	store, s := multi(t)
	var changes []string
	store.OnCommit(func(c Commit) error {
		for _, ch := range c.Changes {
			changes = append(changes, ch.What())
		}
		return nil
	})
	s.ok("config vdom", "edit guests")
	assert.Equal(t, []string{`system vdom "guests" added`}, changes, "what the factory gives it is no change")
	guests := store.Snapshot().VDOM("guests")
	require.NotNil(t, guests)
	assert.Equal(t, store.Snapshot().AVProfiles, guests.AVProfiles)

	changes = nil
	s.ok("config antivirus profile", "edit default", "config http", "unset options", "end", "end")
	assert.Equal(t, []string{`vdom "guests" antivirus profile "default" http options`}, changes)
	assert.Zero(t, store.Snapshot().VDOM("guests").AVProfile("default").HTTP.Options)
	assert.Equal(t, AVScan, store.Snapshot().AVProfile("default").HTTP.Options, "root's is as before")

	s.ok("config firewall vip", "edit web", "set extip 127.0.0.1", "set extport 80", "set mappedip 127.0.0.1", "set portforward enable", "next", "end")
	s.ok("config firewall policy", "edit 1", "set dstaddr web", "set service HTTP", "end", "next", "edit root")
	s.ok("config firewall vip", "edit web", "set extip 127.0.0.1", "set extport 81", "set mappedip 127.0.0.1", "set portforward enable", "next")
	s.ok("rename web to site", "end", "end")
	assert.True(t, store.Snapshot().VDOM("guests").Policies[0].Reaches("web"), "names of one VDOM mean nothing in another")
	assert.Equal(t, []string{"root", "guests"}, slices.Collect(func(yield func(string) bool) {
		for name := range store.Snapshot().Domains() {
			if !yield(name) {
				return
			}
		}
	}))
}

// TestVDOMsOfTwoSessions has one session of a console remove what another is in.
func TestVDOMsOfTwoSessions(t *testing.T) {
	store, a := multi(t)
	b := newSession(t, store)
	a.ok("config vdom", "edit guests", "next", "edit third", "config firewall vip", "edit x", "set extport 1", "set mappedip 1.1.1.1", "set portforward enable")
	b.ok("config vdom", "edit guests")
	b.ok("config firewall vip", "edit y", "set extport 2", "set mappedip 1.1.1.1", "set portforward enable", "next", "end", "next")
	a.ok("next", "end")
	assert.NotNil(t, store.Snapshot().VDOM("third").VIP("x"), "both changes are there")
	assert.NotNil(t, store.Snapshot().VDOM("guests").VIP("y"))

	a.ok("config firewall vip", "edit z")
	b.ok("delete third")
	assert.Equal(t, noEntry("third"), a.run("end"), "the VDOM is gone")
	assert.Equal(t, "vdom", a.e.Prompt())
	a.ok("edit third", "end")
	assert.Empty(t, store.Snapshot().VDOM("third").VIPs, "it is a new one")
	a.ok("config vdom", "delete guests", "delete third", "end", "config global", "config system global", "set vdom-admin disable", "end")
	assert.Equal(t, "", a.e.Prompt())
	assert.Equal(t, "", b.e.VDOM())
	b.ok("config firewall vip", "end")
	assert.Equal(t, "", b.e.Prompt(), "and the other session is where there are no VDOMs")
}

// TestVDOMVeto has whoever runs by the configuration refuse a VDOM.
func TestVDOMVeto(t *testing.T) {
	store, s := multi(t)
	store.OnCommit(func(Commit) error { return fmt.Errorf("no") })
	s.ok("config vdom")
	assert.NotNil(t, s.run("edit guests"))
	assert.Equal(t, "vdom", s.e.Prompt())
	assert.Nil(t, store.Snapshot().VDOM("guests"))
}

// TestConfined keeps an editor to VDOMs.
func TestConfined(t *testing.T) {
	store, s := multi(t)
	s.ok("config vdom", "edit a", "next", "edit b", "next", "edit c", "end")
	e := store.View("helper")
	e.Confine([]string{"b", "root"})
	helper := &session{t: t, e: e}
	assert.Equal(t, "b", e.VDOM())
	helper.ok("show", "get firewall vip", "config firewall vip")
	assert.Equal(t, Denied(), helper.run("edit x"), "it only reads")
	helper.ok("end", "next")
	assert.Equal(t, Denied(), helper.run("edit a"))
	assert.Equal(t, Denied(), helper.run("edit new"))
	assert.Equal(t, Denied(), helper.run("delete b"))
	assert.Equal(t, "root b", offers(t, e, "edit "))
	helper.ok("edit root", "end")
	assert.Equal(t, "vdom", offers(t, e, "config "))
	assert.Equal(t, Denied(), helper.run("show"), "that has all VDOMs")
	assert.Equal(t, unknownWord("global"), helper.run("config global"))

	s.ok("config global", "config system global", "unset vdom-admin")
	assert.NotNil(t, s.run("end"), "there are VDOMs")
	s.ok("end", "config vdom", "delete a", "delete b", "delete c", "end", "config global", "config system global", "unset vdom-admin", "end")
	helper.ok("show system global")
	assert.Equal(t, "", e.VDOM(), "there is nothing to be kept to")
}

// TestImpliedVDOMs reads files that have VDOMs and say, or don't, that there are.
func TestImpliedVDOMs(t *testing.T) {
	s, _ := loaded(t, "config vdom\nedit a\nend\n")
	assert.True(t, s.Snapshot().Global.VDOMAdmin)
	s, _ = loaded(t, "config vdom\nedit root\nend\n")
	assert.False(t, s.Snapshot().Global.VDOMAdmin)
	_, err := NewStore().Load("f", strings.NewReader("config vdom\nedit a\nend\nconfig global\nconfig system global\nset vdom-admin disable\nend\nend\n"))
	assert.ErrorContains(t, err, "f:6: vdom-admin can't be disabled while there are VDOMs besides root: a")
	_, err = NewStore().Load("f", strings.NewReader("config vdom\nedit a\nconfig firewall policy\nedit 1\nset dstaddr all\nset service HTTP\nset av-profile none\nend\nend\n"))
	assert.ErrorContains(t, err, "f:7: entry not found in datasource", "a fault is placed in its VDOM")
	_, err = NewStore().Load("f", strings.NewReader("config system vdom-property\nedit a\nend\n"))
	assert.ErrorContains(t, err, "f:2: entry not found in datasource")
}

// TestMaxVDOMs makes as many VDOMs as there may be.
func TestMaxVDOMs(t *testing.T) {
	var text strings.Builder
	text.WriteString("config vdom\n")
	for i := range maxVDOMs - 1 {
		fmt.Fprintf(&text, "edit v%d\nnext\n", i)
	}
	s, _ := loaded(t, text.String()+"end\n")
	assert.Len(t, s.Snapshot().VDOMs, maxVDOMs-1)
	_, err := NewStore().Load("f", strings.NewReader(text.String()+"edit last\nend\n"))
	assert.ErrorContains(t, err, "The maximum number of VDOMs has been reached: 500")
}
