package appliance_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// postfixDay is what smtplib goes through on a normal day: every extension of the
// server, what it refuses, large mails, and chunks. It prints what it was told.
const postfixDay = `
import json, re, smtplib, sys
host, port = sys.argv[1], int(sys.argv[2])
saw = []
def note(what, *said):
    saw.append([what, re.sub(r"queued as \w+", "queued", repr(said))])
def mail(subject, body):
    return ("From: alice@lab.test\r\nTo: bob@lab.test\r\nSubject: %s\r\nDate: Fri, 1 Mar 2024 10:00:00 +0000\r\nMessage-Id: <%s@client.test>\r\n\r\n" % (subject, subject.encode().hex())).encode() + body
def send(s, subject, to, body, options=(), rcpt=()):
    raw = mail(subject, body)
    try:
        note(subject, s.sendmail("alice@lab.test", to, raw, list(options), list(rcpt)))
    except smtplib.SMTPException as e:
        note(subject, type(e).__name__, e.args)
s = smtplib.SMTP(host, port, local_hostname="client.test", timeout=120)
note("ehlo", s.ehlo(), sorted(s.esmtp_features.items()))
note("noop", s.noop(), s.vrfy("bob@lab.test"), s.docmd("ETRN", "lab.test")[0], s.rset(), s.docmd("HELP"))
note("order", s.docmd("RCPT", "TO:<bob@lab.test>"), s.docmd("DATA"), s.docmd("MAIL", "nonsense"))
note("size", s.mail("alice@lab.test", ["SIZE=99999999"]), s.rset())
send(s, "plain", ["bob@lab.test"], b"text\r\n.\r\n..\r\n.x\r\n")
send(s, "many", ["u%d@lab.test" % i for i in range(40)], b"text\r\n")
send(s, "some", ["bob@lab.test", "x@else.test", "carol@lab.test"], b"text\r\n")
send(s, "none", ["x@else.test"], b"text\r\n")
send(s, "eight bits", ["bob@lab.test"], bytes(range(128, 256)) + b"\r\n", ["BODY=8BITMIME"])
send(s, "dsn", ["bob@lab.test"], b"text\r\n", ["RET=HDRS", "ENVID=QQ314159"], ["NOTIFY=SUCCESS", "ORCPT=rfc822;bob@lab.test"])
note("utf8", s.sendmail("j\u00fcrgen@lab.test", ["\u5f20@lab.test"], mail("\u4e2d", "\u00e4\r\n".encode()), ["SMTPUTF8", "BODY=8BITMIME"]))
send(s, "empty", ["bob@lab.test"], b"")
send(s, "long line", ["bob@lab.test"], b"x" * 900 + b"\r\n")
send(s, "large", ["bob@lab.test"], (b"0123456789" * 7 + b"\r\n") * 125000)
send(s, "too large to scan", ["bob@lab.test"], (b"abcdefghij" * 7 + b"\r\n") * 170000)
def chunk(data, last):
    s.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
def begin():
    note("begin", s.mail("alice@lab.test", []), s.rcpt("bob@lab.test"))
begin(); chunk(mail("one chunk", b"text\r\n.\r\n.\n.\r\n"), True); note("one chunk", s.getreply())
begin()
chunk(mail("chunks", b"text\r\n"), False); note("chunk", s.getreply()[0])
chunk(b"x" * 100000 + b"\r\n", False); note("chunk", s.getreply()[0])
chunk(b"", True); note("chunks", s.getreply()[0])
begin()
for n, part in enumerate([mail("together", b"a\r\n"), b"b\r\n.\r\n", b"c\r\n"]):
    chunk(part, n == 2)
s.send(b"NOOP\r\n")
note("together", [s.getreply()[0] for n in range(4)])
begin(); chunk(mail("given up", b"a\r\n"), False); note("given up", s.getreply()[0], s.rset()[0])
note("quit", s.quit())
print(json.dumps(saw))
`

// TestPostfixPython compares the day of smtplib with and without the proxy.
func TestPostfixPython(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import smtplib")
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		day := func(address string) (saw [][2]string, mails []postfixMail) {
			host, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal([]byte(run(t, python, "-c", postfixDay, host, port)), &saw))
			return saw, p.take()
		}
		said, want := day(p.address)
		proxied, got := day(s.proxyOf("SMTP"))
		assert.Equal(t, said, proxied)
		require.Contains(t, fmt.Sprint(said), "chunking")
		withoutReports := func(mails []postfixMail) (rest []postfixMail) {
			for _, m := range mails {
				if m.from != "" {
					rest = append(rest, m)
					continue
				}
				assert.Contains(t, m.content, "QQ314159", "the report of a delivery")
			}
			assert.Len(t, rest, len(mails)-1)
			return rest
		}
		require.Len(t, want, 54)
		p.sameMails(withoutReports(want), withoutReports(got))
		s.stop()
	}
}

