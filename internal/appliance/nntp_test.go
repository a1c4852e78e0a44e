package appliance_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/textproto"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// newsClient says what the test says, byte by byte.
type newsClient struct {
	t testing.TB
	*textproto.Reader
	raw net.Conn
}

// dialNews connects to a news server, or to the proxy in front of it.
func dialNews(t testing.TB, address string) *newsClient {
	raw, err := net.DialTimeout("tcp", address, patience)
	require.NoError(t, err)
	require.NoError(t, raw.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { raw.Close() })
	c := &newsClient{t: t, Reader: textproto.NewReader(bufio.NewReader(raw)), raw: raw}
	c.expect("200 ")
	return c
}

func (c *newsClient) send(text string) {
	c.t.Helper()
	_, err := io.WriteString(c.raw, text)
	require.NoError(c.t, err)
}

// expect reads a line that begins like this.
func (c *newsClient) expect(prefix string) string {
	c.t.Helper()
	line, err := c.ReadLine()
	require.NoError(c.t, err, "waiting for %q", prefix)
	require.True(c.t, strings.HasPrefix(line, prefix), "want %q, got %q", prefix, line)
	return line
}

// ask sends a command and reads the line that answers it.
func (c *newsClient) ask(command, prefix string) string {
	c.t.Helper()
	c.send(command + "\r\n")
	return c.expect(prefix)
}

