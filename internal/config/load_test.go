package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
)

func written(t testing.TB, s *Store, full bool) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.Write(&b, full))
	return b.String()
}

// reload checks that what a store writes gives the same configuration again, and
// returns what it has written.
func reload(t testing.TB, s *Store) string {
	t.Helper()
	for _, full := range []bool{false, true} {
		text := written(t, s, full)
		again := NewStore()
		_, err := again.Replace("again", Input{"again.conf", strings.NewReader(text)})
		require.NoError(t, err, "%s", text)
		require.Equal(t, s.Snapshot(), again.Snapshot(), "%s", text)
		require.Equal(t, text, written(t, again, full))
	}
	return written(t, s, false)
}

func loaded(t testing.TB, text string) (*Store, *Report) {
	t.Helper()
	s := NewStore()
	r, err := s.Load("test.conf", strings.NewReader(text))
	require.NoError(t, err)
	return s, r
}

// TestBackup reads what a unit might have written.
func TestBackup(t *testing.T) {
	text, err := os.ReadFile("testdata/files/backup.conf")
	require.NoError(t, err)
	s, report := loaded(t, string(text))
	snap := s.Snapshot()
	assert.Equal(t, "branch-7", snap.Global.Hostname)
	assert.Equal(t, failopen.Off, snap.Global.AVFailopen)
	assert.True(t, snap.Global.AVFailopenSession)
	assert.Equal(t, OutputStandard, snap.Console.Output)
	assert.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("208.91.112.53:53"), netip.MustParseAddrPort("208.91.112.52:53")}, snap.DNS.Servers())
	assert.Equal(t, []VDOMProperty{{Name: "root"}}, snap.VDOMProperties)
	require.Len(t, snap.ProtocolOptions, 2)
	assert.Equal(t, ClientComfort|OversizeBlock, snap.Options("strict").HTTP.Options)
	assert.Equal(t, AVProtocol{Options: AVScan | AVQuarantine, ArchiveBlock: ArchiveEncrypted}, snap.AVProfile("default").HTTP)
	require.Len(t, snap.VIPs, 1)
	assert.Equal(t, "127.0.0.1:8080", snap.VIPs[0].External().String())
	assert.EqualValues(t, 80, snap.VIPs[0].Port())
	require.Len(t, snap.Policies, 2)
	assert.Equal(t, Policy{
		ID: 1, DstAddr: []string{"web", "LAN"}, Action: ActionAccept, Status: true, Service: []string{"HTTP", "DNS"},
		UTMStatus: true, AVProfile: "default", Options: "strict", LogTraffic: LogUTM,
	}, snap.Policies[0])
	assert.Equal(t, 3, snap.Policies[1].ID)

	want, err := os.ReadFile("testdata/files/backup.report")
	require.NoError(t, err)
	got := strings.Join(report.Summary(), "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile("testdata/files/backup.report", []byte(got), 0o644))
	} else {
		assert.Equal(t, string(want), got)
	}

	back := reload(t, s)
	assert.True(t, strings.HasPrefix(back, "#config-version=FGT60D-5.02"))
	for _, block := range []string{"config system accprofile", "config system interface", `config system replacemsg mail "email-dlp-ban"`, "config firewall address", "config firewall service custom"} {
		from := strings.Index(string(text), block)
		kept := string(text)[from:]
		kept = kept[:strings.Index(kept, "\nend\nconfig ")+len("\nend\n")]
		assert.Contains(t, back, kept)
	}
	for _, kept := range []string{
		"    edit \"farm\"\n        set type server-load-balance\n        set extip 192.0.2.13\n        set server-type http\n        set extport 80\n        config realservers\n            edit 1\n                set ip 10.0.0.13\n            next\n        end\n    next\n",
		"        config mapi\n            set ports 135\n            set options fragmail\n        end\n",
		"    set timezone 04\n    set admin-sport 8443\nend\n",
		"            unset post-lang\n",
		"        set options clientcomfort oversize servercomfort\n",
		"    edit \"guests-of-the-house\"\n        set proxy 100\n    next\n",
	} {
		assert.Contains(t, back, kept)
	}

	// The same file on top of itself changes nothing.
	_, err = s.Load("test.conf", bytes.NewReader(text))
	require.NoError(t, err)
	assert.Same(t, snap, s.Snapshot())
	assert.Equal(t, back, written(t, s, false))
}

