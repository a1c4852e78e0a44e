package smtpproxy

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/protocols"
)

// The transcripts in testdata/smtp are dialogues as they stand on the wire. The
// files of an archive are steps, taken in their order:
//
//	config          configuration on top of the test's, first of all
//	client          the client sends this
//	server gets     the origin has received exactly this since the last step
//	server gets a part  the origin has received the beginning of this, or nothing,
//	                and then the end of the connection
//	server          the origin sends this
//	client gets     the client has received exactly this since the last step
//	client closes   the client ends its direction; "client resets" resets
//	server closes   the origin ends its connection; "server resets" resets
//	server ends     the proxy has ended its connection to the origin, sending
//	                nothing more
//	client ends     the proxy has ended the client's connection, sending nothing
//	                more; "reset" when it was reset
//	server is away  the origin stops to listen, before the client connects
//	clock           the engine's clock moves on by a Go duration, if need be more
//	                than once, until the following step is done
//	counters        lines of SMTP Stat, words of SMTP Accounting, lines of the leak ledger
//	session         words of the session's log line: field value
//
// At the end the client closes, and both sides must have received all that steps
// named and nothing else: what a step does not show, the server never sees.
//
// "hello" stands for the greeting and EHLO with the usual offers, "mail" for MAIL
// and RCPT, both with their answers, and "data" for DATA and its 354.
//
// Lines end with CR LF; a backslash at the end of a line leaves that out, and
// \r \n \t \xHH \\ stand for bytes. {eicar}, {base64 eicar}, {zip eicar} and their
// like are made when the test runs, {x*1000} repeats, {len eicar} is a length, and
// {rest} is the length of what follows the line it stands in.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/smtp/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			play(t, txtar.Parse(raw))
		})
	}
}

// player takes the steps of one transcript.
type player struct {
	*rig
	client *net.TCPConn
	server *net.TCPConn  // nil: not accepted yet
	ended  bool          // the client has seen the end
	closed bool          // the client's own direction is ended
	away   bool          // nobody listens at the origin
	jump   time.Duration // how far the clock moves on at the next step
}

func play(t *testing.T, a *txtar.Archive) {
	more, steps := "", a.Files
	if len(steps) > 0 && steps[0].Name == "config" {
		more, steps = string(steps[0].Data), steps[1:]
	}
	p := &player{rig: newRig(t, more)}
	if steps[0].Name == "server is away" {
		p.away, steps = true, steps[1:]
		require.NoError(t, p.origin.Close())
	}
	p.client = p.dial()
	for i, step := range steps {
		t.Logf("step %d: %s", i+1, step.Name)
		stop := p.tick()
		p.step(step.Name, string(step.Data))
		stop()
	}
	p.end()
}

func (p *player) step(name, data string) {
	p.t.Helper()
	if steps, ok := shorthands[name]; ok {
		for _, s := range txtar.Parse([]byte(steps)).Files {
			p.step(s.Name, string(s.Data))
		}
		return
	}
	switch name {
	case "client":
		p.write(p.client, p.bytes(data))
	case "server gets":
		p.receives(p.origins(), p.bytes(data), "the server")
	case "server gets a part":
		p.getsPart(p.bytes(data))
	case "server":
		p.write(p.origins(), p.bytes(data))
	case "client gets":
		p.receives(p.client, p.bytes(data), "the client")
	case "client closes":
		p.closed = true
		require.NoError(p.t, p.client.CloseWrite())
	case "client resets":
		p.ended = true
		p.reset(p.client)
	case "server closes":
		require.NoError(p.t, p.origins().Close())
	case "server resets":
		p.reset(p.origins())
	case "server ends":
		p.over(p.origins(), "", "the server")
		p.server.Close()
	case "client ends":
		p.over(p.client, strings.TrimSpace(data), "the client")
		p.ended = true
	case "clock":
		d, err := time.ParseDuration(strings.TrimSpace(data))
		require.NoError(p.t, err)
		p.jump = d
	case "counters":
		p.counters(data)
	case "session":
		p.logLine(data)
	default:
		require.Fail(p.t, "unknown step", name)
	}
}

