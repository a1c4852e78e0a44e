package nntpproxy

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
	"utmsim/scanner/samples"
)

func TestFarewell(t *testing.T) {
	for _, cause := range []error{proxy.ErrRefused, proxy.ErrDropped, proxy.ErrRestart} {
		text := string(new(Driver).Farewell(cause))
		assert.True(t, strings.HasPrefix(text, "400 "), text)
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
		require.NoError(p.t, err, "waiting for %q", line)
		require.Equal(p.t, strings.TrimSuffix(line, "\n")+"\r\n", got)
	}
}

// pair is a greeted session.
func pair(t testing.TB, rig *transcript.Rig) (client, server *peer) {
	client = newPeer(t, rig.Dial())
	server = newPeer(t, rig.Accept())
	server.say("200\n")
	client.hear("200\n")
	return client, server
}

// replies answers every line of a server's with what reply says, until the end.
func (p *peer) replies(reply func(line string) string) <-chan error {
	done := make(chan error, 1)
	go func() {
		for {
			line, err := p.r.ReadString('\n')
			if err == io.EOF {
				done <- nil
				return
			}
			if err == nil {
				_, err = io.WriteString(p, reply(strings.TrimRight(line, "\r\n")))
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}

// TestManyPipelined: more commands than may wait for their replies, from a client
// that reads nothing before it has sent them all.
func TestManyPipelined(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(t, rig)
	done := server.replies(func(line string) string {
		if n, ok := strings.CutPrefix(line, "BODY "); ok {
			return "222 " + n + "\r\nbody of " + n + "\r\n.\r\n"
		}
		return "223 " + line + "\r\n"
	})
	const n = 2000
	var ask, want strings.Builder
	for i := range n {
		fmt.Fprintf(&ask, "STAT %d\nBODY %d\n", i, i)
		fmt.Fprintf(&want, "223 STAT %d\n222 %d\nbody of %d\n.\n", i, i, i)
	}
	client.say(ask.String())
	client.hear(want.String())
	require.NoError(t, client.CloseWrite())
	require.NoError(t, <-done)
}

// TestManyStreamed: a feeding peer that reads no reply before it has sent all
// articles, every fifth of which is bad.
func TestManyStreamed(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(t, rig)
	id, got := "", map[string]int{}
	done := server.replies(func(line string) string {
		switch {
		case line == "MODE STREAM":
			return "203\r\n"
		case strings.HasPrefix(line, "TAKETHIS "):
			_, id, _ = strings.Cut(line, " ")
		case line == ".":
			got[id]++
			return "239 " + id + "\r\n"
		}
		return ""
	})
	const n = 1000
	go func() {
		for i := range n {
			body := strings.Repeat("a line of text\r\n", i)
			if i%5 == 0 {
				body += string(samples.EICAR()) + "\r\n"
			}
			if _, err := fmt.Fprintf(client, "TAKETHIS <%d@x>\r\nSubject: %d\r\n\r\n%s.\r\n", i, i, body); err != nil {
				return // the test sees it in what comes back
			}
		}
	}()
	for i := range n {
		code := 239
		if i%5 == 0 {
			code = 439
		}
		client.hear(fmt.Sprintf("%d <%d@x>\n", code, i))
	}
	require.NoError(t, client.CloseWrite())
	require.NoError(t, <-done)
	require.Len(t, got, n*4/5)
	for id, times := range got {
		require.Equal(t, 1, times, id)
	}
}

// TestBacklog: an article for whose scan there is no place can be asked for again.
func TestBacklog(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "config antivirus engine\nset scan-workers 1\nset scan-backlog 0\nend\n")
	first, server := pair(t, rig)
	first.say("ARTICLE 1\n")
	server.hear("ARTICLE 1\n")
	const article = "220 1\nContent-Type: text/plain; name=waiting\n\ntext\n.\n"
	server.say(article)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(t, rig)
	second.say("ARTICLE 1\nDATE\n")
	other.hear("ARTICLE 1\nDATE\n")
	other.say("220 1\n\nclean\n.\n111 x\n")
	second.hear("403 The article could not be scanned, try again later\n111 x\n")
	second.say("POST\n")
	other.hear("POST\n")
	other.say("340\n")
	second.hear("340\n")
	second.say("\nclean\n.\nQUIT\n")
	second.hear("441 The article could not be scanned, try again later\n205 Bye\n")

	rig.OpenGate()
	first.hear(article)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.NNTP].Get("Articles scan errors")
	assert.EqualValues(t, 2, n)
}

// TestIdle: a session is idle between two commands, and not inside a login, with a
// reply to come, or where an article is to come.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(t, rig)
	for _, step := range [][2]string{{"AUTHINFO SASL LOGIN\n", "383 =\n"}, {"*\n", ""}, {"", "481\n"}, {"POST\n", "340\n"}} {
		client.say(step[0])
		server.hear(step[0])
		server.say(step[1])
		client.hear(step[1])
		if step[1] == "481\n" {
			continue // idle in between
		}
		assert.Zero(t, rig.Engine.DropAllIdle(), "%q", step)
	}
	client.say("\nx\n.\n")
	server.hear("\nx\n.\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server owes a reply")
	server.say("240\n")
	client.hear("240\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session is idle again")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the article that is held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(t, rig)
	const articles, size = 40, 1 << 20
	done := server.replies(func(line string) string {
		return "220 " + line + "\r\n\r\n" + strings.Repeat("x", size) + "\r\n.\r\n"
	})
	for i := range articles {
		client.say(fmt.Sprintf("ARTICLE %d\n", i))
	}
	assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size+1<<20))
	for i := range articles {
		client.hear(fmt.Sprintf("220 ARTICLE %d\n\n", i))
		n, err := io.CopyN(io.Discard, client.r, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.hear("\n.\n")
	}
	require.NoError(t, client.CloseWrite())
	require.NoError(t, <-done)
}
