package appliance_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/eventlog"
	"utmsim/internal/lab/freeport"
)

// newest is the newest line of a category in the console's display.
func (s *site) newest(category string) eventlog.Line {
	s.t.Helper()
	out := s.exec("execute log filter category "+category, "execute log filter view-lines 5", "execute log display")
	m := regexp.MustCompile(`(?m)^1: (.*)$`).FindStringSubmatch(out)
	require.NotNil(s.t, m, out)
	return eventlog.Line{Text: m[1]}
}

// holds checks fields of a line.
func holds(t *testing.T, line eventlog.Line, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for k := range want {
		v, ok := line.Value(k)
		assert.True(t, ok, "no field %s in %s", k, line.Text)
		got[k] = v
	}
	assert.Equal(t, want, got, line.Text)
}

// TestEventsBecomeLines makes each event happen on the wire and reads what the
// console's log says about it.
func TestEventsBecomeLines(t *testing.T) {
	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "off"))
	saw, c := s.fetchEICAR(alice)
	require.Equal(t, blocked, saw)
	client, server := c.LocalAddr().(*net.TCPAddr), s.origin()
	holds(t, s.newest("virus"), map[string]string{
		"logid": "0211008192", "type": "utm", "subtype": "virus", "eventtype": "infected", "level": "warning", "vd": "root",
		"policyid": "1", "msg": "File is infected.", "action": "blocked", "service": "HTTP", "srcip": alice, "srcport": strconv.Itoa(client.Port),
		"dstip": "127.0.0.1", "dstport": server[strings.LastIndex(server, ":")+1:], "proto": "6", "direction": "incoming", "filename": "eicar.com",
		"checksum": "6851cf3c", "filesize": "68", "virus": "EICAR_TEST_FILE", "dtype": "Virus", "virusid": "2172", "profile": "default",
		"url": "http://lab.test/eicar.com",
	})

	c.ask(fmt.Sprintf("/bytes/%d", 2<<20))
	_, _, err := c.answer("GET")
	require.NoError(t, err)
	holds(t, s.newest("virus"), map[string]string{"logid": "0213008705", "eventtype": "oversize", "level": "notice", "action": "passthrough"})

	s.exec("diagnose sim fill http 3")
	holds(t, s.newest("event"), map[string]string{"logid": "0100022800", "level": "critical", "logdesc": "Scan services session failed", "mode": "off",
		"trigger": "session", "msg": "The system has activated session fail mode"})
	saw, _ = s.fetchEICAR(alice)
	require.Equal(t, refused, saw)
	holds(t, s.newest("event"), map[string]string{"logid": "0100060001", "service": "http", "srcip": alice, "row": "9", "entries": "4", "limit": "4", "style": "reset"})
	s.exec("diagnose sim drain")
	holds(t, s.newest("event"), map[string]string{"logid": "0100022800", "msg": "The system has deactivated session fail mode"})

	s.set("system global", "hostname edge")
	holds(t, s.newest("event"), map[string]string{"logid": "0100044546", "user": "test", "action": "Edit", "cfgpath": "system.global", "cfgattr": `hostname[FGT->edge]`})
	s.exec("diagnose sim memory 85")
	holds(t, s.newest("event"), map[string]string{"logid": "0100022011", "level": "critical", "logdesc": "Memory conserve mode entered", "conserve": "on"})
	s.exec("diagnose sim memory auto")
	out := s.exec("execute log filter field logid 0100022011", "execute log display")
	assert.Contains(t, out, "1 logs found.\n1 logs returned.\n")
	assert.Regexp(t, ` conserve=on total=1024 free=\d+ entermargin=\d+ exitmargin=\d+ msg="The system has entered conserve mode"`, out)
	assert.Contains(t, s.exec("execute log filter field logid 0100022012", "execute log display"), `msg="The system exited conserve mode"`)

	s.exec("get test proxyworker 99")
	holds(t, s.newest("event"), map[string]string{"logid": "0100060003", "user": "test"})

	onDisk := s.exec("execute log filter device disk", "execute log filter category virus", "execute log display")
	assert.Contains(t, onDisk, "2 logs found.\n2 logs returned.\n")
	s.set("system simulator", "persona 5.6")
	assert.Regexp(t, `^date=\S+ time=\S+ eventtime=\d{19} tz="[+-]\d{4}" logid="0100044546" type="event" subtype="system" level="information" vd="root" `, s.newest("event").Text)
}

// rsyslogConf receives RFC 5424 over UDP and TCP and writes what it has understood.
const rsyslogConf = `module(load="imudp")
module(load="imtcp")
template(name="parsed" type="string" string="%%pri%%|%%protocol-version%%|%%hostname%%|%%app-name%%|%%procid%%|%%msgid%%|%%msg%%\n")
ruleset(name="all") { action(type="omfile" file="%[1]s" template="parsed" flushOnTXEnd="on") }
input(type="imudp" address="127.0.0.1" port="%[2]s" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="%[3]s" ruleset="all")
global(workDirectory="%[4]s")
`

// freePort is a port for a program that can't choose one by itself.
func freePort(t testing.TB) string {
	t.Helper()
	port, err := freeport.Pick()
	require.NoError(t, err)
	return strconv.Itoa(port)
}

// TestSyslogByRsyslog sends the log to a real server in both modes.
func TestSyslogByRsyslog(t *testing.T) {
	path := program(t, "rsyslogd", "-v")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	ports := map[string]string{"udp": freePort(t), "reliable": freePort(t)}
	conf := fmt.Sprintf(rsyslogConf, in("got"), ports["udp"], ports["reliable"], dir)
	require.NoError(t, os.WriteFile(in("conf"), []byte(conf), 0o600))
	cmd := exec.Command(path, "-n", "-f", in("conf"), "-i", in("pid"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	eventually(t, func() bool {
		c, err := net.Dial("tcp", net.JoinHostPort(alice, ports["reliable"]))
		return err == nil && c.Close() == nil
	}, "rsyslogd listens")
	got := func() string { b, _ := os.ReadFile(in("got")); return string(b) }

	s := newSite(t, fmt.Sprintf(tableOfFour, "5.2", "enable", "off"))
	for _, mode := range []string{"udp", "reliable"} {
		s.set("log syslogd setting", "status enable", "server 127.0.0.1", "port "+ports[mode], "mode "+mode, "facility local3")
		s.set("system global", "hostname "+mode)
		saw, _ := s.fetchEICAR(alice)
		require.Equal(t, blocked, saw)
		// local3 is 19: 19*8+4 (warning).
		want := regexp.MustCompile(fmt.Sprintf(`(?m)^156\|1\|%s\|utmsim\|%d\|virus\| ?date=\S+ time=\S+ logid=0211008192 .* virus="EICAR_TEST_FILE" .*$`, mode, os.Getpid()))
		s.eventually(func() bool { return want.MatchString(got()) }, "rsyslogd has the line: %s", got())
		_, line, _ := strings.Cut(want.FindString(got()), "|virus|")
		holds(t, eventlog.Line{Text: strings.TrimSpace(line)}, map[string]string{
			"logid": "0211008192", "type": "utm", "subtype": "virus", "eventtype": "infected", "level": "warning", "vd": "root", "policyid": "1",
			"msg": "File is infected.", "action": "blocked", "service": "HTTP", "srcip": alice, "dstip": "127.0.0.1", "proto": "6",
			"filename": "eicar.com", "checksum": "6851cf3c", "virus": "EICAR_TEST_FILE", "url": "http://lab.test/eicar.com", "profile": "default",
		})
	}
}
