package appliance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
)

// excerpt is a configuration in the style of a branch office's backup. The virtual
// IPs that are published stand on loopback, with the lab's ports behind them.
var excerpt = filepath.Join("..", "..", "testdata", "config", "branch-office.conf")

// office is an appliance with the excerpt, and the lab's origins behind it.
type office struct {
	*appliance.Appliance
	t       *testing.T
	origins *lab.Lab
	text    string // the configuration
}

// openOffice starts both. Tests use no fixed ports, so those of the origins in the
// text become those that the system has chosen.
func openOffice(t *testing.T) *office {
	t.Helper()
	data, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	endpoints := lab.Endpoints(0)
	for i := range endpoints {
		endpoints[i].Address = strings.TrimRight(endpoints[i].Address, "0123456789") + "0"
	}
	o := &office{t: t}
	o.origins, err = lab.Start(endpoints)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, o.origins.Close()) })
	port := func(s lab.Service) string { return fmt.Sprint(netip.MustParseAddrPort(o.origins.Addr(s)).Port()) }
	o.text = strings.NewReplacer("mappedport 18080", "mappedport "+port(lab.ServiceHTTP),
		"mappedport 12525", "mappedport "+port(lab.ServiceSMTP), "mappedport 11110", "mappedport "+port(lab.ServicePOP3)).Replace(string(data))
	o.Appliance, err = appliance.Start(appliance.Options{
		Config: []appliance.Source{text("branch-office.conf", o.text)}, StateDir: t.TempDir(), Version: "test", AnyPort: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, o.Stop()) })
	return o
}

func (o *office) exec(lines ...string) string {
	o.t.Helper()
	var out strings.Builder
	require.True(o.t, o.Console().Exec("test", lines, &out), "%q: %s", lines, &out)
	return out.String()
}

// door is where the appliance listens for a VIP of the text.
func (o *office) door(extport uint16) string {
	o.t.Helper()
	at, err := o.Engine().Addr(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), extport))
	require.NoError(o.t, err)
	return at.String()
}

// thing is a line of the summary: where it stands, and what.
var thing = regexp.MustCompile(`^branch-office\.conf:(\d+): (.*) is not simulated`)

// named are words that stand in the line that the summary points to: what is quoted,
// the name of a value, or the beginning of an entry that is kept as a whole.
func named(what string) string {
	switch {
	case strings.Contains(what, ": "):
		return "edit "
	case strings.Contains(what, "'"):
		return strings.Split(what, "'")[1]
	}
	word, _, _ := strings.Cut(what, " ")
	return "set " + word
}

// TestExcerptSummary: what "utmsim check" says of the excerpt is each thing once,
// with the line where it stands first.
func TestExcerptSummary(t *testing.T) {
	data, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	lines, err := appliance.Check("branch-office.conf", bytes.NewReader(data))
	require.NoError(t, err)
	assert.Equal(t, "branch-office.conf: no errors", lines[len(lines)-1])
	file := strings.Split(string(data), "\n")
	said, last := make(map[string]bool), 0
	for _, l := range lines {
		m := thing.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		at, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		assert.GreaterOrEqual(t, at, last, "in the order of the file: %s", l)
		last = at
		assert.Contains(t, file[at-1], named(m[2]), l)
		assert.False(t, said[m[2]], "twice: %s", l)
		said[m[2]] = true
	}
	for _, what := range []string{
		"'config system interface'", "'config router static'", "'config router ospf'", "'config vpn certificate local'", "'config vpn ipsec phase1-interface'",
		"'config firewall address'", "'config firewall service custom'", "'config firewall schedule recurring'", `firewall vip "camera": mapping without portforward`,
		`firewall vip "web-farm": type "server-load-balance"`, `firewall policy 10: schedule "office-hours"`, `service "DNS" of firewall policy`, `dstaddr "head-office" of firewall policy`,
	} {
		assert.True(t, said[what], what)
	}
	assert.Contains(t, strings.Join(lines, "\n"), `listens on 127.0.0.1:8080 for firewall vip "portal" (HTTP, inspected)`)
}

