package pop3proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

func TestFarewell(t *testing.T) {
	for _, cause := range []error{proxy.ErrRefused, proxy.ErrDropped, proxy.ErrRestart} {
		text := string(new(Driver).Farewell(cause))
		assert.True(t, strings.HasPrefix(text, "-ERR [SYS/TEMP] "), text)
		assert.True(t, strings.HasSuffix(text, "\r\n"))
	}
}

// peer is one end of a session in a test.
type peer struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func newPeer(t testing.TB, c *net.TCPConn) *peer { return &peer{t, c, bufio.NewReader(c)} }

func (p *peer) say(text string) {
	p.t.Helper()
	_, err := io.WriteString(p, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(p.t, err)
}

func (p *peer) hear(want string) {
	p.t.Helper()
	for _, line := range strings.SplitAfter(want, "\n") {
		if line == "" {
			continue
		}
		got, err := p.r.ReadString('\n')
		require.NoError(p.t, err)
		require.Equal(p.t, strings.TrimSuffix(line, "\n")+"\r\n", got)
	}
}

// pair is a greeted session.
func pair(t testing.TB, rig *transcript.Rig) (client, server *peer) {
	client = newPeer(t, rig.Dial())
	server = newPeer(t, rig.Accept())
	server.say("+OK\n")
	client.hear("+OK\n")
	return client, server
}

// TestBacklog: a mail for whose scan there is no place stays with the server, which
// never hears of the commands behind it.
func TestBacklog(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n")
	first, server := pair(t, rig)
	first.say("RETR 1\n")
	server.hear("RETR 1\n")
	const mail = "+OK\nContent-Type: text/plain; name=waiting\n\ntext\n.\n"
	server.say(mail)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(t, rig)
	second.say("RETR 1\nDELE 1\nQUIT\n")
	other.hear("RETR 1\n")
	other.say("+OK\n\nclean\n.\n")
	second.hear("-ERR [SYS/TEMP] too many mails wait to be scanned, try again in a moment\n")
	rest, err := io.ReadAll(second.r)
	require.NoError(t, err)
	assert.Empty(t, rest)
	rest, err = io.ReadAll(other.r)
	require.NoError(t, err)
	assert.Empty(t, rest, "the server must not hear of DELE")

	rig.OpenGate()
	first.hear(mail)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.POP3].Get("Emails scan errors")
	assert.EqualValues(t, 1, n)
}

// TestIdle: a session is idle between two commands, and not inside AUTH.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "")
	client, server := pair(t, rig)
	client.say("AUTH LOGIN\n")
	server.hear("AUTH LOGIN\n")
	server.say("+ \n")
	client.hear("+ \n")
	rig.Eventually(func() bool {
		for row := range rig.Engine.Rows {
			return row.State == proxy.RowTransaction
		}
		return false
	}, "the session rests")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the client owes an answer")
	client.say("*\n")
	server.hear("*\n")
	server.say("-ERR\n")
	client.hear("-ERR\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session is idle again")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the mails that are held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "")
	client, server := pair(t, rig)
	const mails, size = 40, 1 << 20
	done := make(chan error, 1)
	go func() {
		for i := range mails {
			if _, err := server.r.ReadString('\n'); err != nil {
				done <- err
				return
			}
			if _, err := fmt.Fprintf(server, "+OK %d\r\n\r\n%s\r\n.\r\n", i, strings.Repeat("x", size)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range mails {
		client.say(fmt.Sprintf("RETR %d\n", i+1))
	}
	assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size+1<<20))
	for i := range mails {
		client.hear(fmt.Sprintf("+OK %d\n\n", i))
		n, err := io.CopyN(io.Discard, client.r, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.hear("\n.\n")
	}
	require.NoError(t, <-done)
	require.NoError(t, client.CloseWrite())
}
