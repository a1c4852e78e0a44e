package pop3proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// FuzzLines: no line breaks the parsers, and what they let through can be read in
// one way only.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"RETR 1\r\n", "AUTH PLAIN\r\n", "+OK\r\n", "-ERR x\r\n", "+ \r\n", "STLS\n", "\r\n", "LIST \r\n", "a\rb\r\n", "\x00\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		} else {
			line = append(line, '\n')
		}
		_, err := parseCommand(line)
		_, serr := parseStatus(line, true)
		text, proper := bytes.CutSuffix(line, []byte("\r\n"))
		if !proper || bytes.ContainsAny(text, "\r\x00") {
			require.Error(t, err)
			require.Error(t, serr)
			return
		}
		require.NoError(t, err)
		if serr == nil {
			require.Contains(t, "+-", string(text[:1]))
		}
		opaque(line)
	})
}

// FuzzSession: whatever a server says and a client asks, the test file does not
// arrive, and the session ends without a trace.
func FuzzSession(f *testing.F) {
	eicar := string(samples.EICAR())
	mask := strings.NewReplacer("{eicar}", eicar)
	for _, seed := range [][2]string{
		{"RETR 1\r\n", "+OK\r\n+OK\r\n\r\n{eicar}\r\n.\r\n"},
		{"RETR 1\r\nTOP 1 1\r\nQUIT\r\n", "+OK\r\n+OK\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{eicar}\r\n--b--\r\n.\r\n-ERR\r\n+OK\r\n"},
		{"CAPA\r\nSTLS\r\nAUTH PLAIN\r\n*\r\n", "+OK\r\n+OK\r\nSTLS\r\n.\r\n+ \r\n-ERR\r\n"},
		{"LIST\r\nUIDL 1\r\nXX\r\n", "+OK\r\n+OK\r\n1 1\r\n.\r\n+OK\r\n-ERR\r\n"},
		{"NOOP\r\n", "-ERR\r\n"}, {"\r\n", "+OK\r\n"}, {"RETR 1\n", "+OK\r\n"}, {"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, client, server string) {
		server = mask.Replace(server)
		rig := transcript.NewRig(t, protocols.POP3, new(Driver), "")
		c, s := rig.Dial(), rig.Accept()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = io.WriteString(s, server) // the proxy may have ended the session
			_ = s.CloseWrite()
			_, _ = io.Copy(io.Discard, s)
		}()
		_, _ = io.WriteString(c, client)
		_ = c.CloseWrite()
		got, _ := io.ReadAll(c) // it may be a reset
		<-drained
		if asksForMail(client) {
			require.NotContains(t, string(got), "\n"+eicar)
		}
	})
}

// asksForMail tells that the client's lines are fetches and nothing else, so that
// what comes down is mails and lines that begin with +OK or -ERR.
func asksForMail(client string) bool {
	for line := range strings.Lines(client) {
		if c, err := parseCommand([]byte(line)); err != nil || c.kind != message {
			return false
		}
	}
	return client != ""
}
