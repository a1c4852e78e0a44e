package appliance_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
)

// dovecotPOP3Day is what poplib goes through. It prints what it was told, and the
// digests of the mails.
const dovecotPOP3Day = `
import hashlib, json, poplib, sys
poplib._MAXLINE = 100000
host, port = sys.argv[1], int(sys.argv[2])
saw = []
def note(what, *said): saw.append([what, repr(said)])
def refused(what, f, *a):
    try: note(what, f(*a))
    except poplib.error_proto as e: note(what, e.args)
def digest(lines): return hashlib.sha256(b"\r\n".join(lines)).hexdigest()
p = poplib.POP3(host, port, timeout=120)
note("capa", sorted(p.capa().items()))
refused("early", p.stat)
refused("stls", lambda: p._shortcmd("STLS"))
refused("wrong", lambda: (p.user("alice"), p.pass_("wrong")))
p = poplib.POP3(host, port, timeout=120)
note("auth", p._shortcmd("AUTH PLAIN AGFsaWNlAGxhYg=="))
note("stat", p.stat(), p.noop())
note("list", p.list(), p.list(2))
note("uidl", p.uidl(), p.uidl(2))
n = p.stat()[0]
for i in range(1, n + 1):
    reply, lines, size = p.retr(i)
    note("retr", reply, len(lines), size, digest(lines))
for i in (1, 2, 3, n): note("top", *[(r, digest(l), s) for r, l, s in [p.top(i, 0), p.top(i, 3)]])
refused("missing", p.retr, n + 1)
refused("missing", p.top, n + 1, 1)
refused("missing", p.dele, 0)
note("dele", p.dele(1), p.stat()); refused("deleted", p.retr, 1); note("rset", p.rset(), p.stat())
refused("unknown", lambda: p._shortcmd("XYZZY"))
refused("last", lambda: p._shortcmd("LAST"))
note("quit", p.quit())
print(json.dumps(saw))
`

// TestDovecotPOP3Python compares the day of poplib with and without the proxy.
func TestDovecotPOP3Python(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import poplib")
	s, d := newDovecotPOP3Site(t, "")
	large := "Subject: large\n\n" + strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\n", 125_000)
	tooLarge := large + strings.Repeat("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\n", 50_000)
	d.fill("alice", append(dovecotPOP3Mails(40), large, tooLarge))
	day := func(address string) (saw [][2]string) {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(run(t, python, "-c", dovecotPOP3Day, host, port)), &saw))
		return saw
	}
	day(d.address) // which makes old mails of new ones
	direct, proxied := day(d.address), day(s.proxyOf("POP3"))
	require.Len(t, proxied, len(direct))
	for i := range direct {
		if direct[i][0] == "stls" {
			assert.Contains(t, proxied[i][1], "-ERR", "refused by both, in words of their own")
			continue
		}
		assert.Equal(t, direct[i], proxied[i])
	}
	s.mailStat(protocols.POP3, "Emails oversize pass", 1)
	s.invariants()
}