// TestPostfixCurl compares what curl sends with and without the proxy.
func TestPostfixCurl(t *testing.T) {
	curl := program(t, "curl", "--version")
	s, p := newPostfixSite(t, "")
	file := filepath.Join(t.TempDir(), "mail")
	for _, c := range []struct {
		body string
		args []string
		want int // mails, 0 when it is refused
	}{
		{"text\r\n.\r\n..\r\n", []string{"--mail-rcpt", "bob@lab.test"}, 1},
		{"", []string{"--mail-rcpt", "bob@lab.test"}, 1},
		{"text\r\n", []string{"--mail-rcpt", "bob@lab.test", "--mail-rcpt", "carol@lab.test"}, 2},
		{"text\r\n", []string{"--mail-rcpt", "bob@lab.test", "--mail-rcpt", "x@else.test"}, 0},
		{strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 125_000), []string{"--mail-rcpt", "bob@lab.test"}, 1},
		{"text\r\n", []string{"--mail-rcpt", "x@else.test"}, 0},
		{"\xe4\xf6\r\n", []string{"--mail-rcpt", "b\u00f6b@lab.test"}, 1},
	} {
		require.NoError(t, os.WriteFile(file, []byte(postfixText("curl", c.body)), 0o600))
		send := func(address string) (bool, []postfixMail) {
			args := append([]string{"-sS", "--max-time", "120", "smtp://" + address + "/client.test", "--mail-from", "alice@lab.test", "-T", file}, c.args...)
			_, err := attempt(t, curl, args...)
			return err == nil, p.take()
		}
		sent, want := send(p.address)
		assert.Equal(t, c.want > 0, sent)
		require.Len(t, want, c.want)
		proxied, got := send(s.proxyOf("SMTP"))
		assert.Equal(t, sent, proxied)
		p.sameMails(want, got)
	}
}

// postfixText is a mail to which the server has nothing to add.
func postfixText(subject, body string) string {
	return "From: alice@lab.test\r\nTo: bob@lab.test\r\nSubject: " + subject + "\r\nDate: Fri, 1 Mar 2024 10:00:00 +0000\r\n" +
		"Message-Id: <1@client.test>\r\n\r\n" + body
}

var swaksQueued = regexp.MustCompile(`queued as \w+`)

// TestPostfixSwaks compares what swaks sends, and the dialogues, with and without
// the proxy.
func TestPostfixSwaks(t *testing.T) {
	swaks := program(t, "swaks", "--version")
	s, p := newPostfixSite(t, "")
	file := filepath.Join(t.TempDir(), "mail")
	for _, c := range []struct {
		body string
		args []string
	}{
		{"text\r\n.\r\n..\r\n", []string{"--to", "bob@lab.test"}},
		{"text\r\n", []string{"--to", "bob@lab.test,carol@lab.test", "--pipeline"}},
		{"text\r\n", []string{"--to", "bob@lab.test,x@else.test", "--pipeline"}},
		{"text\r\n", []string{"--to", "x@else.test", "--pipeline"}},
		{"text\r\n", []string{"--to", "bob@lab.test", "--protocol", "SMTP"}},
		{strings.Repeat("0123456789012345678901234567890123456789\r\n", 25_000), []string{"--to", "bob@lab.test", "--pipeline"}},
		{"text\r\n", []string{"--to", "bob@lab.test", "--quit-after", "RCPT"}},
		{"text\r\n", []string{"--to", "bob@lab.test", "--drop-after-send", "DATA"}},
	} {
		require.NoError(t, os.WriteFile(file, []byte(postfixText("swaks", c.body)), 0o600))
		send := func(address string) (string, []postfixMail) {
			host, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			args := append([]string{"--server", host, "--port", port, "--from", "alice@lab.test", "--helo", "client.test", "--data", "@" + file, "--suppress-data"}, c.args...)
			said, _ := attempt(t, swaks, args...)
			said = swaksQueued.ReplaceAllString(said, "queued")
			return strings.ReplaceAll(said, port, "port"), p.take()
		}
		said, want := send(p.address)
		proxied, got := send(s.proxyOf("SMTP"))
		assert.Equal(t, said, proxied)
		assert.Contains(t, said, "220 mail.lab.test", said)
		p.sameMails(want, got)
	}
}

// TestPostfixLoad: Postfix's own load generator, and our clients that send mails in
// chunks and behind each other. Each mail is there once.
func TestPostfixLoad(t *testing.T) {
	source := program(t, "smtp-source")
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		run(t, source, "-s", "8", "-m", "100", "-l", "20000", "-f", "x@client.test", "-t", "bob@lab.test", s.proxyOf("SMTP"))
		assert.Len(t, p.take(), 100)

		const clients, each = 6, 10
		done := make(chan error, clients)
		for i := range clients {
			go func() { done <- sendMails(s.proxyOf("SMTP"), i, each) }()
		}
		for range clients {
			require.NoError(t, <-done)
		}
		seen := map[string]int{}
		for _, m := range p.take() {
			seen[m.from]++
		}
		require.Len(t, seen, clients*each)
		for from, n := range seen {
			require.Equal(t, 1, n, from)
		}
		s.stop()
	}
}
