package imapproxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

func newBytes(text string) io.ReaderAt { return bytes.NewReader([]byte(text)) }

// feed is a stream that delivers a text.
type feed struct {
	wire.Stream
	text string
}

func (f *feed) Read(p []byte) (int, error) {
	if f.text == "" {
		return 0, io.EOF
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	return n, nil
}

// drainSource reads a source to its end: its content, and everything.
func drainSource(s proxy.Source) (content, raw string, err error) {
	for {
		b, isContent, err := s.Next()
		if errors.Is(err, io.EOF) {
			return content, raw, nil
		}
		if err != nil {
			return content, raw, err
		}
		raw += string(b)
		if isContent {
			content += string(b)
		}
	}
}

func TestFarewell(t *testing.T) {
	for _, cause := range []error{proxy.ErrRefused, proxy.ErrDropped, proxy.ErrRestart} {
		text := string(new(Driver).Farewell(cause))
		assert.True(t, strings.HasPrefix(text, "* BYE [UNAVAILABLE] "), text)
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

// gone reads to the end and wants nothing on the way.
func (p *peer) gone() {
	p.t.Helper()
	rest, err := io.ReadAll(p.r)
	require.NoError(p.t, err)
	require.Empty(p.t, string(rest))
}

// pair is a greeted session.
func pair(t testing.TB, rig *transcript.Rig) (client, server *peer) {
	client = newPeer(t, rig.Dial())
	server = newPeer(t, rig.Accept())
	const greeting = "* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\n"
	server.say(greeting)
	client.hear(greeting)
	return client, server
}

// TestBacklog: a mail for whose scan there is no place is not delivered and not
// replaced: the client asks for it again in another session. An upload is refused
// for now, and its session goes on.
func TestBacklog(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n")
	first, server := pair(t, rig)
	const mail = "* 1 FETCH (BODY[] {48}\nContent-Type: text/plain; name=waiting\n\ntext\n)\n"
	server.say(mail)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(t, rig)
	second.say("a APPEND INBOX {7+}\nclean\n\nb NOOP\n")
	second.hear("a NO [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\n")
	other.hear("b NOOP\n")
	other.say("b OK\n* 2 FETCH (BODY[] {5}\nclean)\n")
	second.hear("b OK\n* BYE [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\n")
	second.gone()
	other.gone()

	rig.OpenGate()
	first.hear(mail)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.IMAP].Get("Emails scan errors")
	assert.EqualValues(t, 2, n)
}

// TestIdle: a session is idle between two commands and in IDLE, where nothing is
// under way, and not while it is in AUTHENTICATE or waits for an answer.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(t, rig)
	client.say("a AUTHENTICATE LOGIN\n")
	server.hear("a AUTHENTICATE LOGIN\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server owes an answer")
	server.say("+ \n")
	client.hear("+ \n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the client owes one")
	client.say("*\n")
	server.hear("*\n")
	server.say("a BAD\n")
	client.hear("a BAD\n")
	client.say("b IDLE\n")
	server.hear("b IDLE\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server has not answered")
	server.say("+ idling\n")
	client.hear("+ idling\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "a session in IDLE is idle")
}

// TestNewsAtRest: what the server says while the session rests reaches the client
// without anything else happening, and the session rests again.
func TestNewsAtRest(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(t, rig)
	client.say("a IDLE\n")
	server.hear("a IDLE\n")
	server.say("+ idling\n")
	client.hear("+ idling\n")
	for i := range 50 {
		news := fmt.Sprintf("* %d EXISTS\n", i)
		server.say(news)
		client.hear(news)
	}
	client.say("DONE\n")
	server.hear("DONE\n")
	server.say("a OK\n")
	client.hear("a OK\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session rests")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the mails that are held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(t, rig)
	const mails, size = 40, 1 << 20
	done := make(chan error, 1)
	go func() {
		_, err := server.r.ReadString('\n')
		for i := 0; i < mails && err == nil; i++ {
			_, err = fmt.Fprintf(server, "* %d FETCH (BODY[] {%d}\r\n%s)\r\n", i+1, size, strings.Repeat("x", size))
		}
		if err == nil {
			_, err = io.WriteString(server, "a OK\r\n")
		}
		done <- err
	}()
	client.say("a FETCH 1:* BODY[]\n")
	for i := range mails {
		client.hear(fmt.Sprintf("* %d FETCH (BODY[] {%d}\n", i+1, size))
		assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size))
		n, err := io.CopyN(io.Discard, client.r, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.hear(")\n")
	}
	client.hear("a OK\n")
	require.NoError(t, <-done)
	require.NoError(t, client.CloseWrite())
}

// TestManyPipelined: a client that sends far more than any buffer holds before it
// reads gets all answers.
func TestManyPipelined(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(t, rig)
	const commands = 2000
	go func() {
		for range commands {
			line, err := server.r.ReadString('\n')
			if err != nil {
				return
			}
			tag, _, _ := strings.Cut(line, " ")
			_, _ = fmt.Fprintf(server, "* SEARCH %s\r\n%s OK done\r\n", strings.Repeat("1234567 ", 20), tag)
		}
	}()
	go func() {
		var text strings.Builder
		for i := range commands {
			fmt.Fprintf(&text, "t%d UID SEARCH SUBJECT %s\r\n", i, strings.Repeat("x", i%200))
		}
		_, _ = io.WriteString(client, text.String())
	}()
	for i := range commands {
		_, err := client.r.ReadString('\n')
		require.NoError(t, err)
		client.hear(fmt.Sprintf("t%d OK done\n", i))
	}
	require.NoError(t, client.CloseWrite())
}