func TestFileErrors(t *testing.T) {
	const code = " (return code "
	for _, c := range []struct{ name, text, want string }{
		{"not a configuration", "hello world\n", "f:1: Unknown action 0"},
		{"stray end", "\n\nend\n", "f:3: Unknown action 0"},
		{"show", "config system global\nshow\nend\n", "f:2: Unknown action"},
		{"wrong word", "config system global\n\n  set av-failopen foo\nend\n", "f:3: command parse error before 'foo'" + code + "-61)"},
		{"wrong number", "config system global\nset memory-use-threshold-red 99\nend\n", "f:2: node_check_object fail! for memory-use-threshold-red 99; value parse error before '99'" + code + "-651)"},
		{"incomplete", "config system global\nset hostname\nend\n", "f:2: incomplete command in the end" + code + "-160)"},
		{"only set", "config system global\nset\nend\n", "f:2: incomplete command in the end" + code + "-160)"},
		{"only config", "config\n", "f:1: incomplete command in the end" + code + "-160)"},
		{"half a path", "config system\nend\n", "f:1: incomplete command in the end" + code + "-160)"},
		{"more than a path", "config system global x\nend\n", "f:1: command parse error before 'x'" + code + "-61)"},
		{"ambiguous setting", "config system global\nset av-f pass\nend\n", "f:2: command parse error before 'av-f'" + code + "-61)"},
		{"set in a table", "config firewall vip\nset extip 1.2.3.4\nend\n", "f:2: Unknown action"},
		{"no key", "config firewall vip\nedit\nend\n", "f:2: incomplete command in the end" + code + "-160)"},
		{"address", "config system dns\nset primary 1.1\nend\n", "f:2: invalid ip address; value parse error before '1.1'" + code + "-8)"},
		{
			"reference",
			"config firewall policy\nedit 1\nset dstaddr web\nset service HTTP\nnext\nend\n",
			"f:3: entry not found in datasource; value parse error before 'web'" + code + "-3)",
		},
		{
			"service",
			"config firewall policy\nedit 1\nset dstaddr all\nset service HTTP\nset service XY\nnext\nend\n",
			"f:5: entry not found in datasource; value parse error before 'XY'" + code + "-3)",
		},
		{
			"mandatory",
			"config firewall policy\nedit 1\nset dstaddr all\nnext\nend\n",
			"f:2: Attribute 'service' MUST be set.; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"object check", "config system global\nset memory-use-threshold-green 90\nend\n",
			"f:2: memory-use-threshold-green (90) must be lower than memory-use-threshold-red (88); object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"object check of the other setting", "config system global\nset memory-use-threshold-red 81\nend\n",
			"f:1: memory-use-threshold-green (82) must be lower than memory-use-threshold-red (81); object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"persona", "config system simulator\nset persona 5.6\nend\nconfig system global\nset av-failopen idledrop\nend\n",
			"f:5: av-failopen idledrop belongs to persona 5.2; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"memory", "config system simulator\nset memory-base 1024\nend\n",
			"f:2: memory-base (1024) must be lower than memory-total (1024); object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"deleted and used", "config firewall profile-protocol-options\ndelete default\nend\n",
			"f: web-proxy explicit profile-protocol-options: entry not found in datasource; value parse error before 'default'" + code + "-3)",
		},
		{"not closed", "config system dns\nend\nconfig firewall vip\nedit web\n", "f:4: 'edit web' is not closed: the file ends before its end"},
		{"unknown block not closed", "\nconfig system foo\nedit 1\n", "f:2: 'config system foo' is not closed: the file ends before its end"},
		{"quote not closed", "config system dns\nend\nconfig system foo\nset a \"b\nend\n", "f:4: quote is not closed"},
		{"NUL", "config system global\nset hostname \x00\nend\n", "f:2: a NUL byte: this is not a configuration"},
		{"not UTF-8", "# \xff\n", "f:1: not UTF-8 text"},
		{"long line", "\n" + strings.Repeat("x ", maxLine), "f:2: line is longer than 1048576 bytes"},
		{"unknown nested deep", strings.Repeat("config z\n", 40), "f:32: blocks are nested deeper than 32"},
		{"control character", "config firewall policy\nedit 1\nset name \"\x1b[2J\"\nnext\nend\n", `f:3: node_check_object fail! for name "\x1b[2J"; value parse error before '"\x1b[2J"'` + code + "-651)"},
		{
			"two on one port", vipText("a", 80) + vipText("b", 80),
			"f:12: extip and extport are the same as those of 'a'; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"VIP on the forward proxy's port", vipText("a", 8080) + "config web-proxy explicit\nset status enable\nset incoming-ip 127.0.0.1\nend\n",
			"f:9: port 8080 is the extport of 'a'; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"VIP on the explicit FTP proxy's port", vipText("a", 21) + "config ftp-proxy explicit\nset status enable\nset incoming-ip 127.0.0.1\nend\n",
			"f:9: port 21 is the extport of 'a'; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"two explicit proxies on one port", "config web-proxy explicit\nset status enable\nend\nconfig ftp-proxy explicit\nset status enable\nset incoming-port 8080\nend\n",
			"f:6: port 8080 is that of the explicit web proxy; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"no range of data ports", "config firewall profile-protocol-options\nedit default\nconfig ftp\nset data-port-low 50001\nset data-port-high 50000\nend\nnext\nend\n",
			"f:2: data-port-low (50001) and data-port-high (50000) are no range; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"VIP without server", "config firewall vip\nedit a\nset portforward enable\nset extport 1\nnext\nend\n",
			"f:2: Attribute 'mappedip' MUST be set.; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"VIP without name", "config firewall vip\nedit a\nset type fqdn\nset portforward enable\nset extport 1\nnext\nend\n",
			"f:2: Attribute 'mapped-addr' MUST be set.; object check operator error, -45, discard the setting" + code + "1)",
		},
		{
			"VIP without port", "config firewall vip\nedit a\nset portforward enable\nset mappedip 1.2.3.4\nnext\nend\n",
			"f:2: Attribute 'extport' MUST be set.; object check operator error, -45, discard the setting" + code + "1)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewStore()
			before := s.Snapshot()
			s.OnCommit(func(Commit) error { t.Error("committed"); return nil })
			_, err := s.Load("f", strings.NewReader(c.text))
			assert.EqualError(t, err, c.want)
			assert.Same(t, before, s.Snapshot())
		})
	}
}

