package nntpproxy

import (
	"fmt"
	"io"
	"runtime"
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

// pair is a greeted session.
func pair(rig *transcript.Rig) (client, server *transcript.Peer) {
	return rig.Greeted("200\n")
}

// TestManyPipelined: more commands than may wait for their replies, from a client
// that reads nothing before it has sent them all.
func TestManyPipelined(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(rig)
	done := server.Replies(func(line string) string {
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
	client.Say(ask.String())
	client.Hear(want.String())
	require.NoError(t, client.CloseWrite())
	require.NoError(t, <-done)
}

// TestManyStreamed: a feeding peer that reads no reply before it has sent all
// articles, every fifth of which is bad.
func TestManyStreamed(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(rig)
	id, got := "", map[string]int{}
	done := server.Replies(func(line string) string {
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
		client.Hear(fmt.Sprintf("%d <%d@x>\n", code, i))
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
	first, server := pair(rig)
	first.Say("ARTICLE 1\n")
	server.Hear("ARTICLE 1\n")
	const article = "220 1\nContent-Type: text/plain; name=waiting\n\ntext\n.\n"
	server.Say(article)
	rig.Eventually(func() bool { running, _ := rig.Engine.Scans(); return running == 1 }, "the first scan runs")

	second, other := pair(rig)
	second.Say("ARTICLE 1\nDATE\n")
	other.Hear("ARTICLE 1\nDATE\n")
	other.Say("220 1\n\nclean\n.\n111 x\n")
	second.Hear("403 The article could not be scanned, try again later\n111 x\n")
	second.Say("POST\n")
	other.Hear("POST\n")
	other.Say("340\n")
	second.Hear("340\n")
	second.Say("\nclean\n.\nQUIT\n")
	second.Hear("441 The article could not be scanned, try again later\n205 Bye\n")

	rig.OpenGate()
	first.Hear(article)
	require.NoError(t, first.CloseWrite())
	rig.Eventually(func() bool { return rig.Engine.Sessions() == 0 }, "both sessions end")
	n, _ := rig.Engine.Report().Stat[protocols.NNTP].Get("Articles scan errors")
	assert.EqualValues(t, 2, n)
}

// TestIdle: a session is idle between two commands, and not inside a login, with a
// reply to come, or where an article is to come.
func TestIdle(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(rig)
	for _, step := range [][2]string{{"AUTHINFO SASL LOGIN\n", "383 =\n"}, {"*\n", ""}, {"", "481\n"}, {"POST\n", "340\n"}} {
		client.Say(step[0])
		server.Hear(step[0])
		server.Say(step[1])
		client.Hear(step[1])
		if step[1] == "481\n" {
			continue // idle in between
		}
		assert.Zero(t, rig.Engine.DropAllIdle(), "%q", step)
	}
	client.Say("\nx\n.\n")
	server.Hear("\nx\n.\n")
	assert.Zero(t, rig.Engine.DropAllIdle(), "the server owes a reply")
	server.Say("240\n")
	client.Hear("240\n")
	rig.Eventually(func() bool { return rig.Engine.DropAllIdle() == 1 }, "the session is idle again")
}

// TestBigBackPressure: a client that does not read makes the server wait and costs
// no more memory than the article that is held.
func TestBigBackPressure(t *testing.T) {
	rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
	client, server := pair(rig)
	const articles, size = 40, 1 << 20
	done := server.Replies(func(line string) string {
		return "220 " + line + "\r\n\r\n" + strings.Repeat("x", size) + "\r\n.\r\n"
	})
	for i := range articles {
		client.Say(fmt.Sprintf("ARTICLE %d\n", i))
	}
	assert.LessOrEqual(t, rig.Engine.Memory().Spools, int64(2*size+1<<20))
	for i := range articles {
		client.Hear(fmt.Sprintf("220 ARTICLE %d\n\n", i))
		n, err := io.CopyN(io.Discard, client.R, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		client.Hear("\n.\n")
	}
	require.NoError(t, client.CloseWrite())
	require.NoError(t, <-done)
}

// TestServerBreaksOff: a server that does not take the whole article is asked why,
// and the client hears it when it has sent the rest.
func TestServerBreaksOff(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets block while they write on this system")
	}
	const line, lines = 1 << 10, 40 << 10
	oversize := "config firewall profile-protocol-options\nedit default\nconfig nntp\nset oversize-limit 1\nunset options\nend\nnext\nend\n"
	for _, config := range []string{oversize, strings.Replace(oversize, "unset options\n", "", 1)} {
		for _, c := range []struct {
			command string
			breaks  func(server *transcript.Peer)
			want    string
		}{
			{"POST\n", func(s *transcript.Peer) { s.Say("441 no room for this\n") }, "441 no room for this\n205 Bye\n"},
			{"IHAVE <1@x>\n", func(s *transcript.Peer) { s.Say("436 no room now\n"); _ = s.Close() }, "436 no room now\n205 Bye\n"},
			{"POST\n", func(s *transcript.Peer) { s.Say("240 as if it had come\n") }, "400 The connection to the news server was lost\n205 Bye\n"},
			{"POST\n", func(s *transcript.Peer) { _ = s.SetLinger(0); _ = s.Close() }, "400 The connection to the news server was lost\n205 Bye\n"},
			{"MODE STREAM\nTAKETHIS <1@x>\n", func(s *transcript.Peer) { _ = s.SetLinger(0); _ = s.Close() }, "400 The connection to the news server was lost\n"},
		} {
			t.Run(c.command, func(t *testing.T) {
				rig := transcript.NewRig(t, protocols.NNTP, new(Driver), config)
				client, server := pair(rig)
				asked, rest, _ := strings.Cut(c.command, "\n")
				client.Say(asked + "\n")
				server.Hear(asked + "\n")
				server.Say(map[string]string{"POST": "340\n", "IHAVE <1@x>": "335\n", "MODE STREAM": "203\n"}[asked])
				_, err := client.R.ReadString('\n')
				require.NoError(t, err)
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = io.WriteString(client, strings.ReplaceAll(rest, "\n", "\r\n")+"\r\n") // the session may be over
					for range lines {
						if _, err := io.WriteString(client, strings.Repeat("x", line-2)+"\r\n"); err != nil {
							return
						}
					}
					_, _ = io.WriteString(client, ".\r\nQUIT\r\n")
				}()
				_, err = io.CopyN(io.Discard, server.R, 2<<20)
				require.NoError(t, err)
				c.breaks(server)
				client.Hear(c.want)
				_ = client.Close()
				<-sent
			})
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		command verb
		later   bool
		want    string
	}{{verbPost, false, "441 y"}, {verbPost, true, "441 y"}, {verbIhave, false, "437 y"}, {verbIhave, true, "436 y"}, {verbTakeThis, false, "439 <a>"}} {
		tr := transfer{command: c.command, id: []byte("<a>")}
		assert.Equal(t, c.want+"\r\n", tr.reply(c.later, "y"))
	}
}