// TestDovecotPOP3Curl compares what curl fetches with and without the proxy, and has
// it fetch the EICAR file in everything that can carry it.
func TestDovecotPOP3Curl(t *testing.T) {
	curl := program(t, "curl", "--version")
	s, d := newDovecotPOP3Site(t, "")
	carriers := mailCarriers()
	var infected []int
	for i := range carriers {
		infected = append(infected, i+1)
	}
	d.fill("alice", dovecotPOP3Mails(len(carriers)+1, infected...))
	clean := dovecotPOP3Mails(len(carriers) + 1)
	for i, c := range carriers {
		clean[i+1] = strings.ReplaceAll(c.mail(mailHarmless()), "\r\n", "\n")
	}
	d.fill("bob", clean)
	get := func(user, address, path string, args ...string) string {
		return run(t, curl, append(append([]string{"-sS", "--max-time", "120", "-u", user + ":lab"}, args...), "pop3://"+address+path)...)
	}
	for i := range clean {
		path := fmt.Sprintf("/%d", i+1)
		assert.Equal(t, strings.ReplaceAll(clean[i], "\n", "\r\n"), get("bob", s.proxyOf("POP3"), path), "clean")
	}
	for _, c := range [][]string{{"/"}, {"/", "-X", "UIDL"}, {"/", "-X", "TOP 1 1"}, {"/1", "-l"}, {"/1", "--login-options", "AUTH=LOGIN"}} {
		assert.Equal(t, get("bob", d.address, c[0], c[1:]...), get("bob", s.proxyOf("POP3"), c[0], c[1:]...), "%v", c)
	}
	for i, c := range carriers {
		path := fmt.Sprintf("/%d", i+2)
		direct, proxied := get("alice", d.address, path), get("alice", s.proxyOf("POP3"), path)
		head, _, _ := strings.Cut(direct, "\r\n\r\n")
		if !c.whole {
			assert.True(t, strings.HasPrefix(proxied, head), "%s: the header is as it was", c.name)
			assert.Contains(t, proxied, "kept", c.name)
		}
		assert.Contains(t, proxied, `It was infected with "EICAR_TEST_FILE".`, c.name)
		assert.NotEqual(t, direct, proxied)
	}
	s.mailStat(protocols.POP3, "Emails infected with viruses", int64(len(carriers)))
	s.invariants()
}

var dovecotPOP3ID = regexp.MustCompile(`(?m)^Message-Id: (<.*>)`)

// dovecotPOP3Fetched reads what a client has delivered, a file for each mail, by the
// Message-Id.
func dovecotPOP3Fetched(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	mails := map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		id := dovecotPOP3ID.FindSubmatch(raw)
		require.NotNil(t, id, "%.300s", raw)
		require.NotContains(t, mails, string(id[1]), "delivered twice")
		mails[string(id[1])] = string(raw)
	}
	return mails
}

// TestDovecotPOP3Fetch lets programs that empty a mailbox do so, without and with
// the proxy: each of 200 mails is delivered once, the same as without the proxy but
// for three, and no mail is left.
func TestDovecotPOP3Fetch(t *testing.T) {
	s, d := newDovecotPOP3Site(t, "")
	infected := []int{17, 100, 199}
	mails := dovecotPOP3Mails(200, infected...)
	mpop := func(pipelining string) func(user, address, smtp string) map[string]string {
		return func(user, address, _ string) map[string]string {
			return dovecotPOP3Fetched(t, dovecotPOP3Mpop(t, user, address, t.TempDir(), pipelining))
		}
	}
	for i, c := range []struct {
		name  string
		fetch func(user, address, smtp string) map[string]string
	}{
		{"fetchmail", s.dovecotPOP3Forward}, {"mpop, pipelined", mpop("on")}, {"mpop", mpop("off")},
	} {
		t.Run(c.name, func(t *testing.T) {
			fetch := func(user, address, smtp string) map[string]string {
				d.fill(user, mails)
				got := c.fetch(user, address, smtp)
				require.Len(t, got, len(mails))
				require.Zero(t, d.left(user), "everything was delivered, everything is removed")
				return got
			}
			direct := fetch(fmt.Sprint("direct", i), d.address, s.Origins.Addr(lab.ServiceSMTP))
			proxied := fetch(fmt.Sprint("proxied", i), s.proxyOf("POP3"), s.proxyOf("SMTP"))
			for id, m := range direct {
				number := 0
				_, err := fmt.Sscanf(id, "<%d@", &number)
				require.NoError(t, err)
				if slices.Contains(infected, number) {
					assert.Contains(t, proxied[id], "EICAR_TEST_FILE", id)
					continue
				}
				assert.Equal(t, m, proxied[id], id)
			}
		})
	}
}

