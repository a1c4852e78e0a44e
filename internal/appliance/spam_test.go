package appliance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// labPolicies are the policies of the lab's mail proxies.
var labPolicies = map[protocols.Protocol]int{protocols.SMTP: 2, protocols.POP3: 3, protocols.IMAP: 4}

// filterSpam switches the lab's spam filter on for a protocol, with settings of the
// profile.
func (s *site) filterSpam(p protocols.Protocol, settings ...string) {
	s.t.Helper()
	lines := append([]string{"config spamfilter profile", "edit lab"}, settings...)
	lines = append(lines, "end", "config firewall policy", fmt.Sprintf("edit %d", labPolicies[p]), "set spamfilter-profile lab", "end")
	s.exec(lines...)
}

// sendFrom begins a mail from an address of this host and returns the answer to MAIL.
func (s *site) sendFrom(from string) string {
	s.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	c, err := d.Dial("tcp", s.proxyOf("SMTP"))
	require.NoError(s.t, err)
	defer c.Close()
	require.NoError(s.t, c.SetDeadline(time.Now().Add(lifetime)))
	r := bufio.NewReader(c)
	answer := func() (line string) {
		for {
			line, err = r.ReadString('\n')
			require.NoError(s.t, err)
			if line[3] == ' ' {
				return line
			}
		}
	}
	answer()
	fmt.Fprint(c, "EHLO client.test\r\n")
	answer()
	fmt.Fprint(c, "MAIL FROM:<anna@client.test>\r\n")
	return answer()
}

// The lab's list is asked about clients: what it says about each of its addresses, and
// what its answers that say nothing come to.
func TestBlockListOfTheLab(t *testing.T) {
	needLoopback(t, "127.0.0.2")
	s := newRealTimeSite(t, "")
	s.filterSpam(protocols.SMTP)
	silence := func(seconds int) {
		s.exec("config spamfilter options", fmt.Sprintf("set dns-timeout %d", seconds), "end")
	}
	silence(30)
	for _, c := range []struct{ from, answer string }{
		{"127.0.0.1", "250 "},
		{"127.0.0.2", "554 5.7.1 Mail from 127.0.0.2 is not accepted: its address is listed in dnsbl.lab.test: test entry, RFC 5782 section 5\r\n"},
		{"127.0.0.3", "554 5.7.1 Mail from 127.0.0.3 is not accepted: its address is listed in dnsbl.lab.test\r\n"},
		{"127.0.0.4", "250 "}, // an error code
		{"127.0.0.5", "250 "}, // silence
		{"127.0.0.6", "250 "}, // a forged answer says it is listed, the true one that it is not
		{"127.0.0.7", "250 "}, // SERVFAIL
		{"127.0.0.8", "250 "}, // NXDOMAIN
	} {
		if c.from == "127.0.0.5" { // which is waited for
			silence(1)
		}
		assert.True(t, strings.HasPrefix(s.sendFrom(c.from), c.answer), c.from)
		silence(30)
	}
	s.counts(protocols.SMTP, map[string]int64{
		"setup_ok": 8, "conn_inp": 8, "spamadd": 8, "spamdel": 8, "suspend": 8, "resume": 8, "reject": 2,
		"Emails spam detected": 2, "Emails spam rejected": 2,
	})
	assert.Len(t, s.log("block list failed"), 3, "the error code, the silence and the failure")
	holds(t, s.newest("emailfilter"), map[string]string{
		"logid": "0508020503", "type": "utm", "subtype": "emailfilter", "level": "notice", "policyid": "2", "action": "blocked", "service": "SMTP",
		"srcip": "127.0.0.3", "bannedip": "127.0.0.3", "msg": "The host is listed in dnsbl.lab.test.", "profile": "lab",
	})
	assert.Equal(t, "127.0.0.4", s.log("spam detected")[1]["answer"])
	holds(t, s.newest("event"), map[string]string{
		"logid": "0100060009", "level": "warning", "service": "smtp", "server": lab.ListApex, "host": "127.0.0.7",
		"msg": "The block list dnsbl.lab.test did not say whether it has 127.0.0.7",
	})
	assert.Regexp(t, `(?m)^dnsbl\.lab\.test +8 +2 +3 +3$`, s.exec("diagnose sim lists"))
}

// A pattern that can't be understood is refused when it is written, used or not.
func TestWrongSpamPattern(t *testing.T) {
	s := newSite(t, "")
	for object, field := range map[string]string{"bword": "pattern", "bwl": "email-pattern"} {
		lines := []string{"config spamfilter " + object, "edit 7", "config entries", "edit 1"}
		if object == "bwl" {
			lines = append(lines, "set type email")
		}
		out, ok := s.try(append(lines, "set pattern-type regexp", "set "+field+" (", "end", "end")...)
		assert.False(t, ok, out)
		assert.Contains(t, out, "spamfilter "+object+" 7: ")
		assert.Contains(t, out, "missing closing )")
		assert.NotContains(t, s.exec("show spamfilter "+object), "edit 7")
	}
}

// A thousand clients with one address that begin a mail at once are one question, and
// one more for the reason.
func TestCrowdIsOneQuestion(t *testing.T) {
	needLoopback(t, "127.0.0.2")
	s := newRealTimeSite(t, "")
	s.filterSpam(protocols.SMTP)
	const crowd = 1000
	clients := make([]net.Conn, crowd)
	readers := make([]*bufio.Reader, crowd)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}, Timeout: patience}
	for i := range clients {
		c, err := d.Dial("tcp", s.proxyOf("SMTP"))
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(lifetime)))
		clients[i], readers[i] = c, bufio.NewReader(c)
		greeting, err := readers[i].ReadString('\n')
		require.NoError(t, err, greeting)
	}
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { fmt.Fprint(c, "MAIL FROM:<anna@client.test>\r\n") })
	}
	all.Wait()
	for i := range clients {
		line, err := readers[i].ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, "554 5.7.1 "), line)
		require.NoError(t, clients[i].Close())
	}
	assert.EqualValues(t, 2, s.Origins.DNS().Queries("2.0.0.127.dnsbl.lab.test."))
	s.counts(protocols.SMTP, map[string]int64{
		"setup_ok": crowd, "conn_inp": crowd, "spamadd": crowd, "spamdel": crowd, "suspend": crowd, "resume": crowd, "reject": crowd,
		"Emails spam detected": crowd, "Emails spam rejected": crowd,
	})
}

