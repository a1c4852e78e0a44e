package smtpproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

// peer is one end of a session, spoken for by the test.
type peer struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func newPeer(t testing.TB, c *net.TCPConn) *peer { return &peer{t, c, bufio.NewReader(c)} }

func (p *peer) say(text string) {
	p.t.Helper()
	_, err := p.Write([]byte(text))
	require.NoError(p.t, err)
}

func (p *peer) gets(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.r, got)
	require.Equal(p.t, want, string(got[:n]), "%v", err)
}

// session is a client and a server between which the greeting and EHLO are over.
func session(t testing.TB, config string) (rig *transcript.Rig, client, server *peer) {
	rig = transcript.NewRig(t, protocols.SMTP, new(Driver), config)
	client, server = newPeer(t, rig.Dial()), newPeer(t, rig.Accept())
	hello(client, server)
	return rig, client, server
}

func hello(client, server *peer) {
	server.say("220 mx\r\n")
	client.gets("220 mx\r\n")
	client.say("EHLO x\r\n")
	server.gets("EHLO x\r\n")
	server.say("250-mx\r\n250 CHUNKING\r\n")
	client.gets("250-mx\r\n250 CHUNKING\r\n")
}

func envelope(client, server *peer) {
	const commands, replies = "MAIL FROM:<a@client.test>\r\nRCPT TO:<alice@lab.test>\r\n", "250 m\r\n250 r\r\n"
	client.say(commands)
	server.gets(commands)
	server.say(replies)
	client.gets(replies)
}

func data(client, server *peer) {
	client.say("DATA\r\n")
	server.gets("DATA\r\n")
	server.say("354 go\r\n")
	client.gets("354 go\r\n")
}

// Many chunks that are sent along: the server's answers are read on the way, so
// that neither side has to stop.
func TestManyChunks(t *testing.T) {
	_, client, server := session(t, "")
	envelope(client, server)
	const chunks = 1000
	client.say(strings.Repeat("BDAT 1\r\nx", chunks) + "BDAT 0 LAST\r\n")
	for i := range chunks {
		server.gets("BDAT 1\r\nx")
		server.say(fmt.Sprintf("250 chunk %d\r\n", i))
	}
	client.gets(strings.Repeat(replyChunk, chunks))
	server.gets("BDAT 0 LAST\r\n")
	server.say("250 stored\r\n")
	client.gets("250 stored\r\n")
	require.NoError(t, client.Close())
}

// A client may wait for the answer to a chunk inside the next one.
func TestChunkIsAnsweredInsideTheNext(t *testing.T) {
	for _, c := range []struct{ config, forwarded, replies string }{
		{"", "BDAT 3\r\noneBDAT 6 LAST\r\ntwoend", "250 chunk\r\n250 stored\r\n"},
		{"config firewall profile-protocol-options\nedit default\nconfig smtp\nunset options\nend\nnext\nend\n", "BDAT 9 LAST\r\nonetwoend", "250 stored\r\n"},
	} {
		_, client, server := session(t, c.config)
		envelope(client, server)
		client.say("BDAT 3\r\noneBDAT 6 LAST\r\ntwo")
		client.gets(replyChunk)
		client.say("end")
		server.gets(c.forwarded)
		server.say(c.replies)
		client.gets("250 stored\r\n")
		require.NoError(t, client.Close())
	}
}

// A client that does not wait for leave to send its message, or sends a chunk that is
// refused, has the answers to what stands before it meanwhile.
func TestAnswersInFrontOfAMessage(t *testing.T) {
	_, client, server := session(t, "")
	client.say("MAIL FROM:<a@client.test>\r\nBDAT 4\r\nx")
	server.gets("MAIL FROM:<a@client.test>\r\n")
	server.say("250 m\r\n")
	client.gets("250 m\r\n")
	client.say("xxx")
	client.gets(replyNoTransaction)
	client.say("RCPT TO:<alice@lab.test>\r\nDATA\r\none")
	server.gets("RCPT TO:<alice@lab.test>\r\nDATA\r\n")
	server.say("250 r\r\n354 go\r\n")
	client.gets("250 r\r\n354 go\r\n")
	require.NoError(t, client.Close())
}

// A server that refuses a chunk early is heard before the last.
func TestChunkRefusedOnTheWay(t *testing.T) {
	_, client, server := session(t, "")
	envelope(client, server)
	client.say(strings.Repeat("BDAT 1\r\nx", 2*maxOwed))
	for i := range maxOwed {
		server.gets("BDAT 1\r\nx")
		server.say([]string{"250 ok\r\n", "552 full\r\n"}[i/20])
	}
	client.gets(strings.Repeat(replyChunk, maxOwed))
	client.gets("552 full\r\n")
	require.NoError(t, client.Close())
	_, err := io.Copy(io.Discard, server)
	require.NoError(t, err)
}

