package appliance_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// postfixJudge is what Postfix asks whether it should take a message, when it has
// the message and before it says so.
type postfixJudge struct {
	net.Listener
	asked   chan struct{} // a message has come to its end
	verdict chan string   // what is to be done about it
	done    chan struct{}
}

// newPostfixJudge returns the judge, and the line of main.cf that asks it.
func newPostfixJudge(t testing.TB) (*postfixJudge, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	j := &postfixJudge{ln, make(chan struct{}), make(chan string), make(chan struct{})}
	go j.serve()
	t.Cleanup(j.close)
	return j, "smtpd_end_of_data_restrictions = check_policy_service inet:" + ln.Addr().String()
}

// serve answers one question after the other.
func (j *postfixJudge) serve() {
	defer close(j.done)
	for {
		conn, err := j.Accept()
		if err != nil {
			return
		}
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				break
			}
			if line == "\n" {
				j.asked <- struct{}{}
				fmt.Fprintf(conn, "action=%s\n\n", <-j.verdict)
			}
		}
		conn.Close()
	}
}

func (j *postfixJudge) close() {
	_ = j.Close()
	<-j.done
}

// dialogue sends lines and expects a code for each.
func (c *smtpClient) dialogue(pairs ...any) {
	c.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		c.send(pairs[i].(string))
		c.expect(pairs[i+1].(int))
	}
}

// inMessage is a client whose message may follow.
func (s *site) inMessage() *smtpClient {
	s.t.Helper()
	c := s.dialSMTP()
	c.begin("outer@client.test")
	c.dialogue("DATA\r\n", 354)
	return c
}

// TestPostfixDiesBehindTheLastDot: the server has all of the message and is gone
// before it has said what becomes of it. The client hears that it has to try again,
// and the message is not there.
func TestPostfixDiesBehindTheLastDot(t *testing.T) {
	j, main := newPostfixJudge(t)
	p := startPostfix(t, main)
	for _, config := range []string{"", noSplice} {
		for _, chunks := range []bool{false, true} {
			s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
			text := postfixText("lost", "text\r\n")
			c := s.dialSMTP()
			c.begin("outer@client.test")
			if chunks {
				c.send(fmt.Sprintf("BDAT 5\r\n%sBDAT %d LAST\r\n%s", text[:5], len(text)-5, text[5:]))
				c.expect(250)
			} else {
				c.dialogue("DATA\r\n", 354)
				c.send(text + ".\r\n")
			}
			<-j.asked
			p.abort()
			j.verdict <- "DUNNO"
			c.expect(421)
			require.NoError(t, c.raw.Close())
			s.stop()
			p.restart()
			assert.Empty(t, p.take(), "what was not accepted is not there")
		}
	}
}

// TestPostfixHasTheLastWord: whatever the server says about a message that it has
// taken to its end is what the client hears.
func TestPostfixHasTheLastWord(t *testing.T) {
	j, main := newPostfixJudge(t)
	s, p := newPostfixSite(t, "", main)
	c := s.dialSMTP()
	c.dialogue("EHLO client.test\r\n", 250)
	for action, code := range map[string]int{"REJECT no": 554, "451 4.7.1 later": 451, "DUNNO": 250, "DISCARD": 250} {
		c.dialogue("RSET\r\n", 250, "MAIL FROM:<outer@client.test>\r\n", 250, "RCPT TO:<bob@lab.test>\r\n", 250, "DATA\r\n", 354)
		c.send(postfixText(action, "text\r\n") + ".\r\n")
		<-j.asked
		j.verdict <- action
		c.expect(code)
	}
	c.dialogue("QUIT\r\n", 221)
	require.NoError(t, c.raw.Close())
	mails := p.take()
	require.Len(t, mails, 1)
	assert.Contains(t, mails[0].content, "Subject: DUNNO\n")
	p.stop() // and its connection to the judge
}

// TestPostfixReplyIsLost: the server has accepted the message, but its word does not
// come through. The client hears that it has to try again; the message is there once
// for each time that it was sent.
func TestPostfixReplyIsLost(t *testing.T) {
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		m := newMailServerMiddle(t, p.address, func(_ int64, said []byte) int {
			if bytes.Contains(said, []byte("queued as")) {
				return 0
			}
			return -1
		})
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", m.address())+config)
		for range 3 {
			c := s.inMessage()
			c.send(postfixText("doubtful", "text\r\n") + ".\r\n")
			c.expect(421)
			require.NoError(t, c.raw.Close())
			assert.Len(t, p.take(), 1)
		}
		s.stop()
		m.close()
	}
}

