package appliance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The SSH console with programs of others: OpenSSH with and without a terminal,
// keys really typed into it in tmux, and Netmiko.

// openSSH is the client with its arguments for the site's console.
func openSSH(t *testing.T, s *site) []string {
	t.Helper()
	path := program(t, "ssh", "-V")
	at := s.Console().SSHAddr()
	require.True(t, at.IsValid())
	return []string{
		path, "-F", "none", "-p", fmt.Sprint(at.Port()), "-o", "UserKnownHostsFile=" + filepath.Join(s.state, "known_hosts"),
		"-o", "StrictHostKeyChecking=accept-new", "-o", "IdentityAgent=none", "-o", "ConnectTimeout=30",
	}
}

// ssh runs OpenSSH and returns what it prints on standard output and standard error.
func (s *site) ssh(stdin string, args ...string) (out, errs string, err error) {
	line := append(openSSH(s.t.(*testing.T), s), args...)
	cmd, said := realClient(s.t.(*testing.T), line[0], line[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	text, err := cmd.Output()
	return string(text), said.String(), err
}

// fillAndStarve is the flow of the documentation: configure failopen, fill the
// table, look at level 4, at memory and at VDOMs, and restart the proxy.
const fillAndStarve = `config system global
set av-failopen-session enable
set av-failopen off
end
diagnose sim fill pop3 8032
get test proxyworker 4
get test proxyworker 1
get test proxyworker 4444
get test proxyworker 99
get test proxyworker 4
`

// checkFlow looks at what the flow prints, line ends of any kind.
func checkFlow(t *testing.T, out string) {
	t.Helper()
	out = strings.ReplaceAll(out, "\r", "")
	before, after, ok := strings.Cut(out, "proxy restarted, 8032 connections closed\n")
	require.True(t, ok, out)
	for _, want := range []string{
		"8032 of 8032 entries filled, POP3 8032, all protocols 8032/8032\n",
		"Worker[0]\nHTTP Common\nCurrent Connections                     0/8032\n",
		"POP3 Common\nCurrent Connections                     8032/8032\nMax Concurrent Connections              8032\n",
		"Worker Stat\nRunning time (HH:MM:SS:usec)", "HTTP Stat\nBytes sent", "Worker Accounting\npoll=", "\nNNTP Accounting\nsetup_ok=0 setup_fail=0 ",
		"Worker[0] Memory\nTotal memory 1048576 (kb)\n", "POP3 sessions 8032 x 65536 = 526385152\n", "VDOM root\nHTTP Common\n",
	} {
		assert.Contains(t, before, want)
	}
	assert.Contains(t, after, "POP3 Common\nCurrent Connections                     0/8032\nMax Concurrent Connections              0\n")
}

func TestOpenSSH(t *testing.T) {
	s := newRealTimeSite(t, "")
	out, errs, err := s.ssh("", "-o", "BatchMode=yes", "admin@127.0.0.1", strings.TrimSpace(fillAndStarve))
	require.NoError(t, err, errs)
	checkFlow(t, out)
	out, errs, err = s.ssh(fillAndStarve, "-T", "admin@127.0.0.1")
	require.NoError(t, err, errs)
	checkFlow(t, out)
	assert.NotContains(t, out, "#", "without a terminal there are no prompts")
	s.exec("config system console", "set output standard", "end")
	out, errs, err = s.ssh(fillAndStarve+"exit\n", "-tt", "admin@127.0.0.1")
	require.NoError(t, err, errs)
	checkFlow(t, out)
	assert.Contains(t, out, "FGT (global) # set av-failopen off\r\r\n\r\nFGT (global) # end\r\r\n\r\nFGT # ")

	out, _, err = s.ssh("", "-o", "BatchMode=yes", "admin@127.0.0.1", "get tast")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Equal(t, "\ncommand parse error before 'tast'\nCommand fail. Return code -61\n", out)
	_, errs, err = s.ssh("", "-o", "BatchMode=yes", "nobody@127.0.0.1", "get system status")
	require.Error(t, err)
	assert.Contains(t, errs, "Permission denied")
	_, errs, err = s.ssh("", "-N", "-L", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes", "-O", "check", "-S", "none", "admin@127.0.0.1")
	require.Error(t, err, errs)
}

// TestOpenSSHLogsIn with a key, and with a password after a banner.
func TestOpenSSHLogsIn(t *testing.T) {
	keygen := program(t, "ssh-keygen")
	s := newRealTimeSite(t, "")
	key := filepath.Join(s.state, "key")
	run(t, keygen, "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	require.NoError(t, err)
	s.exec("config system admin", "edit admin", "set password 'it is secret'", "set ssh-public-key1 \""+strings.TrimSpace(string(public))+"\"", "next",
		"edit viewer", "set accprofile super_admin_readonly", "set password look", "next", "end",
		"config system global", "set pre-login-banner enable", "end")
	for _, words := range [][]string{{"get system global | grep hostname"}, {"-tt", "get system global | grep hostname"}} {
		out, errs, err := s.ssh("", append([]string{"-i", key, "-o", "BatchMode=yes", "admin@127.0.0.1"}, words...)...)
		require.NoError(t, err, errs)
		assert.Equal(t, "hostname            : FGT", strings.TrimSpace(out))
	}
	_, _, err = s.ssh("", "-o", "BatchMode=yes", "admin@127.0.0.1", "get system status")
	require.Error(t, err, "there is a password now")

	ask := filepath.Join(s.state, "ask")
	for user, password := range map[string]string{"admin": "it is secret", "viewer": "look"} {
		require.NoError(t, os.WriteFile(ask, []byte("#!/bin/sh\necho '"+password+"'\n"), 0o700))
		t.Setenv("SSH_ASKPASS", ask)
		t.Setenv("SSH_ASKPASS_REQUIRE", "force")
		out, errs, err := s.ssh("config system global\nset hostname "+user+"\nend\nshow system global\n", "-T", user+"@127.0.0.1")
		assert.Contains(t, errs, "WARNING: this is a simulated unit.")
		if user == "viewer" {
			require.Error(t, err)
			assert.Contains(t, out, "Return code -37\n")
			continue
		}
		require.NoError(t, err, errs)
		assert.Contains(t, out, "set hostname \"admin\"\n")
	}
	text := s.exec("execute backup config")
	assert.NotContains(t, text, "secret")
	assert.Contains(t, text, "set password ENC $argon2id$")
	for _, l := range s.log("configuration changed") {
		assert.NotContains(t, fmt.Sprint(l), "argon2id", "hashes stay out of the log")
	}
	var logins []any
	for _, l := range s.log("administrator logged in") {
		logins = append(logins, l["method"])
	}
	assert.Contains(t, logins, any("public key"))
	assert.Contains(t, logins, any("password"))
}

// pane is a terminal in tmux in which OpenSSH runs.
type pane struct {
	t    *testing.T
	tmux string
	sock string
}

func openPane(t *testing.T, s *site, user string) *pane {
	t.Helper()
	p := &pane{t: t, tmux: program(t, "tmux", "-V"), sock: filepath.Join(t.TempDir(), "tmux")}
	line := append(openSSH(t, s), user+"@127.0.0.1")
	for i, w := range line {
		line[i] = "'" + w + "'"
	}
	p.do("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "env TERM=xterm "+strings.Join(line, " ")+"; echo left; exec cat")
	t.Cleanup(func() { assert.NoError(t, exec.Command(p.tmux, "-S", p.sock, "kill-server").Run()) })
	return p
}

func (p *pane) do(args ...string) string {
	p.t.Helper()
	return run(p.t, p.tmux, append([]string{"-S", p.sock}, args...)...)
}

// types types keys: text as it is, or the name of a key.
func (p *pane) types(text string) { p.do("send-keys", "-l", text) }
func (p *pane) key(name string)   { p.do("send-keys", name) }

// shows waits until the screen ends in text, and returns the screen.
func (p *pane) shows(text string) string {
	p.t.Helper()
	screen := ""
	eventually(p.t, func() bool {
		screen = strings.TrimRight(p.do("capture-pane", "-p"), "\n ")
		return strings.HasSuffix(screen, strings.TrimRight(text, " "))
	}, "the screen ends in %q", text)
	return screen
}

// has waits until text stands on the screen.
func (p *pane) has(text string) {
	p.t.Helper()
	eventually(p.t, func() bool { return strings.Contains(p.do("capture-pane", "-p"), text) }, "%q is on the screen", text)
}

// enters types a line and waits for the next prompt.
func (p *pane) enters(line, prompt string) string {
	p.t.Helper()
	p.types(line)
	p.shows(line)
	p.key("Enter")
	return p.shows(prompt)
}

// TestKeysTyped goes through the documentation's flow as an engineer would, with
// Tab, abbreviations, help, history, pages and grep.
func TestKeysTyped(t *testing.T) {
	s := newRealTimeSite(t, "")
	p := openPane(t, s, "admin")
	p.shows("FGT #")
	p.types("conf sys glo")
	p.key("Enter")
	p.shows("FGT (global) #")
	p.types("set av-failopen-s")
	p.key("Tab")
	p.shows("FGT (global) # set av-failopen-session")
	p.types("?")
	p.has("disable    Disable setting.\nenable     Enable setting.\n\nFGT (global) # set av-failopen-session")
	p.types("en")
	p.key("Tab")
	p.shows("set av-failopen-session enable")
	p.key("Enter")
	p.shows("FGT (global) #")
	p.key("Up") // the line again, changed
	p.shows("set av-failopen-session enable")
	p.key("C-w")
	p.key("C-w")
	p.types("av-failopen of")
	p.key("Tab")
	p.shows("set av-failopen off")
	p.key("Enter")
	p.enters("end", "end\n\nFGT #")
	p.enters("diagnose sim fill pop3 8032", "8032/8032\n\nFGT #")

	p.types("get te")
	p.key("Tab")
	p.types("proxyw")
	p.key("Tab")
	p.types("4")
	p.key("Enter")
	screen := p.shows("--More--")
	assert.Contains(t, screen, "Worker[0]\nHTTP Common\nCurrent Connections                     0/8032\n")
	assert.Contains(t, screen, "POP3 Common\nCurrent Connections                     8032/8032\n")
	p.key("Space")
	p.has("Running time (HH:MM:SS:usec)")
	p.types("q")
	p.shows("\n\nFGT #")
	p.key("C-l")
	assert.Equal(t, "FGT # get test proxyworker 4 | grep -c Current\n6\n\nFGT #", p.enters("get test proxyworker 4 | grep -c Current", "6\n\nFGT #"))
	p.key("C-l")
	assert.Equal(t, "FGT # get test proxyworker 1 | grep POP3\nPOP3 sessions 8032 x 65536 = 526385152\n\nFGT #",
		p.enters("get test proxyworker 1 | grep POP3", "526385152\n\nFGT #"))
	p.enters("get test proxyworker 4444 | grep VDOM", "VDOM root\n\nFGT #")
	p.key("C-l")
	assert.Equal(t, "FGT # show system global | grep -f failopen-s\nconfig system global\n    set admin-ssh-port 2222\n    set av-failopen off\n    set av-failopen-session enable <---\nend\n\nFGT #",
		p.enters("show system global | grep -f failopen-s", "end\n\nFGT #"))
	p.enters("get test proxyworker 99", "8032 connections closed\n\nFGT #")
	p.types("junk")
	p.key("C-c")
	p.shows("^C\nFGT #")
	p.do("resize-window", "-x", "100", "-y", "40")
	p.types("get test proxyworker")
	p.key("Enter")
	assert.NotContains(t, p.shows("99: Restart proxy\n\nFGT #"), "More")
	p.types("diagnose sys top 1")
	p.key("Enter")
	p.has("Run Time:  ")
	p.types("q")
	p.shows("FGT #")
	p.types("exit")
	p.key("Enter")
	p.shows("left")
}

// netmiko is a script for Netmiko.
const netmiko = `
import sys
from netmiko import ConnectHandler
c = ConnectHandler(device_type="fortinet", host="127.0.0.1", port=int(sys.argv[1]), username="admin", password="", timeout=120, fast_cli=True)
print(c.find_prompt())
print(len(c.send_command("get test proxyworker 4").splitlines()) > 200)
print(c.send_config_set(["config system global", "set hostname by-netmiko", "end"]).count("(global) #"))
c.set_base_prompt(alt_prompt_terminator="$")
print(c.send_command("get system global | grep hostname").strip())
c.disconnect()
`

func TestNetmiko(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import netmiko")
	s := newRealTimeSite(t, "")
	out := run(t, python, "-c", netmiko, fmt.Sprint(s.Console().SSHAddr().Port()))
	assert.Equal(t, "FGT #\nTrue\n2\nhostname            : by-netmiko\n", out)
	assert.Contains(t, s.exec("show full-configuration system console"), "set output more", "it puts things back in order")
}

// TestSSHWhileTheTableIsFull: the console over SSH needs no entry, refuses nobody
// and shows what traffic meets.
func TestSSHWhileTheTableIsFull(t *testing.T) {
	program(t, "ssh", "-V")
	s := newRealTimeSite(t, "config system global\nset av-failopen-session enable\nset av-failopen off\nend\n")
	s.exec("diagnose sim fill http 8032")
	out, errs, err := s.ssh("", "-o", "BatchMode=yes", "admin@127.0.0.1", "diagnose sim failopen | grep HTTP\nget test http 4 | grep Current")
	require.NoError(t, err, errs)
	assert.Contains(t, out, " action=refuse entries=8032/8032 ")
	s.exec("diagnose sim drain")
}
