package lab_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// script is a conversation in raw lines with a server that speaks first.
type script struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// converseWith connects and reads the greeting, which must begin with greeting.
func converseWith(t *testing.T, address, greeting string) *script {
	t.Helper()
	s := converseRaw(t, address)
	s.hear(greeting)
	return s
}

// converseRaw connects and reads nothing.
func converseRaw(t *testing.T, address string) *script {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return &script{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// send writes text as it is.
func (s *script) send(text string) {
	s.t.Helper()
	_, err := s.conn.Write([]byte(text))
	require.NoError(s.t, err)
}

// line reads one line, which must end in CRLF, and returns it without.
func (s *script) line() string {
	s.t.Helper()
	line, err := s.in.ReadString('\n')
	require.NoError(s.t, err, "after %q", line)
	require.True(s.t, strings.HasSuffix(line, "\r\n"), "%q", line)
	return strings.TrimSuffix(line, "\r\n")
}

// hear reads one line for each prefix and compares its beginning.
func (s *script) hear(prefixes ...string) {
	s.t.Helper()
	for _, prefix := range prefixes {
		line := s.line()
		require.True(s.t, strings.HasPrefix(line, prefix), "got %q, want %q ...", line, prefix)
	}
}

// say sends a line and compares the beginnings of the lines that answer it.
func (s *script) say(line string, prefixes ...string) {
	s.t.Helper()
	s.send(line + "\r\n")
	s.hear(prefixes...)
}

// block reads up to the line with a single dot and returns it as sent.
func (s *script) block() string {
	s.t.Helper()
	var out strings.Builder
	for {
		line := s.line()
		if line == "." {
			return out.String()
		}
		out.WriteString(line + "\r\n")
	}
}

// gone reads until the server has closed and returns what it still said.
func (s *script) gone() string {
	s.t.Helper()
	var out strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		out.WriteString(line)
		if err != nil {
			require.NotErrorIs(s.t, err, net.ErrClosed)
			var timeout net.Error
			require.False(s.t, errorsAs(err, &timeout) && timeout.Timeout(), "the server didn't close: %v", err)
			return out.String()
		}
	}
}

func TestFirstMails(t *testing.T) {
	mails := lab.NewMailboxes().Mails(lab.UserAlice, lab.Inbox)
	require.Len(t, mails, 4)
	for i, mail := range mails {
		assert.Equal(t, uint32(i+1), mail.UID)
		assert.NotContains(t, string(mail.Content), string(lab.EICAR()), "only encoded")
		assert.True(t, strings.HasSuffix(string(mail.Content), "\r\n"))
		assert.Zero(t, strings.Count(string(mail.Content), "\n")-strings.Count(string(mail.Content), "\r\n"))
	}
	assert.Equal(t, []string{"", "report.bin", "eicar.com", "eicar.zip"}, attachmentNames(t, mails))
	assert.Equal(t, lab.EICAR(), attachment(t, mails[2].Content))
	assert.Equal(t, lab.EICARZip(), attachment(t, mails[3].Content))
	assert.Len(t, attachment(t, mails[1].Content), 3000)
	assert.Empty(t, lab.NewMailboxes().Mails(lab.UserBob, lab.Inbox))
	assert.Nil(t, lab.NewMailboxes().Mails("nobody", lab.Inbox))
}
