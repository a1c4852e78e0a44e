package appliance_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/quotedprintable"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// imapStat waits until a line of "IMAP Stat" has a value.
func (s *site) imapStat(line string, want int64) {
	s.t.Helper()
	s.eventually(func() bool {
		got, ok := s.Engine().Report().Stat[protocols.IMAP].Get(line)
		return ok && got == want
	}, "%s becomes %d", line, want)
}

// imaplibDay is the day of a user with Python's own client. It prints what it saw,
// without the numbers that differ from one server to the next.
const imaplibDay = `
import base64, imaplib, json, re, sys
imaplib.Commands["IDLE"] = ("AUTH", "SELECTED")
out = []
def text(x):
    if isinstance(x, (list, tuple)):
        return [text(y) for y in x]
    if isinstance(x, bytes):
        x = re.sub(rb"(UIDVALIDITY|APPENDUID|COPYUID) \d+", rb"\1 N", x)
        x = re.sub(rb" \([\d.]+ \+ [^)]* secs\)", b"", x)
        return base64.b64encode(x).decode() if len(x) > 300 else x.decode("latin-1")
    return x
def saw(name, x): out.append([name, text(x)])
m = imaplib.IMAP4(sys.argv[1], int(sys.argv[2]), timeout=120)
saw("welcome", m.welcome)
saw("capabilities", sorted(m.capabilities))
try:
    m.starttls()
except m.error:
    saw("starttls", "not offered")
try:
    m.login("alice", "wrong")
except m.error as e:
    saw("wrong", str(e))
m.authenticate("PLAIN", lambda c: b"\0alice\0lab")
saw("list", m.list())
saw("status", m.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)"))
saw("select", m.select("INBOX"))
saw("search", m.search(None, "SUBJECT", '"eicar"'))
m.literal = b"plain"
saw("literal", m.search("UTF-8", "SUBJECT"))
saw("meta", m.fetch("1:*", "(UID FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE)"))
saw("headers", m.fetch("1:*", "(BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)] BODY.PEEK[1.MIME])"))
for n in ("1", "2"):
    saw("mail", m.fetch(n, "(BODY.PEEK[])"))
    saw("sections", m.fetch(n, "(BODY[TEXT] BODY[1] RFC822.TEXT)"))
    saw("binary", m.fetch(n, "(BINARY.PEEK[1] BINARY.SIZE[1])"))
saw("piece", m.fetch("1", "(BODY.PEEK[]<10.30>)"))
saw("uid", m.uid("FETCH", "1:2", "(RFC822)"))
saw("store", m.store("1", "+FLAGS", "(\\Flagged)"))
saw("create", m.create("Kept"))
saw("copy", m.copy("1:2", "Kept"))
saw("append", m.append("Kept", "(\\Seen)", '" 5-Jan-2026 09:00:00 +0100"', b"Subject: mine\r\n\r\nbare\nLF {3}\r\n"))
saw("nowhere", m.append("Nowhere", None, None, b"Subject: x\r\n\r\n"))
saw("kept", m.select("Kept"))
saw("mine", m.fetch("3", "(FLAGS INTERNALDATE BODY.PEEK[])"))
saw("delete", m.store("1", "+FLAGS", "(\\Deleted)"))
saw("expunge", m.expunge())
saw("noop", m.noop())
try:
    saw("wrong command", m.xatom("NONSENSE", "x"))
except m.error as e:
    saw("wrong command", str(e))
saw("check", m.check())
saw("close", m.close())
saw("logout", m.logout())
print(json.dumps(out))
`

// TestIMAPPython compares the day of Python's imaplib with and without the proxy,
// each in a lab of its own.
func TestIMAPPython(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import imaplib")
	day := func(s *site, address string) (saw [][]any) {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(run(t, python, "-W", "ignore", "-c", imaplibDay, host, port)), &saw))
		return saw
	}
	without, with := newRealTimeSite(t, ""), newRealTimeSite(t, "")
	direct, proxied := day(without, without.Origins.Addr(lab.ServiceIMAP)), day(with, with.proxyOf("IMAP"))
	require.Len(t, proxied, len(direct))
	for i := range direct {
		assert.Equal(t, direct[i], proxied[i], "%v", direct[i][0])
	}
	with.imapStat("Emails detected", 0)
	with.imapStat("Emails clean", 2*(1+3+1)+2+1+2)
	assert.Contains(t, with.exec("diagnose sim leak"), "uninspectable")
}

