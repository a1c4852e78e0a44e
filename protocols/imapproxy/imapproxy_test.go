package imapproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// pair is a greeted session.
func pair(rig *transcript.Rig) (client, server *transcript.Peer) {
	return rig.Greeted("* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\n")
}

// TestBacklog: a mail for whose scan there is no place is not delivered and not
// replaced: the client asks for it again in another session. An upload is refused
// for now, and its session goes on.
func TestBacklog(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n")
	first, server := pair(rig)
	const mail = "* 1 FETCH (BODY[] {48}\nContent-Type: text/plain; name=waiting\n\ntext\n)\n"
	server.Say(mail)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(rig)
	second.Say("a APPEND INBOX {7+}\nclean\n\nb NOOP\n")
	second.Hear("a NO [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\n")
	other.Hear("b NOOP\n")
	other.Say("b OK\n* 2 FETCH (BODY[] {5}\nclean)\n")
	second.Hear("b OK\n* BYE [UNAVAILABLE] too many mails wait to be scanned, try again in a moment\n")
	second.Gone()
	other.Gone()

	rig.OpenGate()
	first.Hear(mail)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.IMAP].Get("Emails scan errors")
	assert.EqualValues(t, 2, n)
}

// TestIdle: a session is idle between two commands and in IDLE, where nothing is
// under way, and not while it is in AUTHENTICATE or waits for an answer.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(rig)
	client.Say("a AUTHENTICATE LOGIN\n")
	server.Hear("a AUTHENTICATE LOGIN\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server owes an answer")
	server.Say("+ \n")
	client.Hear("+ \n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the client owes one")
	client.Say("*\n")
	server.Hear("*\n")
	server.Say("a BAD\n")
	client.Hear("a BAD\n")
	client.Say("b IDLE\n")
	server.Hear("b IDLE\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server has not answered")
	server.Say("+ idling\n")
	client.Hear("+ idling\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "a session in IDLE is idle")
}

// TestNewsAtRest: what the server says while the session rests reaches the client
// without anything else happening, and the session rests again.
func TestNewsAtRest(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(rig)
	client.Say("a IDLE\n")
	server.Hear("a IDLE\n")
	server.Say("+ idling\n")
	client.Hear("+ idling\n")
	for i := range 50 {
		news := fmt.Sprintf("* %d EXISTS\n", i)
		server.Say(news)
		client.Hear(news)
	}
	client.Say("DONE\n")
	server.Hear("DONE\n")
	server.Say("a OK\n")
	client.Hear("a OK\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session rests")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the mails that are held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(rig)
	const mails, size = 40, 1 << 20
	done := make(chan error, 1)
	go func() {
		_, err := server.R.ReadString('\n')
		for i := 0; i < mails && err == nil; i++ {
			_, err = fmt.Fprintf(server, "* %d FETCH (BODY[] {%d}\r\n%s)\r\n", i+1, size, strings.Repeat("x", size))
		}
		if err == nil {
			_, err = io.WriteString(server, "a OK\r\n")
		}
		done <- err
	}()
	client.Say("a FETCH 1:* BODY[]\n")
	for i := range mails {
		client.Hear(fmt.Sprintf("* %d FETCH (BODY[] {%d}\n", i+1, size))
		assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size))
		n, err := io.CopyN(io.Discard, client.R, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.Hear(")\n")
	}
	client.Hear("a OK\n")
	require.NoError(t, <-done)
	require.NoError(t, client.CloseWrite())
}

// TestManyPipelined: a client that sends far more than any buffer holds before it
// reads gets all answers.
func TestManyPipelined(t *testing.T) {
	rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
	client, server := pair(rig)
	const commands = 2000
	go func() {
		for range commands {
			line, err := server.R.ReadString('\n')
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
		_, err := client.R.ReadString('\n')
		require.NoError(t, err)
		client.Hear(fmt.Sprintf("t%d OK done\n", i))
	}
	require.NoError(t, client.CloseWrite())
}
