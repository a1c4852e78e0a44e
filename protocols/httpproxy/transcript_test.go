package httpproxy

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

// The transcripts in testdata/http are dialogues as they stand on the wire. The
// files of an archive are steps, taken in their order:
//
//	config          configuration on top of the test's, first of all
//	client          the client sends this
//	server gets     the origin has received exactly this since the last step
//	server          the origin sends this
//	client gets     the client has received exactly this since the last step
//	client page     the client has received a page of the proxy: its status, and
//	                words that stand in it, one a line; "close" and "keep" mean
//	                its Connection
//	client next     the client opens another connection for what follows
//	client floods   the client sends until nobody takes it any more
//	client closes   the client ends its direction; "client resets" resets
//	server closes   the origin ends its connection; "server resets" resets
//	server next     the origin expects another connection for what follows
//	server ends     the proxy has ended its connection to the origin, sending
//	                nothing more
//	client ends     the proxy has ended the client's connection, sending nothing
//	                more; "reset" when it was reset
//	clock           the engine's clock moves on by a Go duration, if need be more
//	                than once, until the following step is done
//	counters        lines of the counters, blanks collapsed, and of the leak ledger
//	session         words of the session's log line: field value
//
// At the end the client closes, and both sides must have received all that steps
// named and nothing else: what a step does not show, the server never sees.
//
// Lines end with CR LF; a backslash at the end of a line leaves that out, and
// \r \n \t \xHH \\ stand for bytes. {eicar}, {gzip eicar}, {zip eicar} are made
// when the test runs, {x*1000} repeats, {len eicar}, {hex eicar} and their like are
// lengths, {rest} is the length of what follows the first empty line of the step,
// {origin} and {port} are the origin's address and port.
//
// The comment of an archive says what it shows; a first line "forward" sends the
// client to the forward proxy.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/http/*.txtar")
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
	client  *net.TCPConn
	reader  *bufio.Reader // of the client
	server  *net.TCPConn  // the connection the steps mean; nil: not accepted yet
	old     []*net.TCPConn
	forward bool          // the client speaks to the forward proxy
	ended   bool          // the client has seen the end
	closed  bool          // the client's own direction is ended
	jump    time.Duration // how far the clock moves on at the next step
	methods []string
}