// shorthands are the steps that most transcripts begin with.
var shorthands = map[string]string{
	"hello": `-- server --
220 mx.lab.test ready
-- client gets --
220 mx.lab.test ready
-- client --
EHLO client.test
-- server gets --
EHLO client.test
-- server --
250-mx.lab.test
250-PIPELINING
250-CHUNKING
250 SIZE 1000000
-- client gets --
250-mx.lab.test
250-PIPELINING
250-CHUNKING
250 SIZE 1000000
`,
	"mail": `-- client --
MAIL FROM:<a@client.test>
-- server gets --
MAIL FROM:<a@client.test>
-- server --
250 2.1.0 sender ok
-- client gets --
250 2.1.0 sender ok
-- client --
RCPT TO:<alice@lab.test>
-- server gets --
RCPT TO:<alice@lab.test>
-- server --
250 2.1.5 recipient ok
-- client gets --
250 2.1.5 recipient ok
`,
	"data": `-- client --
DATA
-- server gets --
DATA
-- server --
354 go ahead
-- client gets --
354 go ahead
`,
}

// tick moves the clock on while the step behind "clock" is taken: again and again,
// because nothing shows when the proxy has begun to wait.
func (p *player) tick() (stop func()) {
	if p.jump == 0 {
		return func() {}
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func(d time.Duration) {
		defer close(stopped)
		for ticker := time.NewTicker(300 * time.Millisecond); ; {
			p.clock.Add(int64(d))
			select {
			case <-done:
				ticker.Stop()
				return
			case <-ticker.C:
			}
		}
	}(p.jump)
	p.jump = 0
	return func() { close(done); <-stopped }
}

// origins is the origin's end of the connection.
func (p *player) origins() *net.TCPConn {
	if p.server == nil {
		p.server = p.accept()
	}
	return p.server
}

func (p *player) write(c *net.TCPConn, b []byte) {
	p.t.Helper()
	_, err := c.Write(b)
	require.NoError(p.t, err)
}

func (p *player) receives(from io.Reader, want []byte, who string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(from, got)
	if err != nil || !bytes.Equal(want, got) {
		require.Equal(p.t, brief(want), brief(got[:n]), "%s got something else (%v)", who, err)
		require.Fail(p.t, "bytes differ in the middle", who)
	}
}

// getsPart reads to the end of the origin's connection.
func (p *player) getsPart(of []byte) {
	p.t.Helper()
	got, _ := io.ReadAll(p.origins()) // the proxy may have reset the connection
	require.True(p.t, bytes.HasPrefix(of, got), "the server got something else: %s", brief(got))
}

// brief makes long content comparable by eye.
func brief(b []byte) string {
	if len(b) > 4096 {
		return fmt.Sprintf("%s... %d bytes ...%s", b[:2048], len(b), b[len(b)-1024:])
	}
	return string(b)
}

// over reads to the end and wants nothing on the way.
func (p *player) over(from io.Reader, how, who string) {
	p.t.Helper()
	rest, err := io.ReadAll(from)
	require.Empty(p.t, brief(rest), "%s got more than the transcript shows", who)
	if how == "reset" {
		require.ErrorIs(p.t, err, syscall.ECONNRESET)
		return
	}
	require.NoError(p.t, err, "the end of %s", who)
}

func (p *player) reset(c *net.TCPConn) {
	require.NoError(p.t, c.SetLinger(0))
	require.NoError(p.t, c.Close())
}

func (p *player) counters(data string) {
	p.t.Helper()
	for _, want := range strings.Split(strings.TrimSpace(data), "\n") {
		if !strings.Contains(want, "=") {
			want = "\n" + want + "\n"
		}
		p.eventually(func() bool { return strings.Contains(p.counterText(), want) }, "counter "+want)
	}
}

// counterText is everything that is counted, blanks collapsed.
func (p *player) counterText() string {
	report := p.engine.Report()
	var b strings.Builder
	require.NoError(p.t, report.Level4(&b))
	text := blanks.ReplaceAllString(b.String(), " ")
	_, accounting, _ := strings.Cut(text, "SMTP Accounting\n")
	stat, _, _ := strings.Cut(text, "\nWorker Accounting")
	accounting, _, _ = strings.Cut(accounting, "\n\n")
	_, stat, _ = strings.Cut(stat, "\nSMTP Stat\n")
	stat, _, _ = strings.Cut(stat, "\n\n")
	text = stat + "\n" + accounting + "\n"
	for reason, l := range report.Ledger[protocols.SMTP].Leaks {
		text += fmt.Sprintf("leaked: %s %d sessions %d bytes\n", stats.LeakReason(reason), l.Sessions, l.Bytes)
	}
	return "\n" + text
}

var blanks = regexp.MustCompile(` +`)

func (p *player) logLine(data string) {
	p.t.Helper()
	p.eventually(func() bool { return len(p.logs.FilterMessage("session").All()) > 0 }, "the session's log line")
	for _, line := range strings.Split(strings.TrimSpace(data), "\n") {
		field, want, _ := strings.Cut(line, " ")
		require.Equal(p.t, want, p.session(field), "%s of the session", field)
	}
}

// end closes the client and looks for what no step has named.
func (p *player) end() {
	p.t.Helper()
	if !p.ended {
		if !p.closed {
			require.NoError(p.t, p.client.CloseWrite())
		}
		p.over(p.client, "", "the client")
	}
	p.client.Close()
	if p.away {
		return
	}
	p.nobodyConnected()
	if p.server == nil {
		return
	}
	rest, err := io.ReadAll(p.server)
	require.Empty(p.t, brief(rest), "the server got more than the transcript shows")
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
		require.NoError(p.t, err)
	}
}

