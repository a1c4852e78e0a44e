package config

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/protocols"
)

var webVIP = []string{
	"config firewall vip", "edit web", "set extip 127.0.0.1", "set extport 80",
	"set mappedip 127.0.0.1", "set portforward enable", "end",
}

// TestCommit checks what OnCommit is told and when changes are in force.
func TestCommit(t *testing.T) {
	store := NewStore()
	var got []Commit
	store.OnCommit(func(c Commit) error {
		assert.Same(t, c.Old, store.Snapshot(), "the change is not in force yet")
		got = append(got, c)
		return nil
	})
	last := func() []string {
		var lines []string
		for _, c := range got[len(got)-1].Changes {
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", c.What(), c.Old, c.New))
		}
		return lines
	}
	s := newSession(t, store)
	s.ok("config system global", "set av-failopen off", "set hostname a")
	assert.Equal(t, failopen.Pass, store.Snapshot().Global.AVFailopen)
	assert.Empty(t, got)
	s.ok("end")
	require.Len(t, got, 1)
	assert.Equal(t, "admin", got[0].Who)
	assert.Same(t, got[0].New, store.Snapshot())
	assert.Equal(t, Change{Path: "system global", Setting: "hostname", Old: `"FGT"`, New: `"a"`}, got[0].Changes[0])
	assert.Equal(t, []string{`system global hostname: "FGT" -> "a"`, "system global av-failopen: pass -> off"}, last())

	before := store.Snapshot()
	s.ok("config system global", "set av-failopen off", "set hostname x", "set hostname a", "end")
	assert.Len(t, got, 1, "nothing has changed")
	assert.Same(t, before, store.Snapshot())

	s.ok(webVIP...)
	assert.Equal(t, `firewall vip "web" added:  -> `, last()[0])
	assert.Contains(t, last(), `firewall vip "web" extport: 0 -> 80`)
	s.ok("config firewall policy", "edit 1", "set dstaddr web", "set service HTTP", "next")
	assert.Equal(t, `firewall policy "1" dstaddr: '' -> "web"`, last()[1])
	s.ok("edit 2", "set dstaddr all", "set service HTTP", "end")
	s.ok("config firewall policy", "move 2 before 1", "end")
	assert.Equal(t, []string{"firewall policy order: 1 2 -> 2 1"}, last())
	s.ok("config firewall vip", "rename web to www", "end")
	assert.Equal(t, []string{
		`firewall vip "web" deleted:  -> `, `firewall vip "www" added:  -> `,
		`firewall vip "www" extip: 0.0.0.0 -> 127.0.0.1`, `firewall vip "www" mappedip: 0.0.0.0 -> 127.0.0.1`,
		`firewall vip "www" portforward: disable -> enable`, `firewall vip "www" extport: 0 -> 80`,
		`firewall policy "1" dstaddr: "web" -> "www"`,
	}, last())
	s.ok("config firewall profile-protocol-options", "edit default", "config http", "set ports 80 81", "end", "end")
	assert.Equal(t, []string{`firewall profile-protocol-options "default" http ports: 80 -> 80 81`}, last())
	assert.NotNil(t, store.Snapshot().VIP("www"))

	n := len(got)
	s.ok("config firewall vip", "edit x", "set extport 1", "abort", "config firewall vip", "end")
	assert.Len(t, got, n)
	store.OnCommit(nil)
	s.ok("config system simulator", "set http-limit 7", "set smtp-limit 8", "set pop3-limit 9", "set nntp-limit 10", "end", "config system vdom-property", "edit root", "set proxy 5", "end")
	assert.Len(t, got, n)
	assert.Equal(t, 7, store.Snapshot().Simulator.Limit(protocols.HTTP))
	assert.Equal(t, 8, store.Snapshot().Simulator.Limit(protocols.SMTP))
	assert.Equal(t, 9, store.Snapshot().Simulator.Limit(protocols.POP3))
	assert.Equal(t, 10, store.Snapshot().Simulator.Limit(protocols.NNTP))
	assert.Zero(t, store.Snapshot().Simulator.Limit(protocols.IMAP))
	assert.Equal(t, 5, store.Snapshot().VDOMLimit("root"))
	assert.Zero(t, store.Snapshot().VDOMLimit("other"))
}