// TestIMAPCurl compares what curl fetches and stores with and without the proxy.
func TestIMAPCurl(t *testing.T) {
	curl := program(t, "curl", "--version")
	s := newRealTimeSite(t, "")
	get := func(address, path string, args ...string) string {
		return run(t, curl, append([]string{"-sS", "-u", "alice:lab", "imap://" + address + path}, args...)...)
	}
	for _, c := range []struct {
		path string
		args []string
	}{
		{path: "/"}, {path: "/INBOX;UID=1"}, {path: "/INBOX;MAILINDEX=2"}, {path: "/INBOX;UID=2;SECTION=TEXT"}, {path: "/INBOX;UID=1;SECTION=1"},
		{path: "/INBOX?SUBJECT%20eicar"}, {path: "/INBOX", args: []string{"-X", "FETCH 1:4 (UID RFC822.SIZE ENVELOPE)"}},
		{path: "/INBOX;UID=1", args: []string{"--login-options", "AUTH=PLAIN"}}, {path: "/", args: []string{"-X", `STATUS INBOX (MESSAGES)`}},
	} {
		assert.Equal(t, get(s.Origins.Addr(lab.ServiceIMAP), c.path, c.args...), get(s.proxyOf("IMAP"), c.path, c.args...), "%s %v", c.path, c.args)
	}
	for _, path := range []string{"/INBOX;UID=3", "/INBOX;UID=4"} {
		direct, proxied := get(s.Origins.Addr(lab.ServiceIMAP), path), get(s.proxyOf("IMAP"), path)
		assert.Contains(t, proxied, `It was infected with "EICAR_TEST_FILE".`)
		head, _, _ := strings.Cut(direct, "\r\n--lab-boundary\r\nContent-Type: application")
		assert.True(t, strings.HasPrefix(proxied, head), "what stands before the attachment is as it was")
	}
	file := filepath.Join(t.TempDir(), "mail")
	clean := mailWith("clean.bin", []byte("clean"))
	require.NoError(t, os.WriteFile(file, []byte(clean), 0o600))
	run(t, curl, "-sS", "-u", "bob:lab", "-T", file, "imap://"+s.proxyOf("IMAP")+"/INBOX")
	last, n := s.bobGets()
	assert.Equal(t, clean, last)
	assert.Equal(t, 1, n)
	require.NoError(t, os.WriteFile(file, []byte(mailWith("eicar.com", samples.EICAR())), 0o600))
	out, err := attempt(t, curl, "-sS", "-v", "-u", "bob:lab", "-T", file, "imap://"+s.proxyOf("IMAP")+"/INBOX")
	require.Error(t, err, out)
	assert.Contains(t, out, `NO [CANNOT] The file "eicar.com" is infected with the virus "EICAR_TEST_FILE"`)
	_, n = s.bobGets()
	assert.Equal(t, 1, n, "nothing of it has arrived")
	assert.Zero(t, s.Origins.IMAP().Counts().Broken)
	s.imapStat("Emails infected with viruses", 3)
}

// mailsCarrying are mails that carry content in every way a mail can.
func mailsCarrying(content []byte) map[string]string {
	const head = "From: x@client.test\r\nTo: bob@lab.test\r\nSubject: carrier\r\nMIME-Version: 1.0\r\n"
	part := func(coding, body string) string {
		return head + "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\ntext\r\n--b1\r\n" +
			"Content-Type: application/octet-stream; name=\"load.bin\"\r\nContent-Transfer-Encoding: " + coding + "\r\n\r\n" + body + "\r\n--b1--\r\n"
	}
	based := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	var quoted strings.Builder
	w := quotedprintable.NewWriter(&quoted)
	_, _ = w.Write(content)
	_ = w.Close()
	inner := part("base64", based(content))
	return map[string]string{
		"plain":            head + "\r\n" + string(content) + "\r\n",
		"base64":           part("base64", based(content)),
		"quoted-printable": part("quoted-printable", strings.ReplaceAll(quoted.String(), "E", "=45")),
		"uuencode":         head + "\r\ntext\r\n" + uuencoded(content) + "\r\n",
		"yEnc":             head + "\r\ntext\r\n" + yEncoded(content) + "\r\n",
		"zip":              part("base64", based(samples.Zip(samples.File{Name: "load.com", Data: content}))),
		"nested":           head + "Content-Type: message/rfc822\r\n\r\n" + inner,
		"nested, encoded":  part("base64", based([]byte(inner))),
	}
}

// uuencoded is a uuencode block.
func uuencoded(content []byte) string {
	var b strings.Builder
	b.WriteString("begin 644 load.com\r\n")
	for rest := content; len(rest) > 0; {
		line := rest[:min(45, len(rest))]
		rest = rest[len(line):]
		b.WriteByte(' ' + byte(len(line)))
		for i := 0; i < len(line); i += 3 {
			var three [3]byte
			copy(three[:], line[i:])
			v := uint(three[0])<<16 | uint(three[1])<<8 | uint(three[2])
			for shift := 18; shift >= 0; shift -= 6 {
				b.WriteByte("`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"[v>>shift&63])
			}
		}
		b.WriteString("\r\n")
	}
	return b.String() + "`\r\nend\r\n"
}

