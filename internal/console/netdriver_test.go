package console

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// What NetDriver looks for:
//
//	github.com/OpenSecFlow/netdriver, plugins/fortinet/fortinet.py, with what its
//	tests/components/netdriver/plugins/test_fortinet_patterns.py expects of it
const (
	netdriverPrompt = `(?m)^\r?\S+\s*(\(\S+\))?\s*(#|\$)\s*$`
	netdriverWithin = `(?m)^\r?\S+\s*\((\S+)\)\s*(#|\$)\s*$`
	netdriverPage   = `--More--`
	netdriverError  = `(?m)Unknown action.*|Command fail.*`
)

// inside returns what stands in brackets in a prompt; "" where there is nothing.
func (d *driver) inside() string {
	d.t.Helper()
	_, match, _ := d.expect(netdriverPrompt)
	if m := regexp.MustCompile(netdriverWithin).FindStringSubmatch(match); m != nil {
		return m[1]
	}
	return ""
}

// enter types a line and returns what is printed up to the prompt.
func (d *driver) enter(line string) string {
	d.t.Helper()
	d.x.press(line + "\n")
	_, _, _ = d.expect(regexp.QuoteMeta(line) + `\r\r\n`)
	out, _, _ := d.expect(netdriverPrompt)
	return strings.ReplaceAll(out, "\r", "")
}

// TestNetDriver: its prompts with and without a level, its page, and each of the
// errors that it recognises, from a real session.
func TestNetDriver(t *testing.T) {
	u := newSSHUnit(t, "config firewall vip", "edit used", "set extip 127.0.0.1", "set extport 8080", "set mappedip 127.0.0.1", "set mappedport 80",
		"set portforward enable", "next", "edit other", "set extip 127.0.0.1", "set extport 8081", "set mappedip 127.0.0.1", "set mappedport 80",
		"set portforward enable", "next", "end", "config firewall policy", "edit 1", "set dstaddr used", "set service HTTP", "set status disable", "next", "end")
	d := &driver{t: t, x: openTerminal(t, u.dial(t, "admin", ssh.Password("")), 1000, 24)}
	assert.Empty(t, d.inside())
	d.x.press("show full-configuration\n")
	d.expect(netdriverPage)
	d.x.press("q")
	d.expect(netdriverPrompt)
	d.x.press("config system console\nset output standard\nend\n") // three lines at once, as it sends them
	d.expect(`end\r\r\n`)
	assert.Empty(t, d.inside())
	d.enter("config system global")
	d.x.press("\n") // which level is this?
	assert.Equal(t, "global", d.inside())
	d.enter("end")
	assert.NotRegexp(t, netdriverPage, d.enter("show full-configuration"))
	assert.NotRegexp(t, netdriverError, d.enter("get system status"))

	long := strings.Repeat("s", 734)
	for _, c := range []struct {
		lines []string // the last one is wrong
		want  string
	}{
		{[]string{"emd"}, "Unknown action 0\n"},
		{[]string{"get xjj"}, "\ncommand parse error before 'xjj'\nCommand fail. Return code -61\n"},
		{[]string{"config firewall"}, "incomplete command in the end\nCommand fail. Return code -160\n"},
		{[]string{"config system global", "set memory-use-threshold-green 90", "set memory-use-threshold-red 85", "end"}, "object check operator error, -45, discard the setting\nCommand fail. Return code 1\n"},
		{[]string{"config system dns", "set primary 1.1"}, "invalid ip address\n\nvalue parse error before '1.1'\nCommand fail. Return code -8\n"},
		{[]string{"config firewall vip", "edit used", "set comment " + long}, "string value is too long. the size is 734, the limit is 255\nvalue parse error before '" + long + "'\nCommand fail. Return code -1\n"},
		{[]string{"config system global", "set hostname no.name"}, "node_check_object fail! for hostname no.name\n\nvalue parse error before 'no.name'\nCommand fail. Return code -651\n"},
		{[]string{"config firewall policy", "edit 1", "set dstaddr 201.1.1.1"}, "entry not found in datasource\n\nvalue parse error before '201.1.1.1'\nCommand fail. Return code -3\n"},
		{[]string{"config firewall vip", "rename other to used"}, "key already exists\n\nvalue parse error before 'used'\nCommand fail. Return code -5\n"},
		{[]string{"config firewall vip", "edit used", "set extport 100-10"}, "invalid unsigned integer value: 100-10\n\nvalue parse error before '100-10'\nCommand fail. Return code -651\n"},
		{[]string{"config firewall vip", "edit used", "set extport -1"}, "node_check_object fail! for extport -1\n\nvalue parse error before '-1'\nCommand fail. Return code -651\n"},
		{[]string{"config firewall vip", "delete used"}, "The entry is used by other 1 entries\nCommand fail. Return code -23\n"},
		{[]string{"config firewall vip", "reboot"}, "Unknown action\n"},
	} {
		out := ""
		for _, line := range c.lines {
			out = d.enter(line)
		}
		assert.True(t, strings.HasSuffix(out, c.want+"\n"), "%q: %q", c.lines, out)
		assert.Regexp(t, netdriverError, out)
		for d.enter("abort") != "Unknown action 0\n\n" { // out of whatever is open
		}
	}
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
}

// TestDriversKnowEveryPrompt: the prompts that gnetcli's tests have, with names of
// the kinds they have, match what each of the three looks for.
func TestDriversKnowEveryPrompt(t *testing.T) {
	for _, c := range []struct{ hostname, user, prompt string }{
		{"Forti1", "admin", "Forti1 # "},
		{"Forti-Gate", "admin", "Forti-Gate # "},
		{"F-Gate", "viewer", "F-Gate $ "},
		{"forti-fw-in-the-cellar-01", "admin", "forti-fw-in-th~- # "},
		{"forti-fw-in-the-cellar-01", "viewer", "forti-fw-in-th~- $ "},
	} {
		u := newSSHUnit(t, strings.Split(accounts+"config system global\nset hostname "+c.hostname+"\nend", "\n")...)
		x := openTerminal(t, u.dial(t, c.user, ssh.Password("lab")), 400, 0)
		require.Equal(t, c.prompt, x.until("# ", "$ "))
		prompts := []string{c.prompt}
		for _, line := range []string{"config firewall profile-protocol-options", "edit default", "config http", "end", "end"} {
			x.press(line + "\n")
			out := x.until("# ", "$ ")
			prompts = append(prompts, out[strings.LastIndex(out, "\n")+1:])
		}
		host, sign, _ := strings.Cut(c.prompt, " ")
		assert.Contains(t, prompts, host+" (profile-protoc~l) "+sign)
		assert.Contains(t, prompts, host+" (default) "+sign)
		for _, p := range prompts {
			for _, pattern := range []string{gnetcliPrompt, netmikoPrompt + `\s*$`, netdriverPrompt} {
				assert.Regexp(t, pattern, p)
				assert.Regexp(t, pattern, "end\r\n\r\n"+p)
			}
			assert.NotRegexp(t, gnetcliPrompt, p+"some-text")
		}
	}
}
