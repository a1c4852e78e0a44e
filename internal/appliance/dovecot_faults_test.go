package appliance_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// dovecotPOP3Large is a mail that no set of socket buffers holds, and that is too
// large to be scanned.
func dovecotPOP3Large() string {
	return "Subject: large\nMessage-Id: <0@client.test>\n\n" + strings.Repeat(strings.Repeat("0123456789", 100)+"\n", 64_000)
}

// TestDovecotPOP3KilledInAMail: the server's process is killed while a mail comes
// down. The client never sees the end of a mail, and the mail is still there.
func TestDovecotPOP3KilledInAMail(t *testing.T) {
	s, d := newDovecotPOP3Site(t, "")
	d.fill("alice", []string{dovecotPOP3Large()})
	c := s.popUser()
	c.send("RETR 1\r\n")
	c.popLine("+OK")
	d.kill("alice", 1)
	rest, _ := io.ReadAll(c.r)
	assert.NotContains(t, string(rest[max(0, len(rest)-10):]), "\r\n.\r\n")
	assert.Less(t, len(rest), 64_000_000)
	c.Close()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "the session is over")
	s.invariants()
	assert.Equal(t, 1, d.left("alice"))

	idle := s.popUser()
	idle.send("NOOP\r\n")
	idle.popLine("+OK")
	d.kill("alice", 2)
	said, err := io.ReadAll(idle.r)
	require.NoError(t, err)
	assert.Empty(t, said, "nobody has asked for anything")
	d.stop()
	unserved := s.dialTo("127.0.0.1", s.proxyOf("POP3"))
	assert.Contains(t, unserved.popLine("-ERR "), "[SYS/TEMP] ")
	s.mailStat(protocols.POP3, "Error Count (connect)", 1)
}

// TestDovecotPOP3CutInAMail: the connection to the server is cut at many places of a
// mail that is held. Of the mail nothing is delivered, and the client learns that
// there is trouble; the next time it is there.
func TestDovecotPOP3CutInAMail(t *testing.T) {
	fetchmail := program(t, "fetchmail", "--version")
	d := startDovecotPOP3(t)
	text := "Subject: held\nMessage-Id: <0@client.test>\n\n" + strings.Repeat("text\n.\n", 200_000)
	d.fill("alice", []string{text})
	at := int64(0) // where to cut, in bytes behind the beginning of the session
	m := newMailServerMiddle(t, d.address, func(passed int64, said []byte) int {
		if at > 0 && passed+int64(len(said)) > at {
			return int(at - passed)
		}
		return -1
	})
	s := newRealTimeSite(t, mailServerBehind("lab-pop3", m.address()))
	whole := int64(strings.Index(s.popUserRetrieves(1), "\r\n.\r\n")) + 5
	for _, at = range []int64{500, 20_000, whole / 2, whole - 40, whole - 4, whole - 3, whole - 2, whole - 1} {
		said := s.popUserRetrieves(1)
		_, reply, _ := strings.Cut(said, "Logged in.\r\n")
		assert.True(t, strings.HasPrefix(reply, "-ERR [SYS/TEMP] "), "cut at %d of %d: %.200q", at, whole, reply)
		folder := t.TempDir()
		out, err := attempt(t, fetchmail, dovecotPOP3FetchmailArgs(t, "alice", s.proxyOf("POP3"), folder, "")...)
		require.Error(t, err, out)
		assert.Empty(t, dovecotPOP3Fetched(t, folder+"/mail.*"))
		require.Equal(t, 1, d.left("alice"))
	}
	at = 0
	folder := t.TempDir()
	out, err := attempt(t, fetchmail, dovecotPOP3FetchmailArgs(t, "alice", s.proxyOf("POP3"), folder, "")...)
	require.NoError(t, err, out)
	got := dovecotPOP3Fetched(t, folder+"/mail.*")
	assert.Equal(t, map[string]string{"<0@client.test>": text}, got)
	assert.Zero(t, d.left("alice"))
}

// popUserRetrieves is all that alice gets who fetches a mail and leaves.
func (s *site) popUserRetrieves(n int) string {
	s.t.Helper()
	conn, err := net.DialTimeout("tcp", s.proxyOf("POP3"), patience)
	require.NoError(s.t, err)
	defer conn.Close()
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "USER alice\r\nPASS lab\r\nRETR %d\r\nQUIT\r\n", n)
	require.NoError(s.t, err)
	said, _ := io.ReadAll(conn)
	return string(said)
}

// TestDovecotPOP3ClientLeaves: a client that leaves in the middle of a mail has not
// taken it, and its DELE before is forgotten.
func TestDovecotPOP3ClientLeaves(t *testing.T) {
	s, d := newDovecotPOP3Site(t, "")
	d.fill("alice", []string{"Subject: small\nMessage-Id: <1@client.test>\n\ntext\n", dovecotPOP3Large()})
	for _, how := range []func(c *client) error{
		func(c *client) error { return c.SetLinger(0) },
		func(*client) error { return nil },
	} {
		c := s.popUser()
		c.send("DELE 1\r\nRETR 2\r\n")
		c.popLine("+OK")
		c.popLine("+OK")
		require.NoError(t, how(c))
		require.NoError(t, c.Close())
		s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "the session is over")
		assert.Equal(t, 2, d.left("alice"))
	}
	s.invariants()
}
