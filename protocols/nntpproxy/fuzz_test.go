package nntpproxy

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
	for _, seed := range []string{
		"ARTICLE 1\r\n", "TAKETHIS <a@b>\r\n", "200 x\r\n", "MODE STREAM\r\n", "AUTHINFO GENERIC\r\n", "\r\n", " POST\r\n", "a\rb\r\n", "\x00\r\n", "STARTTLS\n", "400\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		} else {
			line = append(line, '\n')
		}
		v, err := parseCommand(line)
		code, serr := parseStatus(line)
		offersOpaque(line)
		text, proper := bytes.CutSuffix(line, []byte("\r\n"))
		if !proper || bytes.ContainsAny(text, "\r\x00") {
			require.Error(t, err)
			require.Error(t, serr)
			return
		}
		if serr == nil {
			require.Equal(t, string(text[:3]), string([]byte{'0' + byte(code/100), '0' + byte(code/10%10), '0' + byte(code%10)}))
		}
		if err != nil {
			require.Equal(t, faultName, err)
			return
		}
		words := strings.Fields(string(text))
		if want := verbs[strings.ToUpper(words[0])]; v != verbStream && v != verbRefused {
			require.Equal(t, want, v, "the server that splits at blanks sees the same command")
		}
		if id := takeThisID(line); v == verbTakeThis && id != nil {
			require.Equal(t, words[1], string(id))
			require.Len(t, words, 2)
			require.LessOrEqual(t, len(line), maxTakeThis)
		}
	})
}

// FuzzSession: whatever a server says and a client asks, the test file does not
// arrive on either side, and the session ends without a trace.
func FuzzSession(f *testing.F) {
	eicar := string(samples.EICAR())
	mask := strings.NewReplacer("{eicar}", eicar)
	for _, seed := range [][2]string{
		{"ARTICLE 1\r\n", "200\r\n220 1\r\n\r\n{eicar}\r\n.\r\n"},
		{"BODY 1\r\nSTAT\r\nQUIT\r\n", "200\r\n222 1\r\n{eicar}\r\n.\r\n223 x\r\n205 x\r\n"},
		{"CAPABILITIES\r\nSTARTTLS\r\nAUTHINFO SASL PLAIN\r\n*\r\n", "200\r\n101\r\nSTARTTLS\r\n.\r\n383 =\r\n481 x\r\n"},
		{"POST\r\n\r\n{eicar}\r\n.\r\nDATE\r\n", "200\r\n340\r\n240\r\n111 x\r\n"},
		{"MODE STREAM\r\nTAKETHIS <a@b>\r\n\r\n{eicar}\r\n.\r\nTAKETHIS <b@b>\r\n\r\nx\r\n.\r\n", "200\r\n203\r\n239 <a@b>\r\n"},
		{"TAKETHIS x\r\n.\r\nIHAVE <a@b>\r\n\r\nx\n.\n.\r\n", "200\r\n335\r\n437\r\n"},
		{"XFOO\r\nLIST\r\n", "200\r\n299\r\n{eicar}\r\n.\r\n215\r\n.\r\n"},
		{"DATE\r\n", "502\r\n"}, {"\r\n", "200\r\n"}, {"ARTICLE 1\n", "201\r\n"}, {"", "400\r\n"}, {"", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, client, server string) {
		client, server = mask.Replace(client), mask.Replace(server)
		rig := transcript.NewRig(t, protocols.NNTP, new(Driver), "")
		c, s := rig.Dial(), rig.Accept()
		up := make(chan string, 1)
		go func() {
			_, _ = io.WriteString(s, server) // the proxy may have ended the session
			_ = s.CloseWrite()
			got, _ := io.ReadAll(s)
			up <- string(got)
		}()
		_, _ = io.WriteString(c, client)
		_ = c.CloseWrite()
		down, _ := io.ReadAll(c) // it may be a reset
		if asksForArticles(client) {
			require.NotContains(t, string(down), "\n"+eicar)
		}
		// A line of commands may be anything; an article that has its end has been judged.
		if got := <-up; strings.HasPrefix(client, "TAKETHIS <") {
			require.NotContains(t, got, "\n"+eicar+"\r\n.\r\n")
		}
	})
}

// asksForArticles tells that the client's lines fetch articles and nothing else, so
// that what comes down is articles and lines that begin with a code.
func asksForArticles(client string) bool {
	for line := range strings.Lines(client) {
		name, _, _ := strings.Cut(strings.ToUpper(strings.TrimRight(line, "\r\n")), " ")
		if v, err := parseCommand([]byte(line)); err != nil || v != verbSingle || name != "ARTICLE" && name != "BODY" {
			return false
		}
	}
	return client != ""
}
