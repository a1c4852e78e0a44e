package appliance_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/scanner/samples"
)

// proxyOf is where the lab's proxy of a service listens.
func (s *site) proxyOf(name string) string {
	for _, p := range s.Proxies {
		if p.Name == name {
			return p.Address
		}
	}
	require.Fail(s.t, "no such proxy", name)
	return ""
}

// smtpClient says what the test says, byte by byte.
type smtpClient struct {
	t testing.TB
	*textproto.Conn
	raw net.Conn
}

func (s *site) dialSMTP() *smtpClient {
	raw, err := net.DialTimeout("tcp", s.proxyOf("SMTP"), patience)
	require.NoError(s.t, err)
	require.NoError(s.t, raw.SetDeadline(time.Now().Add(lifetime)))
	s.t.Cleanup(func() { raw.Close() })
	c := &smtpClient{t: s.t, Conn: textproto.NewConn(raw), raw: raw}
	c.expect(220)
	return c
}

func (c *smtpClient) send(text string) {
	c.t.Helper()
	_, err := c.raw.Write([]byte(text))
	require.NoError(c.t, err)
}

func (c *smtpClient) expect(code int) string {
	c.t.Helper()
	_, text, err := c.ReadResponse(code)
	require.NoError(c.t, err)
	return text
}

// begin comes to the point where a message may follow.
func (c *smtpClient) begin(from string) {
	c.t.Helper()
	c.send("EHLO client.test\r\n")
	c.expect(250)
	c.send("MAIL FROM:<" + from + ">\r\nRCPT TO:<bob@lab.test>\r\n")
	c.expect(250)
	c.expect(250)
}

const noSplice = `config firewall profile-protocol-options
    edit "default"
        config smtp
            unset options
        end
    next
end
`

// smuggled are the variants of the list that the researchers of SMTP smuggling went
// through: what makes a message look finished to a lax server.
func smuggled() []string {
	return []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\n",
		"\r\n.\x00\r\n", "\r\n\x00.\r\n", "\n\x00.\x00\x00\n", "\r\n..\r\n", "\n..\n", "\r\n.\r\n\r\n.\r\n", "\r\n. \r\n", "\r\n.\t\r\n", "\r\n.\r\n", "\r\n\r\n.\n\r\n",
	}
}

// honestEnd tells that there is an end of a message in a sequence of the list, so
// that what follows is another one for everybody.
func honestEnd(sequence string) bool {
	return strings.Contains(sequence, "\r\n.\r\n") && sequence != "\r\r\n.\r\n"
}

// smuggle sends a message with a sequence of the list in it, and behind it what is
// another message for whoever sees an end there. In small pieces each byte comes in
// a packet of its own. It returns how many messages were accepted, and what was said.
func smuggle(t testing.TB, address, before string, pieces bool) (accepted int, said string) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", address, patience)
	require.NoError(t, err)
	defer raw.Close()
	require.NoError(t, raw.SetDeadline(time.Now().Add(patience)))
	c := &smtpClient{t: t, Conn: textproto.NewConn(raw), raw: raw}
	c.expect(220)
	c.begin("outer@client.test")
	c.send("DATA\r\n")
	c.expect(354)
	message := before + "MAIL FROM:<inner@client.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n" + postfixText("inner", "text\r\n.\r\n") + "QUIT\r\n"
	c.pour(message, pieces)
	for {
		code, text, err := c.ReadResponse(0)
		if err != nil {
			return accepted, said
		}
		said += fmt.Sprintln(code, text)
		if code == 250 && strings.Contains(text, "queued") {
			accepted++
		}
	}
}

// pour sends what the other side may stop listening to.
func (c *smtpClient) pour(text string, pieces bool) {
	size := len(text)
	if pieces {
		size = 1
	}
	for ; len(text) > 0; text = text[size:] {
		if _, err := c.raw.Write([]byte(text[:size])); err != nil {
			return
		}
	}
}