// yEncoded is a yEnc block of one line.
func yEncoded(content []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "=ybegin line=%d size=%d name=load.com\r\n", len(content), len(content))
	for _, c := range content {
		if c += 42; c == 0 || c == '\r' || c == '\n' || c == '=' {
			b.WriteByte('=')
			c += 64
		}
		b.WriteByte(c)
	}
	fmt.Fprintf(&b, "\r\n=yend size=%d\r\n", len(content))
	return b.String()
}

// imaplibCarriers takes mails to the origin, fetches them through the proxy and
// uploads them through it.
const imaplibCarriers = `
import base64, imaplib, json, sys
origin, proxy = (imaplib.IMAP4(*a.rsplit(":", 1), timeout=120) for a in sys.argv[1:3])
out = {}
for m in (origin, proxy):
    m.login("bob", "lab")
    m.select("INBOX")
for name, mail in json.load(sys.stdin).items():
    mail = base64.b64decode(mail)
    status, got = origin.append("INBOX", None, None, mail)
    assert status == "OK", got
    proxy.noop()
    n = str(proxy.select("INBOX")[1][0], "ascii")
    fetched = [base64.b64encode(part[1]).decode() for item in ("BODY.PEEK[]", "RFC822", "BODY.PEEK[TEXT]", "RFC822.TEXT")
               for part in proxy.fetch(n, "(%s)" % item)[1] if isinstance(part, tuple)]
    up = proxy.append("INBOX", None, None, mail)
    out[name] = {"fetched": fetched, "up": [up[0], up[1][0].decode()], "count": int(proxy.select("INBOX")[1][0])}
    assert proxy.noop()[0] == "OK"
for m in (origin, proxy):
    m.logout()
print(json.dumps(out))
`

// TestIMAPCarriers: the test file in every way in which a mail carries it does not
// come down and does not go up; the same mails with other content pass byte by byte.
func TestIMAPCarriers(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import imaplib")
	type result struct {
		Fetched []string
		Up      []string
		Count   int
	}
	s := newRealTimeSite(t, "")
	carry := func(mails map[string]string) (got map[string]result) {
		in := map[string][]byte{}
		for name, mail := range mails {
			in[name] = []byte(mail)
		}
		text, err := json.Marshal(in)
		require.NoError(t, err)
		cmd, said := realClient(t, python, "-W", "ignore", "-c", imaplibCarriers, s.Origins.Addr(lab.ServiceIMAP), s.proxyOf("IMAP"))
		cmd.Stdin = strings.NewReader(string(text))
		out, err := cmd.Output()
		require.NoError(t, err, "%s", said)
		require.NoError(t, json.Unmarshal(out, &got))
		return got
	}
	decoded := func(b string) string {
		raw, err := base64.StdEncoding.DecodeString(b)
		require.NoError(t, err)
		return string(raw)
	}
	clean := mailsCarrying([]byte("A harmless file, as long as the other one: nobody minds what's in it"))
	before := 0
	for name, r := range carry(clean) {
		mail := clean[name]
		_, body, _ := strings.Cut(mail, "\r\n\r\n")
		require.Len(t, r.Fetched, 4, name)
		for i, want := range []string{mail, mail, body, body} {
			assert.Equal(t, want, decoded(r.Fetched[i]), name)
		}
		assert.Equal(t, "OK", r.Up[0], name)
		before = max(before, r.Count)
	}
	assert.Equal(t, 2*len(clean), before, "each mail is there twice")
	s.imapStat("Emails detected", 0)

	infected := mailsCarrying(samples.EICAR())
	for name, r := range carry(infected) {
		_, body, _ := strings.Cut(infected[name], "\r\n\r\n")
		require.Len(t, r.Fetched, 4, name)
		for i, whole := range []string{infected[name], infected[name], body, body} {
			got := decoded(r.Fetched[i])
			assert.NotEqual(t, whole, got, name)
			assert.Contains(t, got, `It was infected with "EICAR_TEST_FILE".`, name)
		}
		assert.Equal(t, "NO", r.Up[0], name)
		assert.Contains(t, r.Up[1], `infected with the virus "EICAR_TEST_FILE"`, name)
		before++
	}
	_, n := s.bobGets()
	assert.Equal(t, before, n, "no upload has arrived")
	s.imapStat("Emails infected with viruses", int64(5*len(infected)))
	s.imapStat("Emails clean", int64(5*len(clean)))
	assert.Zero(t, s.Origins.IMAP().Counts().Broken)
}