// twoChunks has a client send a small chunk and a last one of size bytes, of which the
// server has the commands; sent tells how sending ended.
func twoChunks(t *testing.T, size int) (client, server *peer, sent chan error) {
	_, client, server = session(t, "")
	require.NoError(t, server.SetReadBuffer(64<<10))
	envelope(client, server)
	command := fmt.Sprintf("BDAT 5\r\nfirstBDAT %d LAST\r\n", size)
	sent = make(chan error, 1)
	go func() {
		_, err := client.Write([]byte(command + strings.Repeat("x", size)))
		sent <- err
	}()
	server.gets(command)
	return client, server, sent
}

// A server answers a chunk while the next one, of which it takes as much as it likes,
// is on its way: that is its answer to the chunk, and not its last word.
func TestChunkIsAnsweredWhileTheNextIsSent(t *testing.T) {
	const size = 16 << 20
	for _, c := range []struct{ first, last, heard string }{
		{"250 chunk\r\n", "250 stored\r\n", "250 stored\r\n"},
		{"552 full\r\n", "503 what for\r\n", "552 full\r\n"},
	} {
		client, server, sent := twoChunks(t, size)
		server.say(c.first)
		n, err := io.CopyN(io.Discard, server.r, size)
		require.NoError(t, err, "after %d bytes", n)
		require.NoError(t, <-sent)
		server.say(c.last)
		client.gets(replyChunk + c.heard)
		require.NoError(t, client.Close())
	}
}

// A server that refuses a chunk and leaves while the next one is sent has said why.
func TestChunkRefusedAndServerGone(t *testing.T) {
	const size = 16 << 20
	client, server, sent := twoChunks(t, size)
	server.say("552 full\r\n")
	_, err := io.CopyN(io.Discard, server.r, size/2) // more than waits on the way: the refusal was heard
	require.NoError(t, err)
	require.NoError(t, server.Close())
	client.gets(replyChunk + "552 full\r\n")
	require.NoError(t, <-sent)
	require.NoError(t, client.Close())
}

// A server that says goodbye to a chunk and closes has not taken the message.
func TestServerLeavesBetweenChunks(t *testing.T) {
	_, client, server := session(t, "")
	envelope(client, server)
	client.say(strings.Repeat("BDAT 1\r\nx", 2*maxOwed) + "BDAT 0 LAST\r\n")
	server.gets("BDAT 1\r\n")
	server.say("421 4.3.0 going down\r\n")
	require.NoError(t, server.CloseWrite())
	client.gets(strings.Repeat(replyChunk, maxOwed) + "421 4.3.0 going down\r\n")
	rest, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Empty(t, string(rest))
	got, err := io.ReadAll(server.r)
	require.NoError(t, err)
	assert.NotContains(t, string(got), "LAST")
}

// Between two chunks a command has the length of a command.
func TestLongLineBetweenChunks(t *testing.T) {
	_, client, server := session(t, "")
	envelope(client, server)
	client.say("BDAT 1\r\nx" + strings.Repeat("y", 20000) + "\r\n")
	client.gets(replyChunk + string(faultLength))
	rest, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Empty(t, string(rest))
	got, _ := io.ReadAll(server.r)
	assert.NotContains(t, string(got), "y")
}

// A server that gives up in the middle of a message that passes unscanned.
func TestServerBreaksOff(t *testing.T) {
	const config = "config firewall profile-protocol-options\nedit default\nconfig smtp\nset oversize-limit 1\nunset options\nend\nnext\nend\n"
	for name, c := range map[string]struct{ words, reply string }{
		"with a reason":     {"452 4.3.1 disk full\r\n", "452 4.3.1 disk full\r\n"},
		"without a word":    {"", replyLost},
		"claiming it is ok": {"250 stored\r\n", replyLost},
	} {
		t.Run(name, func(t *testing.T) {
			_, client, server := session(t, config)
			envelope(client, server)
			data(client, server)
			body := strings.Repeat(strings.Repeat("x", 1022)+"\r\n", 32<<10)
			sent := make(chan error, 1)
			go func() {
				_, err := client.Write([]byte(body + ".\r\nQUIT\r\n"))
				sent <- err
			}()
			server.gets("xxx")
			if c.words == "" {
				require.NoError(t, server.Close())
			} else {
				server.say(c.words) // and takes nothing any more
			}
			client.gets(c.reply + replyGoodbye)
			require.NoError(t, <-sent)
			require.NoError(t, client.Close())
		})
	}
}

