package appliance_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
)

var update = flag.Bool("update", false, "write down what the excerpt's summary is now")

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

// TestExcerptSummary: what "utmsim check" says of the excerpt, each thing once with
// the line where it stands first.
func TestExcerptSummary(t *testing.T) {
	f, err := os.Open(excerpt)
	require.NoError(t, err)
	defer f.Close()
	lines, err := appliance.Check("branch-office.conf", f)
	require.NoError(t, err)
	report := filepath.Join(filepath.Dir(excerpt), "branch-office.report")
	if *update {
		require.NoError(t, os.WriteFile(report, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	}
	want, err := os.ReadFile(report)
	require.NoError(t, err)
	assert.Equal(t, strings.Split(strings.TrimSpace(string(want)), "\n"), lines, "go test ./internal/appliance -run Excerpt -update writes it down")
	things := make(map[string]bool)
	for _, l := range lines {
		_, thing, _ := strings.Cut(strings.TrimPrefix(l, "branch-office.conf:"), ":")
		assert.False(t, things[thing] && thing != "", "twice: %s", l)
		things[thing] = true
	}
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
	assert.Contains(t, o.exec("execute log filter device disk", "execute log filter category virus", "execute log display"), `policyid=1 `)
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
	for line := range got {
		assert.Contains(t, want, line, "nobody has set this")
	}
	assert.True(t, strings.HasPrefix(backup, o.text[:strings.Index(o.text, "config system global")]), "the head comes first")

	o.exec("config system global", "set hostname changed", "end", "config firewall policy", "edit 1", "set av-profile default", "end")
	changed := flat(o.exec("execute backup config"))
	var differing []string
	for line := range changed {
		if !slices.Contains([]int{want[line]}, changed[line]) {
			differing = append(differing, line)
		}
	}
	assert.ElementsMatch(t, []string{"config system global > set hostname changed", "config firewall policy > edit 1 > set av-profile default"}, differing)

	again, err := appliance.Start(appliance.Options{
		Config: []appliance.Source{text("again.conf", backup)}, StateDir: t.TempDir(), Version: "test", AnyPort: true,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Stop()) }()
	var out strings.Builder
	require.True(t, again.Console().Exec("test", []string{"execute backup config"}, &out))
	assert.Equal(t, backup, out.String())
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