// lines are the bytes of a reply's lines as they come, up to the last dot.
func (c *newsClient) lines() string {
	c.t.Helper()
	var b strings.Builder
	for {
		line, err := c.R.ReadString('\n')
		require.NoError(c.t, err)
		if line == ".\r\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// nntpStat waits until a line of "NNTP Stat" has a value.
func (s *site) nntpStat(line string, want int64) {
	s.t.Helper()
	s.eventually(func() bool {
		got, ok := s.Engine().Report().Stat[protocols.NNTP].Get(line)
		return ok && got == want
	}, "%s becomes %d", line, want)
}

// has is the article of this message-id in the lab's server, as it came.
func (s *site) has(id string) (content string, times int) {
	for _, a := range s.Origins.NNTP().Articles(lab.GroupTest) {
		if a.ID == id {
			content = string(a.Content)
			times++
		}
	}
	return content, times
}

const nntpHeld = `config firewall profile-protocol-options
    edit "default"
        config nntp
            unset options
        end
    next
end
`

// newsHead is the head of an article of the lab, without its last line.
func newsHead(id string) string {
	return "Path: client.test!x\r\nFrom: x@client.test\r\nNewsgroups: lab.test\r\nSubject: " + id +
		"\r\nDate: Wed, 01 Jan 2020 12:00:00 +0000\r\nMessage-ID: " + id + "\r\n"
}

// carriers are the ways in which an article carries a file. Each has the rest of the
// head, and the body.
func carriers(file []byte) map[string]string {
	zipped := samples.Zip(samples.File{Name: "file.com", Data: file})
	part := func(name string, content []byte) string {
		return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\npreamble\r\n--b1\r\n\r\n.text\r\n--b1\r\n" +
			"Content-Type: application/octet-stream; name=" + name + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			base64.StdEncoding.EncodeToString(content) + "\r\n--b1--\r\n"
	}
	var quoted strings.Builder
	for i, c := range file {
		fmt.Fprintf(&quoted, "=%02X", c)
		if i%20 == 19 {
			quoted.WriteString("=\r\n")
		}
	}
	return map[string]string{
		"plain":     "\r\n" + string(file) + "\r\n",
		"base64":    part("file.com", file),
		"quoted":    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted.String() + "\r\n",
		"uuencode":  "\r\n.text\r\n" + uuLines("file.com", file) + "behind\r\n",
		"yenc":      "\r\n..text\r\n" + yLines("file.com", file) + "behind\r\n",
		"zip":       part("file.zip", zipped),
		"yenc, zip": "\r\n" + yLines("file.zip", zipped),
		"nested":    "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n" + part("file.zip", zipped),
	}
}

// uuLines is a file in uuencode.
func uuLines(name string, file []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "begin 644 %s\r\n", name)
	for len(file) > 0 {
		n := min(len(file), 45)
		line := append([]byte(nil), file[:n]...)
		file = file[n:]
		b.WriteByte(byte(n) + ' ')
		for line = append(line, make([]byte, (3-n%3)%3)...); len(line) > 0; line = line[3:] {
			v := uint(line[0])<<16 | uint(line[1])<<8 | uint(line[2])
			for shift := 18; shift >= 0; shift -= 6 {
				b.WriteByte(byte(' ' + (v>>shift)&63 + (63-(v>>shift)&63)/63*('`'-' ')))
			}
		}
		b.WriteString("\r\n")
	}
	return b.String() + "`\r\nend\r\n"
}

// yLines is a file in yEnc.
func yLines(name string, file []byte) string {
	var b strings.Builder
	end := fmt.Sprintf("=yend size=%d crc32=%08x\r\n", len(file), crc32.ChecksumIEEE(file))
	fmt.Fprintf(&b, "=ybegin line=128 size=%d name=%s\r\n", len(file), name)
	for len(file) > 0 {
		n := min(len(file), 128)
		for _, c := range file[:n] {
			c += 42
			if c == 0 || c == '\r' || c == '\n' || c == '=' {
				b.WriteByte('=')
				c += 64
			}
			b.WriteByte(c)
		}
		file = file[n:]
		b.WriteString("\r\n")
	}
	return b.String() + end
}

// stuffed is an article as it travels, with its end.
func stuffed(article string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\r\n"+article, "\r\n.", "\r\n.."), "\r\n") + ".\r\n"
}

// TestNNTPCarriesFiles: a file goes up by each command, comes down by both, in every
// way in which an article carries one. Clean ones are the same byte by byte; of
// infected ones the server hears nothing, and a reader gets the rest with a notice.
func TestNNTPCarriesFiles(t *testing.T) {
	eicar := samples.EICAR()
	clean := []byte(strings.Replace(string(eicar), "EICAR", "CLEAN", 1))
	for mode, config := range map[string]string{"splice": "", "held": nntpHeld} {
		t.Run(mode, func(t *testing.T) {
			s := newRealTimeSite(t, config)
			good, bad := carriers(clean), carriers(eicar)
			for carrier := range good {
				for _, command := range []string{"POST", "IHAVE", "TAKETHIS"} {
					id := fmt.Sprintf("<%s-%s@client.test>", strings.ToLower(command), strings.ReplaceAll(carrier, ", ", "-"))
					s.handsIn(t, command, id, newsHead(id)+good[carrier], map[string]string{"POST": "240 ", "IHAVE": "235 ", "TAKETHIS": "239 " + id}[command])
					got, times := s.has(id)
					assert.Equal(t, newsHead(id)+good[carrier], got, "%s by %s", carrier, command)
					assert.Equal(t, 1, times)

					id = "<bad-" + id[1:]
					s.handsIn(t, command, id, newsHead(id)+bad[carrier], map[string]string{"POST": "441 ", "IHAVE": "437 ", "TAKETHIS": "439 " + id}[command])
					_, times = s.has(id)
					assert.Zero(t, times, "%s by %s", carrier, command)
				}
				s.comesDown(t, "<post-"+strings.ReplaceAll(carrier, ", ", "-")+"@client.test>", false)
				direct := dialNews(t, s.Origins.Addr(lab.ServiceNNTP))
				id := "<down-" + strings.ReplaceAll(carrier, ", ", "-") + "@client.test>"
				direct.ask("IHAVE "+id, "335 ")
				direct.ask(strings.TrimSuffix(stuffed(newsHead(id)+bad[carrier]), "\r\n"), "235 ")
				s.comesDown(t, id, true)
			}
			n := int64(len(good))
			s.nntpStat("Articles infected with viruses", n*(3+2))
			s.nntpStat("Articles clean", n*(3+2))
			assert.Contains(t, s.exec("get test nntp 4"), fmt.Sprintf("Articles detected                       %d\n", n*5))
		})
	}
}

// handsIn gives an article to the proxy in a session of its own, and wants this reply.
func (s *site) handsIn(t *testing.T, command, id, article, reply string) {
	t.Helper()
	c := dialNews(t, s.proxyOf("NNTP"))
	defer c.raw.Close()
	switch command {
	case "POST":
		c.ask("POST", "340 ")
	case "IHAVE":
		c.ask("IHAVE "+id, "335 ")
	case "TAKETHIS":
		c.ask("MODE STREAM", "203 ")
		c.send("TAKETHIS " + id + "\r\n")
	}
	said := c.ask(strings.TrimSuffix(stuffed(article), "\r\n"), reply)
	if command != "TAKETHIS" && reply[0] == '4' {
		assert.Contains(t, said, "EICAR_TEST_FILE")
		c.ask("QUIT", "205 ")
		return
	}
	c.ask("DATE", "111 ")
	c.ask("QUIT", "205 ")
}

// comesDown reads an article with and without the proxy.
func (s *site) comesDown(t *testing.T, id string, infected bool) {
	t.Helper()
	proxied, direct := dialNews(t, s.proxyOf("NNTP")), dialNews(t, s.Origins.Addr(lab.ServiceNNTP))
	defer proxied.raw.Close()
	defer direct.raw.Close()
	for _, command := range []string{"ARTICLE ", "BODY "} {
		want := direct.ask(command+id, "22")
		assert.Equal(t, want, proxied.ask(command+id, "22"))
		plain, got := direct.lines(), proxied.lines()
		if !infected {
			assert.Equal(t, plain, got)
			continue
		}
		assert.Contains(t, got, `It was infected with "EICAR_TEST_FILE".`, "%s%s", command, id)
		assert.NotContains(t, got, base64.StdEncoding.EncodeToString(samples.EICAR())[:20])
		assert.NotContains(t, got, string(samples.EICAR()))
		if command == "ARTICLE " {
			assert.Contains(t, got, "Message-ID: "+id+"\r\n")
		}
	}
	direct.ask("STAT "+id, "223 ")
	proxied.ask("STAT "+id, "223 ")
}

// TestNNTPStreamStaysInStep: two hundred articles in one go, every seventh infected,
// replies to each by its message-id, and each clean one with the server once.
func TestNNTPStreamStaysInStep(t *testing.T) {
	s := newRealTimeSite(t, "")
	c := dialNews(t, s.proxyOf("NNTP"))
	c.ask("MODE STREAM", "203 ")
	const n = 200
	done := make(chan error, 1)
	go func() {
		var all strings.Builder
		for i := range n {
			id, file := fmt.Sprintf("<%d@stream.test>", i), []byte(strings.Repeat("x", i*100))
			if i%7 == 0 {
				file = samples.EICAR()
			}
			fmt.Fprintf(&all, "CHECK %s\r\nTAKETHIS %s\r\n%s", id, id, stuffed(newsHead(id)+"\r\n"+yLines("file.com", file)))
		}
		_, err := io.WriteString(c.raw, all.String())
		done <- err
	}()
	for i := range n {
		c.expect(fmt.Sprintf("238 <%d@stream.test>", i))
		code := 239
		if i%7 == 0 {
			code = 439
		}
		c.expect(fmt.Sprintf("%d <%d@stream.test>", code, i))
	}
	require.NoError(t, <-done)
	c.ask("DATE", "111 ")
	for i := range n {
		_, times := s.has(fmt.Sprintf("<%d@stream.test>", i))
		want := 1
		if i%7 == 0 {
			want = 0
		}
		require.Equal(t, want, times, i)
	}
}

// TestNNTPSmuggling goes through the line ends that some take for the end of an
// article: one article in, one article out.
func TestNNTPSmuggling(t *testing.T) {
	for _, config := range []string{"", nntpHeld} {
		s := newRealTimeSite(t, config)
		for i, sequence := range []string{
			"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\n.\r\r\n", "\r\r\n.\r\n",
			"\r\n.\x00\r\n", "\r\n\x00.\r\n", "\n\x00.\x00\x00\n",
		} {
			for _, command := range []string{"POST", "TAKETHIS <outer%d@client.test>"} {
				before := s.Origins.NNTP().Counts().Stored
				c := dialNews(t, s.proxyOf("NNTP"))
				if command == "POST" {
					c.ask("POST", "340 ")
				} else {
					c.send("MODE STREAM\r\n" + fmt.Sprintf(command, i) + "\r\n")
				}
				inner := fmt.Sprintf("<inner%d@client.test>", i)
				c.send(newsHead(fmt.Sprintf("<outer%d@client.test>", i)) + "\r\ntext" + sequence +
					"IHAVE " + inner + "\r\n" + newsHead(inner) + "\r\ntext\r\n.\r\nQUIT\r\n")
				said, err := io.ReadAll(c.R)
				if err != nil {
					assert.ErrorIs(t, err, syscall.ECONNRESET)
				}
				assert.NotContains(t, string(said), "235 ", "%q", sequence)
				assert.Equal(t, before, s.Origins.NNTP().Counts().Stored, "%q: %s", sequence, said)
				_, times := s.has(inner)
				assert.Zero(t, times, "%q", sequence)
				c.raw.Close()
			}
		}
		s.stop()
	}
}

// TestNNTPRefusal: what a client sees in each of the refusal styles. The server
// speaks first, so that but for the polite one nobody sees a word.
func TestNNTPRefusal(t *testing.T) {
	for style, want := range map[string]string{"reset": "", "close": "", "hang": "", "polite": "400 "} {
		t.Run(style, func(t *testing.T) {
			s := newSite(t, "config system resource-limits\nset proxy 1\nend\nconfig system simulator\nset refuse "+style+"\nend\n")
			s.keep(s.dialTo("127.0.0.1", s.proxyOf("NNTP")))
			s.eventually(func() bool { return s.inTable() == 1 }, "the first has its entry")
			conn, err := s.connect("127.0.0.1", s.proxyOf("NNTP"))
			if err != nil {
				require.Equal(t, "reset", style)
				return
			}
			defer conn.Close()
			if style == "hang" {
				s.eventually(func() bool { s.advance(time.Second); return s.hangs(conn) }, "the silence ends")
				return
			}
			said, err := io.ReadAll(conn)
			assert.True(t, strings.HasPrefix(string(said), want), "%q", said)
			assert.Equal(t, want == "", len(said) == 0)
			assert.Equal(t, style == "reset", errors.Is(err, syscall.ECONNRESET), "%v", err)
		})
	}
}