func vipText(name string, port int) string {
	return fmt.Sprintf("config firewall vip\nedit %q\nset extip 127.0.0.1\nset extport %d\nset portforward enable\nset mappedip 127.0.0.1\nnext\nend\n", name, port)
}

func TestFileIsTheConsolesLanguage(t *testing.T) {
	s, report := loaded(t, `
  # abbreviations, CRLF, several quotings, entries begun anew
conf sys glob`+"\r\n"+`set host 'unit-1'
  unset av-failopen
end
`+vipText("web", 80)+`
config firewall policy
    edit 2
        set dstaddr "web"
        set service "HTTP"
    next
    edit 0
        set dstaddr all
        set service ALL
    next
    move 3 before 2
    edit 2
        set status disable
end
config firewall policy
    rename 3 to 10
    delete 99
end`)
	assert.Empty(t, report.Skipped)
	snap := s.Snapshot()
	assert.Equal(t, "unit-1", snap.Global.Hostname)
	require.Len(t, snap.Policies, 2)
	assert.Equal(t, 10, snap.Policies[0].ID)
	assert.Equal(t, 2, snap.Policies[1].ID)
	assert.False(t, snap.Policies[1].Status)
	assert.True(t, snap.Policies[1].Reaches("web"))
	assert.False(t, snap.Policies[1].Reaches("other"))
	assert.True(t, snap.Policies[0].Reaches("other"))
	reload(t, s)
}