// A server may think about a message for as long as it does where nothing follows
// the message: a client that was told to try again would send it a second time.
func TestServerThinksAboutAMessage(t *testing.T) {
	rig, client, server := session(t, "")
	for _, behind := range []string{"", "NOOP\r\n"} {
		envelope(client, server)
		data(client, server)
		client.say("one\r\n.\r\n" + behind)
		server.gets("one\r\n.\r\n")
		for range 2 {
			other, silent := newPeer(t, rig.Dial()), newPeer(t, rig.Accept())
			hello(other, silent)
			other.say("QUIT\r\nNOOP\r\n")
			silent.gets("QUIT\r\n")
			rig.Eventually(func() bool {
				rig.Advance(20 * time.Second)
				require.NoError(t, other.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
				_, err := other.r.Peek(1)
				return err == nil
			}, "another server is given up")
			require.NoError(t, other.SetReadDeadline(time.Now().Add(transcript.Patience)))
			other.gets(replySilent)
			require.NoError(t, other.Close())
			require.NoError(t, silent.Close())
		}
		server.say("250 stored\r\n")
		client.gets("250 stored\r\n")
		if behind != "" {
			server.gets(behind)
			server.say("250 ok\r\n")
			client.gets("250 ok\r\n")
		}
	}
	require.NoError(t, client.Close())
}

// A session is idle between two transactions and never inside of one.
func TestIdleOnlyBetweenTransactions(t *testing.T) {
	rig, client, server := session(t, `config system resource-limits
    set proxy 1
end
config system global
    set av-failopen idledrop
    set av-failopen-session enable
end
config system simulator
    set refuse polite
end
`)
	envelope(client, server)
	refused := newPeer(t, rig.Dial())
	refused.gets(replyFarewell)
	require.NoError(t, refused.Close())

	data(client, server)
	refused = newPeer(t, rig.Dial())
	refused.gets(replyFarewell)
	require.NoError(t, refused.Close())

	client.say("one\r\n.\r\n")
	server.gets("one\r\n.\r\n")
	refused = newPeer(t, rig.Dial())
	refused.gets(replyFarewell)
	require.NoError(t, refused.Close())
	server.say("250 stored\r\n")
	client.gets("250 stored\r\n")

	rig.Eventually(func() bool {
		for row := range rig.Engine.Rows {
			return row.State == proxy.RowIdle
		}
		return false
	}, "the session rests")
	newcomer := newPeer(t, rig.Dial())
	client.gets(replyFarewell)
	hello(newcomer, newPeer(t, rig.Accept()))
	require.NoError(t, newcomer.Close())
}

// A client that waits for the server when the counters go back to zero has not resumed
// without having been suspended.
func TestRestartWhileAClientIsSuspended(t *testing.T) {
	rig, client, server := session(t, "")
	line := func(label string) int64 {
		n, ok := rig.Engine.Report().Accounting[protocols.SMTP].Get(label)
		require.True(t, ok)
		return n
	}
	client.say("EHLO y\r\nNOOP\r\n")
	server.gets("EHLO y\r\n")
	rig.Eventually(func() bool { return line("suspend") > line("resume") }, "the client waits")
	require.Equal(t, 1, rig.Engine.Restart())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "the session ends")
	assert.Equal(t, line("suspend"), line("resume"))
}

func TestNothingIsKeptAtRest(t *testing.T) {
	x := &dialogue{}
	assert.False(t, x.busy())
	x.expect(verbGreeting)
	assert.True(t, x.busy())
	x.pop()
	assert.False(t, x.busy())
	assert.Nil(t, x.awaited, "nothing is kept while the session rests")
}

// BenchmarkMail is a mail of 4 KiB, DATA and its answers included, over loopback.
func BenchmarkMail(b *testing.B) {
	_, client, server := session(b, "")
	for _, c := range []*peer{client, server} {
		require.NoError(b, c.SetDeadline(time.Time{}))
	}
	go serve(server)
	group, body := []byte("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"), []byte("Subject: x\r\n\r\n"+strings.Repeat("a line of text, forty bytes in all......\r\n", 97)+".\r\n")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = client.Write(group)
		client.gets("250 ok\r\n250 ok\r\n354 go\r\n")
		_, _ = client.Write(body)
		client.gets("250 ok\r\n")
	}
	require.NoError(b, client.Close())
}

// serve answers commands until the end.
func serve(p *peer) {
	for inside := false; ; {
		line, err := p.r.ReadSlice('\n')
		switch {
		case err != nil:
			return
		case inside && string(line) != ".\r\n":
		case string(line) == "DATA\r\n":
			inside = true
			_, _ = p.Write([]byte("354 go\r\n"))
		default:
			inside = false
			_, _ = p.Write([]byte("250 ok\r\n"))
		}
	}
}