// imapUser is a session of alice through the proxy with the inbox selected.
func (s *site) imapUser() *client {
	c := s.dialTo("127.0.0.1", s.proxyOf("IMAP"))
	c.popLine("* OK ")
	c.send("l LOGIN alice lab\r\ns SELECT INBOX\r\n")
	c.untilTag("l", "OK")
	c.untilTag("s", "OK")
	return c
}

// untilTag reads to the answer to a command, which must have a status, and returns
// what stands before.
func (c *client) untilTag(tag, status string) string {
	c.t.Helper()
	var said strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		require.NoError(c.t, err, "%s", said.String())
		if strings.HasPrefix(line, tag+" ") {
			require.True(c.t, strings.HasPrefix(line, tag+" "+status), "%q", line)
			return said.String()
		}
		said.WriteString(line)
	}
}

// fetched is mail n.
func (c *client) fetched(n int) string {
	c.t.Helper()
	c.send(fmt.Sprintf("f FETCH %d BODY.PEEK[]\r\n", n))
	return c.untilTag("f", "OK")
}

// TestIMAPPipelining: twenty commands in one packet, literals of both kinds among
// them.
func TestIMAPPipelining(t *testing.T) {
	s := newSite(t, "")
	c := s.imapUser()
	var text strings.Builder
	for i := range 20 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&text, "t%d FETCH %d BODY.PEEK[]\r\n", i, i%3+1)
		case 1:
			fmt.Fprintf(&text, "t%d APPEND INBOX {6+}\r\na: %d\r\n\r\n", i, i%10)
		case 2:
			fmt.Fprintf(&text, "t%d SEARCH SUBJECT {5+}\r\neicar\r\n", i)
		default:
			fmt.Fprintf(&text, "t%d NOOP\r\n", i)
		}
	}
	c.send(text.String())
	for i := range 20 {
		c.untilTag(fmt.Sprintf("t%d", i), "OK")
	}
	assert.Len(t, s.Origins.Mailboxes().Mails(lab.UserAlice, lab.Inbox), 4+5)
}

// TestIMAPNews: a client in IDLE hears of a mail that comes by SMTP, through the
// proxies both of them.
func TestIMAPNews(t *testing.T) {
	s := newSite(t, "")
	c := s.imapUser()
	c.send("i IDLE\r\n")
	c.popLine("+ ")
	s.rests(c)
	sender := s.dialSMTP()
	sender.begin("a@client.test")
	sender.send("RSET\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n")
	for _, code := range []int{250, 250, 250, 354} {
		sender.expect(code)
	}
	sender.send("Subject: news\r\n\r\nx\r\n.\r\n")
	c.popLine("* 5 EXISTS")
	sender.expect(250)
	s.rests(c)
	c.send("DONE\r\n")
	c.untilTag("i", "OK")
}

// TestIMAPFailopen: with a full table and av-failopen pass a newcomer's mails pass
// unscanned, and those who are connected stay inspected.
func TestIMAPFailopen(t *testing.T) {
	s := newSite(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen-session enable\nend\n")
	users := []*client{s.imapUser(), s.imapUser()}
	newcomer := s.imapUser()
	for _, u := range users {
		assert.Contains(t, u.fetched(3), "EICAR_TEST_FILE")
	}
	mail := newcomer.fetched(3)
	assert.NotContains(t, mail, "EICAR_TEST_FILE")
	assert.Contains(t, mail, "base64")
	assert.Contains(t, s.exec("diagnose sim leak"), "failopen bypass")
	newcomer.Close()
	users[0].Close()
	s.eventually(func() bool { return s.inTable() == 1 }, "an entry is free again")
	assert.Contains(t, s.imapUser().fetched(3), "EICAR_TEST_FILE", "scanning resumes")
}

// TestIMAPIdledrop: a client in IDLE gives its place to a newcomer; one that is
// inside a dialogue does not.
func TestIMAPIdledrop(t *testing.T) {
	s := newSite(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen idledrop\nset av-failopen-session enable\nend\n")
	waiting, busy := s.imapUser(), s.dialTo("127.0.0.1", s.proxyOf("IMAP"))
	busy.popLine("* OK ")
	busy.send("a AUTHENTICATE PLAIN\r\n")
	busy.popLine("+")
	waiting.send("i IDLE\r\n")
	waiting.popLine("+ ")
	s.rests(waiting)
	s.advance(time.Minute)
	s.imapUser()
	_, err := waiting.r.ReadByte()
	require.ErrorIs(t, err, syscall.ECONNRESET, "the session in IDLE is dropped")
	busy.send(base64.StdEncoding.EncodeToString([]byte("\x00alice\x00lab")) + "\r\n")
	busy.untilTag("a", "OK")
}
