package pop3proxy

import (
	"fmt"
	"io"
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

// pair is a greeted session.
func pair(rig *transcript.Rig) (client, server *transcript.Peer) {
	return rig.Greeted("+OK\n")
}

// TestBacklog: a mail for whose scan there is no place stays with the server, which
// never hears of the commands behind it.
func TestBacklog(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n")
	first, server := pair(rig)
	first.Say("RETR 1\n")
	server.Hear("RETR 1\n")
	const mail = "+OK\nContent-Type: text/plain; name=waiting\n\ntext\n.\n"
	server.Say(mail)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(rig)
	second.Say("RETR 1\nDELE 1\nQUIT\n")
	other.Hear("RETR 1\n")
	other.Say("+OK\n\nclean\n.\n")
	second.Hear("-ERR [SYS/TEMP] too many mails wait to be scanned, try again in a moment\n")
	rest, err := io.ReadAll(second.R)
	require.NoError(t, err)
	assert.Empty(t, rest)
	rest, err = io.ReadAll(other.R)
	require.NoError(t, err)
	assert.Empty(t, rest, "the server must not hear of DELE")

	rig.OpenGate()
	first.Hear(mail)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.POP3].Get("Emails scan errors")
	assert.EqualValues(t, 1, n)
}

// TestIdle: a session is idle between two commands, and not inside AUTH.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "")
	client, server := pair(rig)
	client.Say("AUTH LOGIN\n")
	server.Hear("AUTH LOGIN\n")
	server.Say("+ \n")
	client.Hear("+ \n")
	rig.Eventually(func() bool {
		for row := range rig.Engine.Rows {
			return row.State == proxy.RowTransaction
		}
		return false
	}, "the session rests")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the client owes an answer")
	client.Say("*\n")
	server.Hear("*\n")
	server.Say("-ERR\n")
	client.Hear("-ERR\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session is idle again")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the mails that are held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.POP3, new(Driver), "")
	client, server := pair(rig)
	const mails, size = 40, 1 << 20
	done := make(chan error, 1)
	go func() {
		for i := range mails {
			if _, err := server.R.ReadString('\n'); err != nil {
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
		client.Say(fmt.Sprintf("RETR %d\n", i+1))
	}
	assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size+1<<20))
	for i := range mails {
		client.Hear(fmt.Sprintf("+OK %d\n\n", i))
		n, err := io.CopyN(io.Discard, client.R, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.Hear("\n.\n")
	}
	require.NoError(t, <-done)
	require.NoError(t, client.CloseWrite())
}