func TestVeto(t *testing.T) {
	store := NewStore()
	before := store.Snapshot()
	store.OnCommit(func(Commit) error { return errors.New("can't bind 127.0.0.1:80: permission denied") })
	s := newSession(t, store)
	s.ok(webVIP[:6]...)
	err := s.run("next")
	require.NotNil(t, err)
	assert.Equal(t, []string{
		"can't bind 127.0.0.1:80: permission denied",
		"object check operator error, -45, discard the setting",
		"Command fail. Return code 1",
	}, err.Output())
	assert.Same(t, before, store.Snapshot())
	assert.Equal(t, "vip", s.e.Prompt(), "next has left the entry all the same")
	s.ok("end")
	assert.Equal(t, "", s.e.Prompt())
	assert.NotContains(t, strings.Join(mustExecute(t, s.e, "show firewall vip"), "\n"), "web")

	own := &CLIError{Lines: []string{"The system is in conserve mode"}, Code: -7}
	store.OnCommit(func(Commit) error { return fmt.Errorf("refused: %w", own) })
	s.ok("config system global", "set hostname x")
	assert.Equal(t, own, s.run("end"))
	assert.Equal(t, "", s.e.Prompt())
	assert.False(t, s.e.InConfig())
}

func mustExecute(t *testing.T, e *Editor, line string) []string {
	t.Helper()
	words, err := Tokenize(line)
	require.NoError(t, err)
	out, err := e.Execute(words)
	require.NoError(t, err)
	return out
}

func TestPath(t *testing.T) {
	s := newSession(t, NewStore())
	s.ok("config system global", "set vdom-admin enable", "end")
	assert.Empty(t, s.e.Path())
	for _, c := range []struct{ line, prompt, path string }{
		{"config vdom", "vdom", "vdom"},
		{"edit root", "root", "vdom root"},
		{"config firewall profile-protocol-options", "profile-protocol-options", "vdom root firewall profile-protocol-options"},
		{"edit default", "default", "vdom root firewall profile-protocol-options default"},
		{"config http", "http", "vdom root firewall profile-protocol-options default http"},
		{"set ports 99", "http", "vdom root firewall profile-protocol-options default http"},
		{"end", "default", "vdom root firewall profile-protocol-options default"},
		{"next", "profile-protocol-options", "vdom root firewall profile-protocol-options"},
		{"abort", "root", "vdom root"},
		{"end", "", ""},
	} {
		s.ok(c.line)
		assert.Equal(t, c.prompt, s.e.Prompt(), c.line)
		assert.Equal(t, c.path, strings.Join(s.e.Path(), " "), c.line)
		assert.Equal(t, c.path != "", s.e.InConfig(), c.line)
	}
	out, err := s.e.Execute(nil)
	assert.NoError(t, err)
	assert.Empty(t, out)
}

