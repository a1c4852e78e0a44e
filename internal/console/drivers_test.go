package console

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// Programs that drive the appliance recognise what it sends by regular expressions.
// The tests here play what two of them do, with their expressions, against a real
// session:
//
//	gnetcli   github.com/annetutil/gnetcli, pkg/device/fortios/device.go
//	Netmiko   github.com/ktbyers/netmiko, netmiko/fortinet/fortinet_ssh.py (4.3) and base_connection.py

// driver is a program at the other end of a session.
type driver struct {
	t    *testing.T
	x    *sshTerminal
	rest string // what was read and not yet used
}

// expect reads up to the first match and returns what stands before it, the match,
// and what stands in its groups.
func (d *driver) expect(pattern string) (before, match string, groups []string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if at := re.FindStringSubmatchIndex(d.rest); at != nil {
			groups = re.FindStringSubmatch(d.rest)
			before, match = d.rest[:at[0]], d.rest[at[0]:at[1]]
			d.rest = d.rest[at[1]:]
			return before, match, groups
		}
		d.x.mu.Lock()
		for d.x.out.Len() == d.x.seen && !d.x.ended {
			d.x.at.Wait()
		}
		fresh := d.x.out.String()[d.x.seen:]
		d.x.seen = d.x.out.Len()
		d.x.mu.Unlock()
		require.NotEmpty(d.t, fresh, "the session ended before %s: %q", pattern, d.rest)
		d.rest += fresh
	}
}

const (
	gnetcliPrompt   = `(?P<prompt>[\w\-()~ ]+)[#$]\s*$`
	gnetcliPager    = `--\s?[Mm]ore\s?--`
	gnetcliQuestion = `(?P<question>[dD]o you want to continue\? \(y/n\))\s*$`
	gnetcliError    = `(Command fail\.?|Unknown action|Node not found|Entry not found|Parse error|Incomplete command|Ambiguous command|Permission denied|Invalid value|Input is not a valid|failover status: unset|Unknown phase2)`
)

// execute is how gnetcli runs a command: the echo of the line with its odd line
// end, pages, then the prompt.
func (d *driver) execute(command string) string {
	d.t.Helper()
	d.x.press(command + "\n")
	before, _, _ := d.expect(regexp.QuoteMeta(command) + `\r\r\n`)
	assert.Empty(d.t, before, "nothing stands before the echo")
	var out strings.Builder
	for {
		text, match, _ := d.expect(`(` + gnetcliPrompt + `|` + gnetcliPager + `|` + gnetcliQuestion + `)`)
		out.WriteString(text)
		switch {
		case regexp.MustCompile(gnetcliPager).MatchString(match):
			d.x.press(" ")
		case regexp.MustCompile(gnetcliQuestion).MatchString(match):
			d.x.press("n")
		default:
			return out.String()
		}
	}
}

func TestGnetcli(t *testing.T) {
	u := newSSHUnit(t, "config system global", "set hostname forti-fw-a-long-name-01", "end")
	d := &driver{t: t, x: openTerminal(t, u.dial(t, "admin", ssh.Password("")), 400, 0)}
	d.expect(gnetcliPrompt)
	pages := d.execute("show full-configuration") // before paging is off
	assert.Contains(t, pages, "config firewall policy\r\n")
	for _, command := range []string{"config system console", "set output standard", "end"} {
		assert.Equal(t, "\r\n", d.execute(command))
	}
	out := d.execute("show full-configuration")
	assert.NotContains(t, out, "More")
	assert.True(t, strings.HasSuffix(out, "end\r\n\r\n"), "an empty line ends what is printed")
	long := "show full-configuration system global | grep -i " + strings.Repeat("x", 200)
	assert.Equal(t, "\r\n", d.execute(long), "the echo of a long line is not broken")
	for _, wrong := range []string{"reboot", "config nothing", "get test", "show system global | grep"} {
		assert.Regexp(t, gnetcliError, d.execute(wrong), wrong)
	}
	assert.NotRegexp(t, gnetcliError, d.execute("get system status"))
	_, ok := u.exec("config system global", "set vdom-admin enable", "end")
	require.True(t, ok)
	assert.Regexp(t, gnetcliError, d.execute("config firewall vip"), "outside of VDOMs")
	d.execute("config vdom")
	assert.Equal(t, "current vf=root:0\r\n\r\n", d.execute("edit root"))
	d.execute("config firewall profile-protocol-options")
	d.execute("edit default")
	d.execute("abort")
	d.execute("end")
	assert.Contains(t, d.execute("execute shutdown"), "This operation will shutdown the system !\r\n")
	assert.Zero(t, u.shutdowns)
}