func play(t *testing.T, a *txtar.Archive) {
	more, steps := "", a.Files
	if len(steps) > 0 && steps[0].Name == "config" {
		more, steps = string(steps[0].Data), steps[1:]
	}
	p := &player{rig: newRig(t, more)}
	p.forward = strings.HasPrefix(string(a.Comment), "forward\n")
	p.client = p.dial(p.forward)
	p.reader = bufio.NewReader(p.client)
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
	switch name {
	case "client":
		p.note(data)
		p.write(p.client, p.bytes(data))
	case "server gets":
		p.receives(p.origins(), p.bytes(data), "the server")
	case "server":
		p.write(p.origins(), p.bytes(data))
	case "client gets":
		p.receives(p.reader, p.bytes(data), "the client")
	case "client page":
		p.page(data)
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
	case "server next":
		p.old, p.server = append(p.old, p.origins()), nil
	case "server ends":
		p.over(p.origins(), "", "the server")
		p.server.Close()
	case "client ends":
		p.over(p.reader, strings.TrimSpace(data), "the client")
		p.ended = true
	case "client next":
		p.client.Close()
		p.client = p.dial(p.forward)
		p.reader, p.ended, p.closed = bufio.NewReader(p.client), false, false
	case "client floods":
		p.flood()
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

// flood sends until the buffers on the way are full, which shows by a write that
// does not come to its end in a while.
func (p *player) flood() {
	p.t.Helper()
	chunk := make([]byte, 1<<20)
	for {
		require.NoError(p.t, p.client.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		if _, err := p.client.Write(chunk); err != nil {
			require.ErrorIs(p.t, err, os.ErrDeadlineExceeded)
			return
		}
	}
}

// note remembers the methods of what the client asks, because a page in reply to
// HEAD has no body.
func (p *player) note(data string) {
	for _, line := range strings.Split(data, "\n") {
		if m := methodLine.FindStringSubmatch(line); m != nil {
			p.methods = append(p.methods, m[1])
		}
	}
}

var methodLine = regexp.MustCompile(`^([A-Z]+) \S+ HTTP/`)

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

func (p *player) page(data string) {
	p.t.Helper()
	method := "GET"
	if len(p.methods) > 0 {
		method, p.methods = p.methods[0], p.methods[1:]
	}
	var seen bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(&recorder{r: p.reader, seen: &seen}), &http.Request{Method: method})
	require.NoError(p.t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	text := seen.String()
	for i, line := range strings.Split(strings.TrimSpace(data), "\n") {
		switch {
		case i == 0:
			require.Equal(p.t, line, strconv.Itoa(resp.StatusCode), "%s", body)
		case line == "close":
			require.True(p.t, resp.Close, "Connection: close")
		case line == "keep":
			require.False(p.t, resp.Close, "the connection goes on")
		case line == "empty":
			require.Empty(p.t, string(body))
		case line != "":
			require.Contains(p.t, text, macros.ReplaceAllStringFunc(line, p.macro))
		}
	}
}

// recorder hands a reader on byte by byte, so that nothing behind a message is
// taken, and keeps what went through.
type recorder struct {
	r    io.ByteReader
	seen *bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := r.r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	r.seen.WriteByte(b)
	return 1, nil
}

func (p *player) counters(data string) {
	p.t.Helper()
	for _, want := range strings.Split(strings.TrimSpace(data), "\n") {
		p.eventually(func() bool { return strings.Contains(p.counterText(), "\n"+want+"\n") }, "counter "+want)
	}
}

// counterText is everything that is counted, blanks collapsed.
func (p *player) counterText() string {
	report := p.engine.Report()
	var b strings.Builder
	require.NoError(p.t, report.Level4(&b))
	text := blanks.ReplaceAllString(b.String(), " ")
	for reason, l := range report.Ledger[protocols.HTTP].Leaks {
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
		p.over(p.reader, "", "the client")
	}
	p.client.Close()
	p.nobodyConnected()
	for _, c := range append(p.old, p.server) {
		if c == nil {
			continue
		}
		rest, err := io.ReadAll(c)
		require.Empty(p.t, brief(rest), "the server got more than the transcript shows")
		if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
			require.NoError(p.t, err)
		}
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
	head, body, _ := bytes.Cut(b.Bytes(), []byte("\r\n\r\n"))
	if bytes.Contains(head, []byte("{rest}")) {
		return bytes.ReplaceAll(b.Bytes(), []byte("{rest}"), strconv.AppendInt(nil, int64(len(body)), 10))
	}
	return b.Bytes()
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
	if of, ok := strings.CutPrefix(m, "hex "); ok {
		return strconv.FormatInt(int64(len(p.macro("{"+of+"}"))), 16)
	}
	if what, times, ok := strings.Cut(m, "*"); ok {
		n, err := strconv.Atoi(times)
		require.NoError(p.t, err)
		return strings.Repeat(what, n)
	}
	switch m {
	case "eicar":
		return eicar()
	case "eicar tail":
		return eicar()[3:]
	case "eicar form":
		return "--sep\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
			"--sep\r\nContent-Disposition: form-data; name=\"f\"; filename=\"eicar.com\"\r\n\r\n" + eicar() + "\r\n--sep--\r\n"
	case "gzip eicar":
		return gzipped(eicar())
	case "gzip clean":
		return gzipped("nothing to see")
	case "zip eicar":
		return zipped(p.t, "eicar.com", eicar())
	case "origin":
		return p.origin.Addr().String()
	case "port":
		return strconv.Itoa(p.port())
	}
	return "{" + m + "}"
}

// eicar is the test file, put together when it is needed.
func eicar() string {
	return strings.Join([]string{`X5O!P%@AP[4\PZX54(P^)7CC)7}$`, "EICAR-", "STANDARD-", "ANTIVIRUS-", "TEST-FILE", "!$H+H*"}, "")
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
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