// TestTwoSessions checks that sessions inside the same object don't undo each other.
func TestTwoSessions(t *testing.T) {
	store := NewStore()
	a, b := newSession(t, store), newSession(t, store)
	a.ok("config system global", "set hostname a")
	b.ok("config system global", "set av-failopen off", "set memory-use-threshold-red 90", "end")
	a.ok("end")
	g := store.Snapshot().Global
	assert.Equal(t, "a", g.Hostname)
	assert.Equal(t, failopen.Off, g.AVFailopen)
	assert.Equal(t, 90, g.MemoryRed)

	// What a session only looks at is up to date.
	assert.Contains(t, mustExecute(t, b.e, "show system global"), `    set hostname "a"`)

	// A reference that has gone meanwhile is found at the commit.
	a.ok(webVIP...)
	a.ok("config firewall policy", "edit 1", "set dstaddr web", "set service HTTP")
	b.ok("config firewall vip", "delete web", "end")
	err := a.run("next")
	require.NotNil(t, err)
	assert.Equal(t, noEntry("web"), err)
	assert.Equal(t, "policy", a.e.Prompt())
	assert.Empty(t, store.Snapshot().Policies)
	a.ok("end")

	// The other way round: a use that has come meanwhile.
	a.ok(webVIP...)
	a.ok("config firewall vip", "delete web")
	b.ok("config firewall policy", "edit 1", "set dstaddr web", "set service HTTP", "end")
	assert.Equal(t, inUse(1), a.run("end"))
	assert.NotNil(t, store.Snapshot().VIP("web"))

	// Thresholds that are right one by one and wrong together.
	a.ok("config system global", "set memory-use-threshold-green 89")
	b.ok("config system global", "set memory-use-threshold-red 88", "end")
	require.NotNil(t, a.run("end"))
	assert.Equal(t, 82, store.Snapshot().Global.MemoryGreen)

	// New policies of two sessions both find a number.
	a.ok("config firewall policy", "edit 0", "set dstaddr all", "set service HTTP")
	b.ok("config firewall policy", "edit 0", "set dstaddr all", "set service ALL", "end")
	a.ok("end")
	require.Len(t, store.Snapshot().Policies, 3)
	assert.Equal(t, 3, store.Snapshot().Policies[2].ID)
}

// TestParallel has sessions, files and readers at work at the same time.
func TestParallel(t *testing.T) {
	store := NewStore()
	commits := 0
	store.OnCommit(func(c Commit) error { commits++; return nil })
	const workers, rounds = 4, 50
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			e := store.Edit(fmt.Sprint("admin", i))
			run := func(line string) {
				words, err := Tokenize(line)
				assert.NoError(t, err)
				_, err = e.Execute(words)
				assert.NoError(t, err)
			}
			for n := range rounds {
				run("config antivirus profile")
				run(fmt.Sprintf("edit p%d-%d", i, n))
				run("set comment x")
				run("end")
				run("show antivirus profile default")
				e.Complete([]Word{{Text: "show"}, {Text: "antivirus"}, {Text: "profile"}, {}})
			}
		})
	}
	wg.Go(func() {
		for n := range rounds {
			_, err := store.Load("f", strings.NewReader(fmt.Sprintf("config system global\nset hostname h%d\nend\nconfig zz\nend\n", n)))
			assert.NoError(t, err)
			assert.NoError(t, store.Write(&strings.Builder{}, n%2 == 0))
			assert.NotNil(t, store.Snapshot().AVProfile("default"))
		}
	})
	wg.Wait()
	assert.Len(t, store.Snapshot().AVProfiles, 1+workers*rounds)
	assert.Equal(t, (workers+1)*rounds, commits)
	reload(t, store)
}

// TestWrongLineChangesNothing executes lines that fail and compares the draft.
func TestWrongLineChangesNothing(t *testing.T) {
	s := newSession(t, NewStore())
	s.ok(webVIP...)
	s.ok("config firewall policy", "edit 1", "set dstaddr web", "set service HTTP")
	before := mustExecute(t, s.e, "show full-configuration")
	for _, line := range []string{
		"set dstaddr web none", "set dstaddr", "set service ''", "set service HTTP ''", "unset", "set action perhaps", "edit 2", "next now", "end it", "abort all",
		"set name " + strings.Repeat("n", 36), "delete web", "config http", "set", "\"set\" name x", "set \"\" x",
	} {
		require.NotNil(t, s.run(line), line)
		require.Equal(t, before, mustExecute(t, s.e, "show full-configuration"), line)
	}
	s.ok("end", "config firewall vip")
	before = mustExecute(t, s.e, "show")
	for _, line := range []string{"delete web", "delete x", "purge", "rename web to ''", "rename web to web", "move web after x", "move web", "edit", "set extport 1", "end x"} {
		require.NotNil(t, s.run(line), line)
		require.Equal(t, before, mustExecute(t, s.e, "show"), line)
	}
	s.ok("move web before web", "abort")
}