// netmikoPrompt is what Netmiko waits for, anywhere in what it has read.
const netmikoPrompt = `[#$]`

// send is how Netmiko runs a command: it reads the echo, then up to the prompt, and
// takes both off.
func (d *driver) send(command, prompt string) string {
	d.t.Helper()
	d.x.press(command + "\n")
	d.expect(regexp.QuoteMeta(command))
	out, _, _ := d.expect(prompt)
	out = regexp.MustCompile(`\r\r\r\n|\r\r\n|\r\n|\n\r`).ReplaceAllString(out, "\n")
	lines := strings.Split(out, "\n")
	return strings.Join(lines[:len(lines)-1], "\n")
}

func TestNetmiko(t *testing.T) {
	for _, c := range []struct {
		name, config string
		banner       bool
		version      string
	}{
		{"as it comes", "", false, "5.2"},
		{"a release that pages", "config system simulator\nset persona 5.6\nend", false, "5.6"},
		{"after a banner", "config system global\nset post-login-banner enable\nend", true, "5.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newSSHUnit(t, strings.Split(c.config, "\n")...)
			d := &driver{t: t, x: openTerminal(t, u.dial(t, "admin", ssh.Password("")), 511, 1000)}
			_, match, _ := d.expect(`to accept|` + netmikoPrompt)
			assert.Equal(t, c.banner, match == "to accept")
			if c.banner {
				d.x.press("a\r")
				d.expect(netmikoPrompt)
			}
			d.x.press("\n") // what is the prompt?
			line, end, _ := d.expect(netmikoPrompt + `\s*$`)
			lines := strings.Split(strings.TrimSpace(line), "\n")
			base := strings.TrimSpace(lines[len(lines)-1])
			assert.Equal(t, "FGT", base)
			assert.Equal(t, "#", strings.TrimSpace(end))

			vdoms := d.send("get system status | grep Virtual", netmikoPrompt)
			assert.NotRegexp(t, `Virtual domain configuration: (multiple|enable)`, vdoms)
			assert.Contains(t, vdoms, "Virtual domain configuration: disable")
			version := d.send("get system status | grep Version", netmikoPrompt)
			assert.Regexp(t, `(?m)^Version: .* (v[654]\.).*$`, version)
			assert.Contains(t, version, " v"+c.version)
			const mode = `(?m)^\s+set output (?P<mode>\S+)\s*$`
			prompt := regexp.QuoteMeta(base) + `.*` + netmikoPrompt
			assert.Equal(t, "more", regexp.MustCompile(mode).FindStringSubmatch(d.send("show full-configuration system console", prompt))[1])
			assert.Regexp(t, `(?m)output\s+:\s+(?P<mode>\S+)\s*$`, d.send("get system console", prompt))
			for _, command := range []string{"config system console", "set output standard", "end"} {
				d.send(command, netmikoPrompt)
			}
			assert.Contains(t, d.send("show full-configuration", prompt), "config firewall policy\nend\n")
			for _, command := range []string{"config system console", "set output more", "end"} { // the way out
				d.send(command, netmikoPrompt)
			}
			d.x.press("exit\n")
			require.NoError(t, d.x.s.Wait())
			assert.Equal(t, "more", u.store.Snapshot().Console.Output.String())
		})
	}
}