// dovecotPOP3Forward empties a mailbox with fetchmail, which delivers by SMTP to bob.
func (s *site) dovecotPOP3Forward(user, address, smtp string) map[string]string {
	t := s.t.(*testing.T)
	t.Helper()
	before := len(s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox))
	delivery := fmt.Sprintf("smtphost %q smtpname \"bob@lab.test\"", strings.Replace(smtp, ":", "/", 1))
	said, err := attempt(t, program(t, "fetchmail", "--version"), dovecotPOP3FetchmailArgs(t, user, address, t.TempDir(), delivery)...)
	require.NoError(t, err, said)
	mails := map[string]string{}
	for _, m := range s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox)[before:] {
		id := dovecotPOP3ID.FindSubmatch(m.Content)
		require.NotNil(t, id, "%.300s", m.Content)
		require.NotContains(t, mails, string(id[1]), "delivered twice")
		mails[string(id[1])] = string(m.Content)
	}
	return mails
}

// dovecotPOP3FetchmailArgs are fetchmail's arguments. Without a delivery each mail
// becomes a file in the folder, mail.XXXXXX.
func dovecotPOP3FetchmailArgs(t *testing.T, user, address, folder, delivery string) []string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	if delivery == "" {
		delivery = fmt.Sprintf("mda \"cat > $(mktemp %s/mail.XXXXXX)\"", folder)
	}
	rc := fmt.Sprintf("set invisible\nset no bouncemail\npoll 127.0.0.1 service %s proto POP3 auth password timeout 50\nuser %q password \"lab\" sslproto \"\"\n"+
		"%s\nfetchall no rewrite\n", port, user, delivery)
	file := filepath.Join(folder, "rc")
	require.NoError(t, os.WriteFile(file, []byte(rc), 0o600))
	return []string{"-f", file, "--pidfile", filepath.Join(folder, "pid"), "-i", filepath.Join(folder, "ids"), "--nodetach", "--nosyslog"}
}

// dovecotPOP3Mpop empties a mailbox with mpop.
func dovecotPOP3Mpop(t *testing.T, user, address, folder, pipelining string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	box := filepath.Join(folder, "box")
	for _, name := range []string{"new", "cur", "tmp"} {
		require.NoError(t, os.MkdirAll(filepath.Join(box, name), 0o700))
	}
	said, err := attempt(t, program(t, "mpop", "--version"), "--host="+host, "--port="+port, "--user="+user, "--passwordeval=echo lab", "--auth=user", "--tls=off",
		"--keep=off", "--delivery=maildir,"+box, "--uidls-file="+filepath.Join(folder, "uidls"), "--received-header=off",
		"--pipelining="+pipelining, "--timeout=50")
	require.NoError(t, err, said)
	return filepath.Join(box, "new/*")
}

// TestDovecotPOP3Pipelined sends 200 commands in one write, and compares every byte
// of the answers with and without the proxy.
func TestDovecotPOP3Pipelined(t *testing.T) {
	s, d := newDovecotPOP3Site(t, "")
	d.fill("alice", dovecotPOP3Mails(30))
	var commands strings.Builder
	for i := range 20 {
		fmt.Fprintf(&commands, "RETR %[1]d\r\nNOOP\r\nLIST %[1]d\r\nUIDL\r\nTOP %[1]d 2\r\nRETR 9%02[1]d\r\nDELE %[1]d\r\nRSET\r\nSTAT\r\nLIST\r\n", i+1)
	}
	talk := func(address string) string {
		conn, err := net.DialTimeout("tcp", address, patience)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		r := bufio.NewReader(conn)
		_, err = r.ReadString('\n') // the greeting, which has the time in it
		require.NoError(t, err)
		_, err = io.WriteString(conn, "USER alice\r\nPASS lab\r\n"+commands.String()+"QUIT\r\n")
		require.NoError(t, err)
		said, err := io.ReadAll(r)
		require.NoError(t, err)
		return string(said)
	}
	talk(d.address)
	direct, proxied := talk(d.address), talk(s.proxyOf("POP3"))
	assert.Equal(t, direct, proxied)
	assert.Contains(t, direct, "+OK Logging out")
	assert.Equal(t, 30, d.left("alice"))
}