// TestPostfixStopsInATransaction: the server goes away between two commands, and in
// the middle of a message.
func TestPostfixStopsInATransaction(t *testing.T) {
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		between, inside, chunks := s.dialSMTP(), s.inMessage(), s.dialSMTP()
		between.begin("between@client.test")
		inside.send(postfixText("cut", strings.Repeat("text\r\n", 20_000)))
		chunks.begin("chunks@client.test")
		text := postfixText("chunks", strings.Repeat("text\r\n", 20_000))
		chunks.send(fmt.Sprintf("BDAT %d\r\n%s", len(text), text))
		chunks.expect(250)
		p.abort()
		between.expect(421)
		inside.send("more\r\n.\r\n")
		inside.expect(421)
		chunks.dialogue("BDAT 0 LAST\r\n", 421)
		for _, c := range []*smtpClient{between, inside, chunks} {
			require.NoError(t, c.raw.Close())
		}
		raw, err := net.DialTimeout("tcp", s.proxyOf("SMTP"), patience)
		require.NoError(t, err)
		word := make([]byte, 10)
		_, err = raw.Read(word)
		require.NoError(t, err)
		assert.Equal(t, "421 4.4.1 ", string(word), "nobody listens")
		require.NoError(t, raw.Close())
		s.mailStat(protocols.SMTP, "Error Count (connect)", 1)
		s.stop()
		p.restart()
		assert.Empty(t, p.take())
	}
}

// TestPostfixClientLeaves: the client goes away inside a message, wherever that is.
// Nothing of it is delivered.
func TestPostfixClientLeaves(t *testing.T) {
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		leave := []func(c *smtpClient) error{
			func(c *smtpClient) error { return c.raw.(*net.TCPConn).SetLinger(0) },
			func(c *smtpClient) error { return c.raw.(*net.TCPConn).CloseWrite() },
			func(*smtpClient) error { return nil },
		}
		for _, end := range []string{"", "\r", "\r\n", "\r\n.", "\r\n.\r", strings.Repeat("\r\nline", 100_000)} {
			for _, how := range leave {
				c := s.inMessage()
				c.send(postfixText("left", "text") + end)
				require.NoError(t, how(c))
				require.NoError(t, c.raw.Close())
			}
		}
		for _, how := range leave {
			c := s.dialSMTP()
			c.begin("outer@client.test")
			c.send("BDAT 3\r\nx\r\nBDAT 100 LAST\r\nmore")
			c.expect(250)
			require.NoError(t, how(c))
			require.NoError(t, c.raw.Close())
		}
		s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
		s.invariants()
		s.stop()
		assert.Empty(t, p.take())
	}
}

// TestPostfixRelaysOnce: a Postfix that relays through the proxy hears that the other
// has died with its mail, tries again, and the mail is there once.
func TestPostfixRelaysOnce(t *testing.T) {
	j, main := newPostfixJudge(t)
	s, p := newPostfixSite(t, "", main)
	sender := startPostfix(t, "virtual_mailbox_domains =", "relay_domains = lab.test", "disable_dns_lookups = yes",
		"relay_transport = smtp:["+strings.Replace(s.proxyOf("SMTP"), ":", "]:", 1))
	require.NoError(t, sendMails(sender.address, 1, 1))
	<-j.asked
	p.abort()
	j.verdict <- "DUNNO"
	p.restart()
	eventually(t, func() bool { return sender.queued("deferred") == 1 }, "the sender has put it by")
	said, err := sender.control("flush")
	require.NoError(t, err, said)
	<-j.asked
	j.verdict <- "DUNNO"
	eventually(t, func() bool { return sender.queued(postfixQueues...) == 0 }, "the sender is rid of it")
	mails := p.take()
	require.Len(t, mails, 1)
	assert.Equal(t, "c1-0@client.test", mails[0].from)
	p.stop() // and its connection to the judge
}

// TestPostfixLogin: AUTH with Dovecot behind Postfix, by the clients' own mechanisms.
func TestPostfixLogin(t *testing.T) {
	swaks := program(t, "swaks", "--version")
	d := startDovecotPOP3(t)
	s, p := newPostfixSite(t, "", "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = "+d.folder+"/run/postfix-login",
		"smtpd_recipient_restrictions = permit_sasl_authenticated, reject")
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		for password, want := range map[string]int{"lab": 1, "wrong": 0} {
			send := func(address string) (string, []postfixMail) {
				host, port, err := net.SplitHostPort(address)
				require.NoError(t, err)
				said, err := attempt(t, swaks, "--server", host, "--port", port, "--from", "alice@lab.test", "--to", "bob@lab.test", "--helo", "client.test",
					"--auth", mechanism, "--auth-user", "alice", "--auth-password", password, "--data", strings.ReplaceAll(postfixText("login", "text"), "\r\n", "\\n"))
				assert.Equal(t, want == 1, err == nil, said)
				return strings.ReplaceAll(swaksQueued.ReplaceAllString(said, "queued"), port, "port"), p.take()
			}
			said, mails := send(p.address)
			proxied, got := send(s.proxyOf("SMTP"))
			assert.Equal(t, said, proxied)
			assert.Contains(t, said, "AUTH PLAIN LOGIN")
			require.Len(t, mails, want)
			p.sameMails(mails, got)
			for _, m := range got {
				assert.Equal(t, "ESMTPA", m.with)
			}
		}
	}
}
