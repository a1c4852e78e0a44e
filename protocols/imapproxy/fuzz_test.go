package imapproxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/scanner/samples"
)

// FuzzLines: no line breaks the parsers, and what they let through can be read in
// one way only.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		"a NOOP\r\n", "a UID FETCH 1 BODY[]<1.2>\r\n", "* OK [CAPABILITY STARTTLS] x\r\n", "* CAPABILITY a STARTTLS\r\n", "+ \r\n", "\r\n",
		"a APPEND INBOX CATENATE (URL x)\r\n", "* 1 FETCH (BODY[] {5}\r\n", "[CAPABILITY\r\n", "a\rb\r\n", "\x00\r\n", "* BYE\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		} else {
			line = append(line, '\n')
		}
		err := checkLine(line)
		text, proper := bytes.CutSuffix(line, []byte("\r\n"))
		require.Equal(t, proper && !bytes.ContainsAny(text, "\r\x00"), err == nil)
		_, _ = parseResponse(line)
		if err != nil {
			return
		}
		if c, err := parseCommand(line); err == nil {
			require.NotContains(t, string(c.tag), " ")
			require.LessOrEqual(t, c.rest, len(text))
			a := arguments{needed: 1}
			a.read(line[c.rest:])
			cutsOut(line)
		}
		for _, strips := range []bool{true, false} {
			edited := editCapabilities(bytes.Clone(line), strips)
			require.LessOrEqual(t, len(edited), len(line))
			require.True(t, bytes.HasSuffix(edited, []byte("\r\n")))
			require.Equal(t, edited, editCapabilities(bytes.Clone(edited), strips))
		}
	})
}

// FuzzScan: a response is understood alike however it is cut into stretches.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`* 1 FETCH (FLAGS (\Seen) BODY[HEADER.FIELDS ("a" b)] "x" BODY[] "y"`, `* 1 FETCH (ENVELOPE ("a\"b" (NIL)) BODY[1]<0> {5}` + "\r\n",
		`* LIST () "/" "a\\"`, "* 1 FETCH (BODY[1.2] ~{5}\r\n", "((((]]]}{",
	} {
		f.Add([]byte(seed), uint(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		if bytes.IndexByte(b, '\r') >= 0 || bytes.IndexByte(b, 0) >= 0 {
			s := scan{fetch: true}
			_, _, _ = s.feed(b)
			return
		}
		at := int(cut % uint(len(b)+1))
		whole, parts := scan{fetch: true}, scan{fetch: true}
		n, content, err := whole.feed(b)
		require.NoError(t, err)
		m, first, err := parts.feed(b[:at])
		require.NoError(t, err)
		if !first {
			require.Equal(t, at, m)
			var k int
			k, first, err = parts.feed(b[at:])
			require.NoError(t, err)
			m += k
		}
		require.Equal(t, content, first)
		require.Equal(t, n, m)
		require.Equal(t, whole, parts)
	})
}

// FuzzQuoted: a quoted string gives every byte once, and its content is what a
// reader finds in it.
func FuzzQuoted(f *testing.F) {
	for _, seed := range []string{`abc"`, `a\\\"b"c`, `\x"`, "a\r\n\"", `"`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		conn := wire.NewConn(&feed{text: text})
		var q quoted
		q.begin(conn)
		content, raw, err := drainSource(&q)
		if err != nil {
			return
		}
		require.True(t, strings.HasPrefix(text, raw))
		inner, ok := strings.CutSuffix(raw, `"`)
		require.True(t, ok)
		require.Equal(t, strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(inner), content)
		require.False(t, wire.OpenQuote([]byte(`"`+raw)))
	})
}

// FuzzSession: whatever a server says and a client asks, the test file arrives at
// neither side as a content, and the session ends without a trace.
func FuzzSession(f *testing.F) {
	eicar := string(samples.EICAR())
	mask := strings.NewReplacer("{eicar}", eicar)
	for _, seed := range [][2]string{
		{"a FETCH 1 BODY[]\r\n", "* OK [CAPABILITY LITERAL+] x\r\n* 1 FETCH (BODY[] {68}\r\n{eicar})\r\na OK\r\n"},
		{"a APPEND INBOX {68+}\r\n{eicar}\r\nb NOOP\r\n", "* OK [CAPABILITY LITERAL+] x\r\nb OK\r\n"},
		{"a APPEND INBOX {2}\r\nab\r\n", "* OK [CAPABILITY LITERAL+] x\r\n+\r\na OK\r\n"},
		{"a APPEND INBOX {2+}\r\nab {68+}\r\n{eicar}\r\n", "* OK [CAPABILITY LITERAL+] x\r\n+\r\na NO\r\n"},
		{"a IDLE\r\nDONE\r\nb LOGOUT\r\n", "* OK [CAPABILITY LITERAL+] x\r\n+\r\na OK\r\n* BYE\r\nb OK\r\n"},
		{"a AUTHENTICATE X\r\n*\r\n", "* PREAUTH [CAPABILITY STARTTLS] x\r\n+\r\na BAD\r\n"},
		{"a LOGIN {1}\r\na {1+}\r\nb\r\n", "* OK [CAPABILITY LITERAL+] x\r\n+\r\na OK\r\n"},
		{"a STARTTLS\r\nb CAPABILITY\r\n", "* BYE\r\n"}, {"\r\n", "* OK [CAPABILITY LITERAL+] x\r\n"}, {"", ""},
		{"a NOOP\r\n", "* OK [CAPABILITY LITERAL+] x\r\n* LIST () \"/\" {2}\r\nab\r\n* 1 FETCH (ENVELOPE (\"\\\"\" NIL) BODY[1] \"x\\\\\" X {0}\r\n)\r\na OK\r\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, client, server string) {
		client, server = mask.Replace(client), mask.Replace(server)
		rig := transcript.NewRig(t, protocols.IMAP, new(Driver), "")
		c, s := rig.Dial(), rig.Accept()
		drained := make(chan []byte)
		go func() {
			_, _ = io.WriteString(s, server) // the proxy may have ended the session
			_ = s.CloseWrite()
			up, _ := io.ReadAll(s)
			drained <- up
		}()
		_, _ = io.WriteString(c, client)
		_ = c.CloseWrite()
		down, _ := io.ReadAll(c) // it may be a reset
		up := <-drained
		// With more literals one could be inside the other, where it is none.
		if strings.Count(server, "{") == 1 {
			require.NotContains(t, string(down), "* 1 FETCH (BODY[] {68}\r\n"+eicar)
		}
		if strings.Count(client, "{") == 1 {
			require.NotContains(t, string(up), "a APPEND INBOX {68+}\r\n"+eicar)
		}
	})
}