// bytes puts the text of a step into bytes.
func (p *player) bytes(text string) []byte {
	var b bytes.Buffer
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		open := strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`)
		line = escapes.ReplaceAllStringFunc(strings.TrimSuffix(line, `\`), unescapeStep)
		b.WriteString(macros.ReplaceAllStringFunc(line, p.macro))
		if !open {
			b.WriteString("\r\n")
		}
	}
	if text == "" {
		return nil
	}
	for {
		head, tail, ok := bytes.Cut(b.Bytes(), []byte("{rest}"))
		if !ok {
			return b.Bytes()
		}
		_, rest, _ := bytes.Cut(tail, []byte("\r\n"))
		all := append(strconv.AppendInt(bytes.Clone(head), int64(len(rest)), 10), tail...)
		b = *bytes.NewBuffer(all)
	}
}

var (
	escapes = regexp.MustCompile(`\\(r|n|t|\\|x[0-9a-fA-F]{2})`)
	macros  = regexp.MustCompile(`\{[^{}]+\}`)
)

func unescapeStep(e string) string {
	s, _, _, err := strconv.UnquoteChar(e, 0)
	if err != nil {
		return e
	}
	if s > 0x7f {
		return string([]byte{byte(s)})
	}
	return string(s)
}

func (p *player) macro(m string) string {
	m = m[1 : len(m)-1]
	if of, ok := strings.CutPrefix(m, "len "); ok {
		return strconv.Itoa(len(p.macro("{" + of + "}")))
	}
	if what, times, ok := strings.Cut(m, "*"); ok {
		n, err := strconv.Atoi(times)
		require.NoError(p.t, err)
		return strings.Repeat(what, n)
	}
	if coding, of, ok := strings.Cut(m, " "); ok && coding != "eicar" {
		content := strings.Trim(p.macro("{"+of+"}"), "{}")
		switch coding {
		case "base64":
			return wrapped(base64.StdEncoding.EncodeToString([]byte(content)))
		case "qp":
			return quoted(content)
		case "uu":
			return uuencoded(content)
		case "zip":
			return zipped(p.t, "eicar.com", content)
		}
	}
	switch m {
	case "eicar head":
		return eicar()[:3]
	case "eicar tail":
		return eicar()[3:]
	case "eicar":
		return eicar()
	case "origin":
		return p.origin.Addr().String()
	}
	return "{" + m + "}"
}

// wrapped is text in lines of 76.
func wrapped(s string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return b.String() + s
}

// quoted is quoted-printable with every other character coded.
func quoted(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch {
		case i%20 == 19:
			fmt.Fprintf(&b, "=%02X=\r\n", s[i])
		case i%2 == 0 || s[i] == '=':
			fmt.Fprintf(&b, "=%02X", s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// uuencoded is a uuencode block.
func uuencoded(s string) string {
	b := "begin 644 eicar.com\r\n"
	for len(s) > 0 {
		line := s[:min(45, len(s))]
		s = s[len(line):]
		b += string(rune(32 + len(line)))
		for ; len(line) > 0; line = line[min(3, len(line)):] {
			group := append([]byte(line[:min(3, len(line))]), 0, 0)
			for _, v := range []byte{group[0] >> 2, group[0]<<4 | group[1]>>4, group[1]<<2 | group[2]>>6, group[2]} {
				b += uuChar(v & 63)
			}
		}
		b += "\r\n"
	}
	return b + "`\r\nend"
}

func uuChar(v byte) string {
	if v == 0 {
		return "`"
	}
	return string(rune(32 + v))
}

// eicar is the test file, put together when it is needed.
func eicar() string {
	return strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$`, "EICAR-", "STANDARD-", "ANTIVIRUS-", "TEST-FILE", "!$H+H*"}, "")
}

func zipped(t testing.TB, name, s string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	require.NoError(t, err)
	_, err = f.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
