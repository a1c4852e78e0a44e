package appliance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// pop3Stat waits until a line of "POP3 Stat" has a value.
func (s *site) pop3Stat(line string, want int64) {
	s.t.Helper()
	s.eventually(func() bool {
		got, ok := s.Engine().Report().Stat[protocols.POP3].Get(line)
		return ok && got == want
	}, "%s becomes %d", line, want)
}

// poplibDay is the day of a user with Python's own client. It prints what it saw.
const poplibDay = `
import base64, json, poplib, sys
poplib._MAXLINE = 20000
p = poplib.POP3(sys.argv[1], int(sys.argv[2]), timeout=120)
out = {"capa": p.capa()}
try:
    p.stls()
except poplib.error_proto as e:
    out["stls"] = str(e)
try:
    p.user("alice"); p.pass_("wrong")
except poplib.error_proto as e:
    out["wrong"] = str(e)
p.apop("alice", "lab")
text = lambda lines: base64.b64encode(b"\r\n".join(lines)).decode()
out["stat"] = p.stat()
out["list"] = [text(p.list()[1]), p.list(2).decode()]
out["uidl"] = [text(p.uidl()[1]), p.uidl(2).decode()]
out["top"] = [text(p.top(n, 5)[1]) for n in (1, 2)]
out["mails"] = [text(p.retr(n)[1]) for n in (1, 2, 3, 4)]
p.noop()
p.dele(1)
out["left"] = p.stat()
p.rset()
out["reset"] = p.stat()
try:
    p.retr(99)
except poplib.error_proto as e:
    out["missing"] = str(e)
out["bye"] = p.quit().decode()
print(json.dumps(out))
`

// TestPOP3Python compares the day of Python's poplib with and without the proxy.
func TestPOP3Python(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import poplib")
	s := newRealTimeSite(t, "")
	day := func(address string) (saw map[string]any) {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(run(t, python, "-W", "ignore", "-c", poplibDay, host, port)), &saw))
		return saw
	}
	direct, proxied := day(s.Origins.Addr(lab.ServicePOP3)), day(s.proxyOf("POP3"))

	assert.Contains(t, proxied["stls"], "-ERR")
	mails, plain := proxied["mails"].([]any), direct["mails"].([]any)
	require.Len(t, mails, 4)
	assert.Equal(t, plain[:2], mails[:2], "clean mails are the same byte by byte")
	for _, saw := range []map[string]any{direct, proxied} {
		delete(saw, "mails")
		delete(saw, "stls") // refused by both, in words of their own
	}
	assert.Equal(t, direct, proxied)
	s.pop3Stat("Emails infected with viruses", 2)
	s.pop3Stat("Emails clean", 4)
	assert.EqualValues(t, 8, s.Origins.POP3().Counts().Retrieved)
}

// TestPOP3Curl compares what curl fetches with and without the proxy.
func TestPOP3Curl(t *testing.T) {
	curl := program(t, "curl", "--version")
	s := newRealTimeSite(t, "")
	both := func(path string, args ...string) (direct, proxied []byte) {
		args = append([]string{"-sS", "-u", "alice:lab"}, args...)
		get := func(address string) []byte { return []byte(run(t, curl, append(args, "pop3://"+address+path)...)) }
		return get(s.Origins.Addr(lab.ServicePOP3)), get(s.proxyOf("POP3"))
	}
	for _, c := range []struct {
		path string
		args []string
	}{
		{path: "/"}, {path: "/1"}, {path: "/2"}, {path: "/1", args: []string{"-l"}}, {path: "/", args: []string{"-X", "UIDL"}},
		{path: "/", args: []string{"-X", "TOP 2 3"}}, {path: "/1", args: []string{"--login-options", "AUTH=PLAIN"}},
		{path: "/1", args: []string{"--login-options", "AUTH=+APOP"}},
	} {
		direct, proxied := both(c.path, c.args...)
		assert.Equal(t, string(direct), string(proxied), "%s %v", c.path, c.args)
	}
	for _, path := range []string{"/3", "/4"} {
		direct, proxied := both(path)
		assert.NotEqual(t, direct, proxied)
		assert.Contains(t, string(proxied), `It was infected with "EICAR_TEST_FILE".`)
		assert.Contains(t, string(proxied), "The file is attached.", "the rest of the mail")
		head, _, _ := bytes.Cut(direct, []byte("\r\n--lab-boundary\r\nContent-Type: application"))
		assert.True(t, bytes.HasPrefix(proxied, head), "what stands before the attachment is as it was")
	}
	s.pop3Stat("Emails infected with viruses", 2)
}

// TestPOP3Failopen: with a full table and av-failopen pass a newcomer's mails pass
// unscanned, and those who are connected stay inspected.
func TestPOP3Failopen(t *testing.T) {
	s := newSite(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen-session enable\nend\n")
	users := []*client{s.popUser(), s.popUser()}
	newcomer := s.popUser()
	eicar := string(samples.EICAR())
	for _, u := range users {
		assert.Contains(t, u.retrieve(3), "EICAR_TEST_FILE")
	}
	mail := newcomer.retrieve(3)
	assert.NotContains(t, mail, "EICAR_TEST_FILE")
	assert.Contains(t, mail, "base64")
	assert.NotContains(t, mail, eicar, "the attachment is encoded")
	assert.Contains(t, s.exec("diagnose sim leak"), "failopen bypass")
	newcomer.Close()
	users[0].Close()
	s.eventually(func() bool { return s.inTable() == 1 }, "an entry is free again")
	assert.Contains(t, s.popUser().retrieve(3), "EICAR_TEST_FILE", "scanning resumes")
}

// popUser is a session of alice through the proxy.
func (s *site) popUser() *client {
	c := s.dialTo("127.0.0.1", s.proxyOf("POP3"))
	c.popLine("+OK")
	c.send("USER alice\r\nPASS lab\r\n")
	c.popLine("+OK")
	c.popLine("+OK")
	return c
}

func (c *client) popLine(prefix string) string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	require.NoError(c.t, err)
	require.True(c.t, strings.HasPrefix(line, prefix), "%q", line)
	return line
}

// retrieve is mail n as it comes.
func (c *client) retrieve(n int) string {
	c.t.Helper()
	c.send(fmt.Sprintf("RETR %d\r\n", n))
	c.popLine("+OK")
	var mail strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		require.NoError(c.t, err)
		if line == ".\r\n" {
			return mail.String()
		}
		mail.WriteString(line)
	}
}