// TestVDOMs reads a backup of a unit with several VDOMs.
func TestVDOMs(t *testing.T) {
	const text = `#config-version=FGT
config vdom
edit root
next
edit guests
next
edit guests-of-ours
next
end
config global
config system global
set hostname "multi"
set timezone 4
end
config system accprofile
edit "x"
next
end
end
config vdom
edit root
config firewall address
edit "LAN"
next
end
config firewall policy
edit 1
set dstaddr "LAN"
set service "HTTP"
next
end
end
config vdom
edit guests
config firewall policy
edit 1
set dstaddr "nowhere"
set service "HTTP"
next
end
config firewall address
edit "nowhere"
next
end
end
config system replacemsg http "a"
end
`
	s, report := loaded(t, text)
	assert.Equal(t, "multi", s.Snapshot().Global.Hostname)
	require.Len(t, s.Snapshot().Policies, 1)
	assert.Equal(t, []string{
		`test.conf:7: VDOM "guests-of-ours" is not simulated`,
		`test.conf:13: 'set timezone' of system global is not simulated`,
		`test.conf:15: 'config system accprofile' is not simulated`,
		`test.conf:22: 'config firewall address' is not simulated (2 times)`,
		`test.conf:28: dstaddr "LAN" of firewall policy is not simulated`,
		`test.conf:37: dstaddr "nowhere" of firewall policy is not simulated`,
		`test.conf:46: 'config system replacemsg http "a"' is not simulated`,
	}, report.Summary())
	back := reload(t, s)
	for _, kept := range []string{
		"#config-version=FGT\nconfig vdom\nedit root\nnext\nedit guests\nnext\nend\n\nconfig global\nconfig system global\n",
		"set vdom-admin enable\nset timezone 4\nend\nconfig system accprofile\nedit \"x\"\nnext\nend\nconfig system replacemsg http \"a\"\nend\nend\n\n",
		"config vdom\nedit root\nconfig firewall policy\n",
		"end\nconfig firewall address\nedit \"LAN\"\nnext\nend\nend\n\nconfig vdom\nedit guests\nconfig firewall policy\n",
		"end\nconfig firewall address\nedit \"nowhere\"\nnext\nend\nend\nconfig vdom\nedit guests-of-ours\nnext\nend\n",
	} {
		assert.Contains(t, back, kept)
	}
}

func TestReplace(t *testing.T) {
	s, _ := loaded(t, vipText("web", 80))
	var who []string
	s.OnCommit(func(c Commit) error { who = append(who, c.Who); return nil })
	_, err := s.Replace("reload",
		Input{"base.conf", strings.NewReader(vipText("a", 81) + "config system global\nset hostname base\nend\n")},
		Input{"own.conf", strings.NewReader("config system global\nset hostname own\nset foo\nend\nconfig system x\nend\n")})
	require.NoError(t, err)
	assert.Equal(t, "own", s.Snapshot().Global.Hostname)
	assert.Nil(t, s.Snapshot().VIP("web"))
	assert.NotNil(t, s.Snapshot().VIP("a"))

	_, err = s.Replace("reload",
		Input{"base.conf", strings.NewReader("config firewall policy\nedit 1\nset dstaddr all\nset service NO\nend\n")},
		Input{"own.conf", strings.NewReader("")})
	assert.EqualError(t, err, "base.conf:4: entry not found in datasource; value parse error before 'NO' (return code -3)")
	assert.NotNil(t, s.Snapshot().VIP("a"))

	_, err = s.Replace("factoryreset")
	require.NoError(t, err)
	assert.Equal(t, NewStore().Snapshot(), s.Snapshot())
	assert.Equal(t, []string{"reload", "factoryreset"}, who)
}

// TestLaterFileReplacesKept checks that a file read again does not pile up what is
// not simulated.
func TestLaterFileReplacesKept(t *testing.T) {
	s, _ := loaded(t, "config y\nset x 1\nend\nconfig z\nend\nconfig system global\nset foo 1\nset bar 1\nend\n")
	_, err := s.Load("more", strings.NewReader("config y\nset x 2\nend\nconfig y\nset x 3\nend\nconfig system global\nset foo 2\nend\n"))
	require.NoError(t, err)
	back := reload(t, s)
	assert.Contains(t, back, "config z\nend\nconfig y\nset x 2\nend\nconfig y\nset x 3\nend\n")
	assert.Contains(t, back, "config system global\nset bar 1\nset foo 2\nend\n")
	assert.NotContains(t, back, "set x 1")
}