// brings has one mail carried through the proxy of a protocol.
func (s *site) brings(p protocols.Protocol, mail string) string {
	s.t.Helper()
	if p != protocols.SMTP {
		require.NoError(s.t, s.Origins.Mailboxes().Deliver("alice", []byte(mail)))
	}
	n := len(s.Origins.Mailboxes().Mails("alice", "INBOX"))
	words := map[protocols.Protocol]string{
		protocols.SMTP: "EHLO x\r\nMAIL FROM:<a@client.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n" + mail + ".\r\nQUIT\r\n",
		protocols.POP3: fmt.Sprintf("USER alice\r\nPASS lab\r\nRETR %d\r\nQUIT\r\n", n),
		protocols.IMAP: fmt.Sprintf("a LOGIN alice lab\r\nb SELECT INBOX\r\nc FETCH %d BODY.PEEK[]\r\nd LOGOUT\r\n", n),
	}[p]
	c, err := net.DialTimeout("tcp", s.proxyOf(p.String()), patience)
	require.NoError(s.t, err)
	defer c.Close()
	require.NoError(s.t, c.SetDeadline(time.Now().Add(lifetime)))
	_, err = io.WriteString(c, words)
	require.NoError(s.t, err)
	heard, err := io.ReadAll(c)
	require.NoError(s.t, err)
	if mails := s.Origins.Mailboxes().Mails("alice", "INBOX"); p == protocols.SMTP && len(mails) > n {
		return string(mails[len(mails)-1].Content)
	}
	return string(heard)
}

// TestMailLines provokes the lines of Stat that all mail protocols have, each by one
// mail, and the two of spam.
func TestMailLines(t *testing.T) {
	infected := func(virus []byte) string { return "Subject: x\r\n\r\n" + string(virus) + "\r\n" }
	large := "Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("0123456789", 100)+"\r\n", 11_000)
	for p := range labPolicies {
		t.Run(p.String(), func(t *testing.T) {
			s := newRealTimeSite(t, "")
			want := map[string]int64{}
			counts := func(lines ...string) {
				t.Helper()
				for _, l := range lines {
					want[l]++
				}
				s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "the session ends")
				moved := map[string]int64{}
				for line, n := range s.moved(p) {
					if strings.HasPrefix(line, "Emails") {
						moved[line] = n
					}
				}
				require.Equal(t, want, moved)
				s.invariants()
			}
			s.brings(p, infected([]byte("nothing")))
			counts("Emails clean")
			s.brings(p, infected(samples.EICAR()))
			counts("Emails infected with viruses", "Emails detected")
			s.brings(p, infected(samples.Worm()))
			counts("Emails infected with worms", "Emails detected")
			s.brings(p, infected(samples.Suspicious()))
			counts("Emails infected with susp", "Emails detected")
			s.brings(p, mailPiece)
			counts("Emails fragmented block")
			s.brings(p, large)
			counts("Emails oversize pass", "Emails detected")
			s.exec("diagnose sim scanner errors 100")
			s.brings(p, infected([]byte("nothing")))
			counts("Emails scan errors")
			s.exec("diagnose sim scanner normal")
			s.mailOptions(strings.ToLower(p.String()), "set options oversize fragmail", "set archive-block corrupted")
			s.brings(p, mailPiece)
			counts("Emails fragmented pass")
			s.brings(p, large)
			counts("Emails oversize block", "Emails detected")
			s.brings(p, mailWith("damaged.zip", damagedZip()))
			counts("Emails file blocked", "Emails detected")

			s.filterSpam(p, "set spam-rbl-table 2", "config smtp", "set hdrip enable", "end")
			s.exec("config spamfilter dnsbl", "edit 2", "config entries", "edit 1", "set server "+lab.ListApex, "end", "end")
			got := s.brings(p, "Received: from x ([192.0.2.1]) by mx\r\nSubject: hello\r\n\r\nhi\r\n")
			assert.Contains(t, got, "Subject: Spam hello\r\n")
			counts("Emails spam detected", "Emails spam tagged", "Emails clean")
			got = s.brings(p, "Subject: hello\r\nContent-Transfer-Encoding: base64\r\n\r\n"+samples.Base64([]byte("the lottery\r\n")))
			assert.Contains(t, got, "Subject: Spam hello\r\n")
			counts("Emails spam detected", "Emails spam tagged", "Emails bannedword detected", "Emails detected", "Emails clean")
			holds(t, s.newest("emailfilter"), map[string]string{
				"logid": "0508020500", "action": "tagged", "service": p.String(), "subject": "hello", "keyword": "lottery", "score": "10", "profile": "lab",
			})
			if p == protocols.SMTP {
				s.exec("config spamfilter profile", "edit lab", "config smtp", "set action discard", "end", "end")
				assert.Contains(t, s.brings(p, "Subject: lottery\r\n\r\nhi\r\n"), "554 5.7.1 The mail contains words that are banned\r\n")
				counts("Emails spam detected", "Emails spam rejected", "Emails bannedword detected", "Emails detected")
			}
		})
	}
}