// TestSMTPSmuggling sends a message that looks finished to a lax server, and a
// second one behind it.
func TestSMTPSmuggling(t *testing.T) {
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, config)
		for _, sequence := range smuggled() {
			for _, pieces := range []bool{false, true} {
				before := len(s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox))
				accepted, said := smuggle(t, s.proxyOf("SMTP"), "Subject: outer\r\n\r\ntext"+sequence, pieces)
				mails := s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox)[before:]
				require.Len(t, mails, accepted, "%q: each mail that was accepted is there once:\n%s", sequence, said)
				if sequence == "\r\n.\r\n" {
					assert.Equal(t, 2, accepted, "two honest mails:\n%s", said)
				}
				for i, m := range mails {
					if i == 0 || !honestEnd(sequence) {
						assert.Equal(t, "outer@client.test", m.Envelope.From, "%q:\n%s", sequence, said)
					}
				}
				if !honestEnd(sequence) {
					assert.LessOrEqual(t, len(mails), 1, "%q: one mail in, one mail out:\n%s", sequence, said)
				}
			}
		}
		s.stop()
	}
}

// mailWith is a mail with an attachment.
func mailWith(name string, content []byte) string {
	return "From: x@client.test\r\nTo: bob@lab.test\r\nSubject: " + name + "\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\n.leading dot\r\n--b1\r\n" +
		"Content-Type: application/octet-stream; name=\"" + name + "\"\r\nContent-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"" + name + "\"\r\n\r\n" + base64.StdEncoding.EncodeToString(content) + "\r\n--b1--\r\n"
}

// bobGets is the last mail of bob, and how many he has.
func (s *site) bobGets() (last string, n int) {
	mails := s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox)
	if len(mails) == 0 {
		return "", 0
	}
	return string(mails[len(mails)-1].Content), len(mails)
}

func TestCurlSendsMail(t *testing.T) {
	curl := program(t, "curl", "--version")
	s := newRealTimeSite(t, "")
	file := filepath.Join(t.TempDir(), "mail")
	send := func(mail string) (string, error) {
		require.NoError(t, os.WriteFile(file, []byte(mail), 0o600))
		return attempt(t, curl, "-sS", "-v", "--max-time", "120", "smtp://"+s.proxyOf("SMTP")+"/client.test", "--user", "alice:lab",
			"--mail-from", "alice@lab.test", "--mail-rcpt", "bob@lab.test", "-T", file)
	}
	clean := mailWith("clean.bin", []byte("clean"))
	out, err := send(clean)
	require.NoError(t, err, out)
	last, n := s.bobGets()
	assert.Equal(t, clean, last)
	assert.Equal(t, 1, n)

	out, err = send(mailWith("eicar.com", samples.EICAR()))
	require.Error(t, err)
	assert.Contains(t, out, `554 5.7.1 The file "eicar.com" is infected with the virus "EICAR_TEST_FILE"`)
	_, n = s.bobGets()
	assert.Equal(t, 1, n, "nothing of it has arrived")
}

func TestSwaksSendsMail(t *testing.T) {
	swaks := program(t, "swaks", "--version")
	s := newRealTimeSite(t, "")
	folder := t.TempDir()
	attachment := filepath.Join(folder, "eicar.com")
	host, port, err := net.SplitHostPort(s.proxyOf("SMTP"))
	require.NoError(t, err)
	args := []string{"--server", host, "--port", port, "--from", "x@client.test", "--to", "bob@lab.test", "--helo", "client.test"}
	for _, more := range [][]string{{"--body", ".dot\n..dots"}, {"--pipeline"}, {"--auth", "LOGIN", "--auth-user", "alice", "--auth-password", "lab"}} {
		out, err := attempt(t, swaks, append(args, more...)...)
		require.NoError(t, err, out)
	}
	_, n := s.bobGets()
	assert.Equal(t, 3, n)

	require.NoError(t, os.WriteFile(attachment, samples.EICAR(), 0o600))
	out, err := attempt(t, swaks, append(args, "--attach", "@"+attachment)...)
	require.Error(t, err)
	assert.Contains(t, out, "554 5.7.1")
	out, err = attempt(t, swaks, append(args, "--tls")...)
	require.Error(t, err, "STARTTLS is not offered")
	assert.NotContains(t, out, "250-STARTTLS")
	_, n = s.bobGets()
	assert.Equal(t, 3, n)
}