// TestEntryComesBack checks that an entry kept as text keeps its place when a later
// file says it in simulated terms.
func TestEntryComesBack(t *testing.T) {
	s, report := loaded(t, `config firewall policy
edit 1
set schedule night
next
edit 2
set dstaddr all
set service ALL
end
`)
	require.Len(t, report.Skipped, 1)
	assert.Equal(t, `firewall policy 1: schedule "night"`, report.Skipped[0].What)
	assert.Len(t, s.Snapshot().Policies, 1)
	e := newSession(t, s)
	e.ok("config firewall policy")
	assert.ErrorContains(t, e.run("edit 1"), "is not simulated")
	assert.ErrorContains(t, e.run("rename 1 to 5"), "is not simulated")
	e.ok("end")
	reload(t, s)

	_, err := s.Load("more", strings.NewReader("config firewall policy\nedit 1\nset dstaddr all\nset service HTTP\nend\n"))
	require.NoError(t, err)
	require.Len(t, s.Snapshot().Policies, 2)
	assert.Equal(t, 1, s.Snapshot().Policies[0].ID)

	_, err = s.Load("more", strings.NewReader("config firewall policy\nedit 1\nset action ipsec\nend\n"))
	require.NoError(t, err)
	assert.Len(t, s.Snapshot().Policies, 1)
	e.ok("config firewall policy", "delete 1", "end")
	assert.NotContains(t, reload(t, s), "ipsec")
}

// TestFactoryEntries checks that a backup brings back what has become of entries that
// every unit has from the factory.
func TestFactoryEntries(t *testing.T) {
	for name, text := range map[string]string{
		"changed": "config antivirus profile\nedit default\nunset comment\nconfig http\nunset options\nend\nend\n",
		"deleted": "config antivirus profile\ndelete default\nend\n",
		"moved":   "config antivirus profile\nedit a\nnext\nedit default\nconfig http\nunset options\nend\nnext\nmove a before default\nend\n",
		"renamed": "config antivirus profile\nrename default to other\nend\n",
		"purged":  "config antivirus profile\npurge\nedit b\nend\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := loaded(t, text)
			require.NotEqual(t, NewStore().Snapshot(), s.Snapshot())
			reload(t, s)
		})
	}
	s := NewStore()
	assert.Empty(t, written(t, s, false), "a new unit has nothing to back up")
	reload(t, s)
}

// TestVetoOfFile checks that a file whose change is refused leaves everything as it is.
func TestVetoOfFile(t *testing.T) {
	s := NewStore()
	before := s.Snapshot()
	s.OnCommit(func(c Commit) error { return fmt.Errorf("can't bind 127.0.0.1:80: permission denied") })
	_, err := s.Load("f", strings.NewReader(vipText("web", 80)))
	assert.EqualError(t, err, "f: can't bind 127.0.0.1:80: permission denied")
	assert.Same(t, before, s.Snapshot())
}

func TestReadErrors(t *testing.T) {
	_, err := NewStore().Load("f", failingReader{})
	assert.ErrorContains(t, err, "reading f: broken")
	_, err = NewStore().Load("f", zeros{})
	assert.EqualError(t, err, "reading f: larger than 67108864 bytes")
	assert.ErrorContains(t, NewStore().Write(failingWriter{}, true), "writing the configuration: full")
}

type (
	failingReader struct{}
	failingWriter struct{}
	zeros         struct{}
)

func (failingReader) Read([]byte) (int, error)  { return 0, fmt.Errorf("broken") }
func (failingWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("full") }
func (zeros) Read(p []byte) (int, error)        { return len(p), nil }

// TestLinesThatSayTheDefault: a backup has every line of the file that was read,
// also those that change nothing; show has them not, as ever.
func TestLinesThatSayTheDefault(t *testing.T) {
	const text = `config system global
    set av-failopen pass
end
config firewall profile-protocol-options
    edit "default"
        config http
            set ports 80
            unset options
        end
    next
end
`
	s, _ := loaded(t, text)
	backup := reload(t, s)
	for line := range strings.Lines(text) {
		assert.Contains(t, backup, line)
	}
	e := s.Edit("test")
	shown, err := e.Execute([]Word{{Text: "show"}, {Text: "system"}, {Text: "global"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"config system global", "end"}, shown)
	for _, line := range []string{"config system global", "set av-failopen off", "set av-failopen pass", "end"} {
		var words []Word
		for w := range strings.FieldsSeq(line) {
			words = append(words, Word{Text: w})
		}
		_, err := e.Execute(words)
		require.NoError(t, err)
	}
	assert.NotContains(t, reload(t, s), "av-failopen", "it has been changed since, and back")
}