// TestExcerptWorks: what is simulated of the excerpt does what it says, each VIP
// under its own policy and options.
func TestExcerptWorks(t *testing.T) {
	o := openOffice(t)
	portal := "http://" + o.door(8080)
	get := func(path string) (int, string) {
		resp, err := http.Get(portal + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	status, body := get("/")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "lab")
	status, body = get("/eicar.com")
	assert.Equal(t, http.StatusForbidden, status)
	assert.NotContains(t, body, string(lab.EICAR()))
	status, _ = get(fmt.Sprintf("/bytes/%d", 21<<20)) // its oversize-limit is 20 MB, its options have "oversize"
	assert.Equal(t, http.StatusForbidden, status)
	http.DefaultClient.CloseIdleConnections()

	mail, err := textproto.Dial("tcp", o.door(1110))
	require.NoError(t, err)
	defer mail.Close()
	said := func(line, want string) string {
		t.Helper()
		if line != "" {
			require.NoError(t, mail.PrintfLine("%s", line))
		}
		got, err := mail.ReadLine()
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(got, want), got)
		return got
	}
	said("", "+OK")
	said("USER alice", "+OK")
	said("PASS lab", "+OK")
	said("RETR 3", "+OK")
	infected, err := mail.ReadDotLines()
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(infected, ""), eicarInBase64())
	said("QUIT", "+OK")

	level4 := o.exec("get test proxyworker 4")
	assert.Contains(t, level4, "/4000\n", "system resource-limits")
	for _, counter := range []string{"Web responses infected with viruses +1", "Web requests oversize block +1", "Emails infected with viruses +1"} {
		assert.Regexp(t, "(?m)^"+counter+"$", level4)
	}
	assert.Regexp(t, `(?m)^HTTP +vd=root state=normal .* action=inspect entries=\d/4000 `, o.exec("diagnose sim failopen"))
	log := o.exec("execute log filter device disk", "execute log filter category virus", "execute log display")
	assert.Regexp(t, `(?m)^1: .* eventtype=infected .* policyid=3 .* service="POP3" .* filename="eicar.com" .* profile="default"$`, log)
	assert.Regexp(t, `(?m)^2: .* eventtype=oversize .* policyid=1 .* service="HTTP" .* filename="22020096" .* profile="branch-av"$`, log)
	assert.Regexp(t, `(?m)^3: .* eventtype=infected .* policyid=1 .* service="HTTP" .* filename="eicar.com" .* profile="branch-av"$`, log)
}

// TestExcerptIsBackedUpWhole: no line of the file is lost, in no object, however
// often it goes round.
func TestExcerptIsBackedUpWhole(t *testing.T) {
	o := openOffice(t)
	backup := o.exec("execute backup config")
	want, got := flat(o.text), flat(backup)
	assert.Greater(t, len(want), 600)
	for line, n := range want {
		assert.Equal(t, n, got[line], "%s", line)
	}
	assert.Empty(t, added(want, got), "nobody has set this")
	assert.True(t, strings.HasPrefix(backup, o.text[:strings.Index(o.text, "config system global")]), "the head comes first")

	o.exec("config system global", "set hostname changed", "end", "config firewall policy", "edit 1", "set av-profile default", "end")
	changed := flat(o.exec("execute backup config"))
	assert.ElementsMatch(t, []string{"config system global > set hostname changed", "config firewall policy > edit 1 > set av-profile default"}, added(want, changed))

	again, err := appliance.Start(appliance.Options{
		Config: []appliance.Source{text("again.conf", backup)}, StateDir: t.TempDir(), Version: "test", AnyPort: true,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Stop()) }()
	var out strings.Builder
	require.True(t, again.Console().Exec("test", []string{"execute backup config"}, &out))
	assert.Equal(t, backup, out.String())
}

// added are the lines of got that are not in want, those of the factory's entries
// left out: a table that a file says something about is written with them.
func added(want, got map[string]int) (lines []string) {
	for line := range got {
		entry := line
		if parts := strings.SplitN(line, " > ", 3); len(parts) > 1 && strings.HasPrefix(parts[1], "edit ") {
			entry = parts[0] + " > " + parts[1]
		}
		if want[line] == 0 && (entry == line && !strings.HasSuffix(line, "edit default") || want[entry] > 0) {
			lines = append(lines, line)
		}
	}
	return lines
}

// flat is a configuration without its order: each statement with the blocks it
// stands in, and how often it stands there. Quotes that a word doesn't need are
// taken off, and indents.
func flat(text string) map[string]int {
	found := make(map[string]int)
	var blocks []string
	for _, statement := range statements(text) {
		word, _, _ := strings.Cut(statement, " ")
		switch word {
		case "end", "next":
			blocks = blocks[:len(blocks)-1]
			continue
		case "config", "edit":
			blocks = append(blocks, statement)
			found[strings.Join(blocks, " > ")]++
			continue
		}
		found[strings.Join(append(slices.Clone(blocks), statement), " > ")]++
	}
	return found
}

// statements are the lines of a text; one that ends inside quotes goes on.
func statements(text string) []string {
	var list []string
	open := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if open {
			list[len(list)-1] += "\n" + line
		} else if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
		bare := strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\"`, "")
		open = open != (strings.Count(bare, `"`)%2 == 1)
	}
	for i, s := range list {
		if !strings.Contains(s, "\n") && !strings.Contains(s, `\`) {
			list[i] = strings.ReplaceAll(s, `"`, "")
		}
	}
	return list
}
