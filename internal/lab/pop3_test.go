package lab_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startPOP3(t *testing.T, boxes *lab.Mailboxes) (*lab.POP3, string) {
	t.Helper()
	origin := lab.NewPOP3(boxes)
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, address
}

// fillBob sends bob mails over SMTP, contents complete with line ends.
func fillBob(t *testing.T, boxes *lab.Mailboxes, contents ...string) {
	t.Helper()
	origin := lab.NewSMTP(boxes)
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	client, err := smtp.Dial(address)
	require.NoError(t, err)
	for _, content := range contents {
		require.NoError(t, client.Mail("a@b.test", nil))
		require.NoError(t, client.Rcpt("bob@lab.test", nil))
		w, err := client.Data()
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	require.NoError(t, client.Quit())
	require.NoError(t, origin.Close())
}

func TestPOP3Transcript(t *testing.T) {
	boxes := lab.NewMailboxes()
	origin, address := startPOP3(t, boxes)
	mails := boxes.Mails(lab.UserAlice, lab.Inbox)
	s := converseWith(t, address, "+OK ")
	s.say("CAPA", "+OK")
	capabilities := strings.Split(s.block(), "\r\n")
	for _, word := range []string{"TOP", "USER", "UIDL", "PIPELINING", "RESP-CODES", "SASL PLAIN"} {
		assert.Contains(t, capabilities, word)
	}
	s.say("STAT", "-ERR")
	s.say("STLS", "-ERR")
	s.say("PASS lab", "-ERR")
	s.say("USER alice", "+OK")
	s.say("PASS wrong", "-ERR [AUTH] ")
	s.say("USER alice", "+OK")
	s.say("PASS lab", "+OK 4 ")
	s.say("USER alice", "-ERR")
	total := 0
	for _, mail := range mails {
		total += len(mail.Content)
	}
	s.say("STAT", fmt.Sprintf("+OK 4 %d", total))
	s.say("LIST", "+OK 4 ")
	assert.Equal(t, fmt.Sprintf("1 %d\r\n2 %d\r\n3 %d\r\n4 %d\r\n",
		len(mails[0].Content), len(mails[1].Content), len(mails[2].Content), len(mails[3].Content)), s.block())
	s.say("UIDL 2", "+OK 2 ")
	s.say("LIST 5", "-ERR")
	s.say("LIST x", "-ERR")
	s.say("RETR 1 2", "-ERR")
	for i, mail := range mails {
		s.say(fmt.Sprintf("RETR %d", i+1), fmt.Sprintf("+OK %d ", len(mail.Content)))
		assert.Equal(t, strings.ReplaceAll(string(mail.Content), "\r\n.", "\r\n.."), s.block())
	}
	s.say("TOP 1 0", "+OK")
	head, body, _ := strings.Cut(string(mails[0].Content), "\r\n\r\n")
	assert.Equal(t, head+"\r\n\r\n", s.block())
	s.say("TOP 1 1", "+OK")
	line, _, _ := strings.Cut(body, "\r\n")
	assert.Equal(t, head+"\r\n\r\n"+line+"\r\n", s.block())
	s.say("TOP 1 -1", "-ERR")
	s.say("TOP 1 1000", "+OK")
	assert.Len(t, s.block(), len(mails[0].Content)+2, "two dots are stuffed")
	s.say("DELE 2", "+OK")
	s.say("DELE 2", "-ERR")
	s.say("RETR 2", "-ERR")
	s.say("RSET", "+OK 4 ")
	s.say("DELE 1", "+OK")
	s.say("NOOP", "+OK")
	s.say("XTND", "-ERR")
	s.say("QUIT", "+OK")
	assert.Empty(t, s.gone())
	left := boxes.Mails(lab.UserAlice, lab.Inbox)
	require.Len(t, left, 3)
	assert.Equal(t, uint32(2), left[0].UID)
	counts := origin.Counts()
	assert.Equal(t, int64(4), counts.Retrieved)
	assert.Equal(t, int64(total), counts.RetrievedBytes)
	assert.Equal(t, int64(1), counts.Deleted)
	assert.Equal(t, int64(1), counts.Logins)
	assert.Equal(t, int64(31), counts.Commands)
}

func TestPOP3DeletesNothingWithoutQuit(t *testing.T) {
	boxes := lab.NewMailboxes()
	origin, address := startPOP3(t, boxes)
	s := converseWith(t, address, "+OK ")
	s.send("USER alice\r\nPASS lab\r\nDELE 1\r\n")
	s.hear("+OK", "+OK", "+OK")
	require.NoError(t, s.conn.Close())
	require.NoError(t, origin.Close())
	assert.Len(t, boxes.Mails(lab.UserAlice, lab.Inbox), 4)
}

func TestPOP3Logins(t *testing.T) {
	_, address := startPOP3(t, lab.NewMailboxes())
	plain := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00lab"))
	bad := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00LAB"))
	tests := []struct {
		name, lines string
		want        []string
	}{
		{"user with domain", "USER bob@lab.test\r\nPASS lab\r\n", []string{"+OK", "+OK"}},
		{"foreign domain", "USER bob@else.test\r\nPASS lab\r\n", []string{"+OK", "-ERR [AUTH]"}},
		{"spaces belong to the password", "USER bob\r\nPASS lab \r\n", []string{"+OK", "-ERR [AUTH]"}},
		{"plain at once", "AUTH PLAIN " + plain + "\r\n", []string{"+OK"}},
		{"plain asked for", "AUTH plain\r\n" + plain + "\r\n", []string{"+ ", "+OK"}},
		{"plain wrong", "AUTH PLAIN " + bad + "\r\n", []string{"-ERR [AUTH]"}},
		{"cancelled", "AUTH PLAIN\r\n*\r\n", []string{"+ ", "-ERR"}},
		{"not base64", "AUTH PLAIN ====\r\n", []string{"-ERR"}},
		{"other mechanism", "AUTH LOGIN\r\n", []string{"-ERR"}},
		{"apop wrong", "APOP bob 00112233445566778899aabbccddeeff\r\n", []string{"-ERR [AUTH]"}},
		{"apop short", "APOP bob\r\n", []string{"-ERR"}},
		{"line ends in LF", "USER bob\nPASS lab\n", []string{"+OK", "+OK"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := converseWith(t, address, "+OK ")
			s.send(test.lines)
			s.hear(test.want...)
		})
	}
}

func TestPOP3Apop(t *testing.T) {
	_, address := startPOP3(t, lab.NewMailboxes())
	stamps := map[string]bool{}
	for range 2 {
		s := converseRaw(t, address)
		greeting := s.line()
		stamp := greeting[strings.IndexByte(greeting, '<'):]
		stamps[stamp] = true
		s.say(fmt.Sprintf("APOP alice %x", md5.Sum([]byte(stamp+lab.Password))), "+OK 4 ")
	}
	assert.Len(t, stamps, 2)
}

func TestPOP3Pipelining(t *testing.T) {
	_, address := startPOP3(t, lab.NewMailboxes())
	s := converseWith(t, address, "+OK ")
	var lines strings.Builder
	lines.WriteString("USER alice\r\nPASS lab\r\n")
	for range 200 {
		lines.WriteString("RETR 3\r\nNOOP\r\n")
	}
	lines.WriteString("QUIT\r\n")
	s.send(lines.String())
	s.hear("+OK", "+OK")
	first := ""
	for range 200 {
		s.hear("+OK ")
		if body := s.block(); first == "" {
			first = body
		} else {
			require.Equal(t, first, body)
		}
		s.hear("+OK")
	}
	s.hear("+OK bye")
	s.gone()
}

func TestPOP3ServesLinesInCRLF(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startPOP3(t, boxes)
	fillBob(t, boxes, "Subject: dots\r\n\r\n.\r\n..\r\nend\r\n", "Subject: bare\r\n\r\na\n.\nb\r\n")
	s := converseWith(t, address, "+OK ")
	s.send("USER bob\r\nPASS lab\r\nRETR 1\r\nRETR 2\r\n")
	s.hear("+OK", "+OK 2", "+OK 29 ")
	assert.Equal(t, "Subject: dots\r\n\r\n..\r\n...\r\nend\r\n", s.block())
	s.hear("+OK 26 ")
	assert.Equal(t, "Subject: bare\r\n\r\na\r\n..\r\nb\r\n", s.block())
}

func TestPOP3LongLineEndsTheSession(t *testing.T) {
	origin, address := startPOP3(t, lab.NewMailboxes())
	for _, length := range []int{300, 5000} {
		s := converseWith(t, address, "+OK ")
		s.send("USER " + strings.Repeat("x", length) + "\r\nQUIT\r\n")
		s.hear("-ERR line too long")
		s.gone()
	}
	require.Eventually(t, func() bool { return origin.Counts().Open == 0 }, 20*1e9, 1e6)
}