func TestPythonSendsMail(t *testing.T) {
	python := program(t, "/usr/bin/python3", "-c", "import smtplib")
	s := newRealTimeSite(t, noSplice)
	host, port, err := net.SplitHostPort(s.proxyOf("SMTP"))
	require.NoError(t, err)
	out, err := attempt(t, python, "-c", `
import json, sys, smtplib
from email.message import EmailMessage
from email import policy
host, port, bad = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
got = {}
s = smtplib.SMTP(host, port, timeout=120)
s.ehlo()
got["features"] = sorted(s.esmtp_features)
s.login("alice", "lab")
for i in range(20):
    m = EmailMessage(policy=policy.SMTP)
    m["From"], m["To"], m["Subject"] = "alice@lab.test", "bob@lab.test", "mail %d" % i
    m.set_content("text\n.\n..\n" * (i * 50 + 1))
    if i == 7:
        m.add_attachment(bad, maintype="application", subtype="octet-stream", filename="eicar.com")
    s.send_message(m)
got["noop"] = s.noop()[0]
got["vrfy"] = s.verify("bob")[0]
got["rset"] = s.rset()[0]
try:
    s.sendmail("alice@lab.test", ["bob@else.test"], "Subject: x\r\n\r\nx\r\n")
except smtplib.SMTPRecipientsRefused as e:
    got["refused"] = e.recipients["bob@else.test"][0]
try:
    s.starttls()
except smtplib.SMTPNotSupportedError:
    got["starttls"] = "not supported"
s.quit()
print(json.dumps(got))
`, host, port, string(samples.EICAR()))
	require.NoError(t, err, out)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	assert.Equal(t, "not supported", got["starttls"])
	assert.NotContains(t, got["features"], "starttls")
	assert.Contains(t, got["features"], "chunking")
	assert.Equal(t, []any{250.0, 250.0, 550.0}, []any{got["noop"], got["rset"], got["refused"]})
	mails := s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox)
	require.Len(t, mails, 20, "each once")
	for i, m := range mails {
		assert.Contains(t, string(m.Content), fmt.Sprintf("Subject: mail %d\r\n", i))
		assert.NotContains(t, string(m.Content), base64.StdEncoding.EncodeToString(samples.EICAR())[:20])
	}
	assert.Contains(t, string(mails[7].Content), `The file "eicar.com" has been removed because of a virus.`)
}

// TestManyMailsAtOnce: under load, what was accepted is there exactly once.
func TestManyMailsAtOnce(t *testing.T) {
	s := newRealTimeSite(t, "")
	const clients, each = 16, 20
	done := make(chan error, clients)
	for i := range clients {
		go func() { done <- sendMails(s.proxyOf("SMTP"), i, each) }()
	}
	for range clients {
		require.NoError(t, <-done)
	}
	seen := map[string]int{}
	for _, m := range s.Origins.Mailboxes().Mails(lab.UserBob, lab.Inbox) {
		seen[m.Envelope.From]++
	}
	require.Len(t, seen, clients*each)
	for from, n := range seen {
		require.Equal(t, 1, n, from)
	}
}

// sendMails sends mails in one session, commands pipelined, every third in chunks.
func sendMails(address string, client, n int) error {
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(lifetime)); err != nil {
		return err
	}
	r := textproto.NewReader(bufio.NewReader(raw))
	say := func(text string, codes ...int) error {
		if _, err := raw.Write([]byte(text)); err != nil {
			return err
		}
		for _, code := range codes {
			if _, _, err := r.ReadResponse(code); err != nil {
				return fmt.Errorf("client %d, behind %.40q: %w", client, text, err)
			}
		}
		return nil
	}
	if err := say("", 220); err != nil {
		return err
	}
	if err := say("EHLO x\r\n", 250); err != nil {
		return err
	}
	for i := range n {
		envelope := fmt.Sprintf("MAIL FROM:<c%d-%d@client.test>\r\nRCPT TO:<bob@lab.test>\r\n", client, i)
		body := strings.Repeat("line\r\n", 1+i*i*10)
		if i%3 == 0 {
			err = say(fmt.Sprintf("%sBDAT %d\r\n%sBDAT 6 LAST\r\n.\r\nx\r\n", envelope, len(body), body), 250, 250, 250, 250)
		} else if err = say(envelope+"DATA\r\n", 250, 250, 354); err == nil {
			err = say(body+".\r\n", 250)
		}
		if err != nil {
			return err
		}
	}
	return say("QUIT\r\n", 221)
}
