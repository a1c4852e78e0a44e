package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/proxy"
)

// Set is a folder of transcripts and what they are played against.
type Set struct {
	Folder   string
	Protocol protocols.Protocol
	Driver   func() proxy.Driver // for each transcript a new one
	Config   string              // of all of them, below their own
	Steps    map[string]Step     // the driver's own, by name
}

// Step takes a step that only one driver needs: client is the client's end, and text
// what stands in the step with the words in braces put together, its lines as they are.
type Step func(t testing.TB, client *net.TCPConn, text string)

// PlayAll plays the transcripts in a folder, each against a driver of its own.
func PlayAll(t *testing.T, folder string, p protocols.Protocol, driver func() proxy.Driver) {
	Set{Folder: folder, Protocol: p, Driver: driver}.Play(t)
}

// Play plays all transcripts of the set.
func (s Set) Play(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(s.Folder, "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			s.play(t, txtar.Parse(raw))
		})
	}
}

// player takes the steps of one transcript.
type player struct {
	*Rig
	steps  map[string]Step
	door   string // where the client dials
	client *net.TCPConn
	server *net.TCPConn // the connection the steps mean; nil: not accepted yet
	old    []*net.TCPConn
	absent bool          // nobody listens at the origin
	ended  bool          // the client has seen the end
	closed bool          // the client's own direction is ended
	jump   time.Duration // how far the clock moves on at the next step

	clientData, serverData dataEnd
}

func (s Set) play(t *testing.T, a *txtar.Archive) {
	more, steps := s.Config, a.Files
	if len(steps) > 0 && steps[0].Name == "config" {
		more, steps = more+string(steps[0].Data), steps[1:]
	}
	p := &player{Rig: NewRig(t, s.Protocol, s.Driver(), more), steps: s.Steps, door: vip}
	if len(steps) > 0 && steps[0].Name == "client dials" {
		p.door, steps = strings.TrimSpace(string(steps[0].Data)), steps[1:]
	}
	if len(steps) > 0 && steps[0].Name == "server leaves" {
		p.absent, steps = true, steps[1:]
		p.Origin.Close()
	}
	p.client = p.DialAt(p.door)
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
	case "client", "client slowly":
		p.write(p.client, p.bytes(data), name == "client slowly")
	case "server", "server slowly":
		p.write(p.origins(), p.bytes(data), name == "server slowly")
	case "server gets":
		p.receives(p.origins(), p.bytes(data), "the server")
	case "server gets a part":
		p.getsPart(p.bytes(data))
	case "client gets":
		p.receives(p.client, p.bytes(data), "the client")
	case "client closes":
		p.closed = true
		require.NoError(p.t, p.client.CloseWrite())
	case "client resets":
		p.ended = true
		p.reset(p.client)
	case "client next":
		p.client.Close()
		p.client, p.ended, p.closed = p.DialAt(p.door), false, false
	case "client ends":
		p.over(p.client, strings.TrimSpace(data), "the client")
		p.ended = true
	case "server closes":
		require.NoError(p.t, p.origins().Close())
	case "server resets":
		p.reset(p.origins())
	case "server next":
		p.old, p.server = append(p.old, p.origins()), nil
	case "server ends":
		p.over(p.origins(), strings.TrimSpace(data), "the server")
		p.server.Close()
	default:
		if !p.dataStep(name, data) {
			p.look(name, data)
		}
	}
}

// look takes the steps at which nothing moves on the wire.
func (p *player) look(name, data string) {
	p.t.Helper()
	switch name {
	case "clock":
		d, err := time.ParseDuration(strings.TrimSpace(data))
		require.NoError(p.t, err)
		p.jump = d
	case "counters":
		p.counters(data)
	case "session":
		p.logLine(data)
	default:
		own := p.steps[name]
		require.NotNil(p.t, own, "unknown step %q", name)
		own(p.t, p.client, p.words(data))
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

// origins is the origin's end of the connection.
func (p *player) origins() *net.TCPConn {
	if p.server == nil {
		p.server = p.Accept()
	}
	return p.server
}

func (p *player) write(c *net.TCPConn, b []byte, slowly bool) {
	p.t.Helper()
	size := len(b)
	if slowly {
		require.NoError(p.t, c.SetNoDelay(true))
		size = 1
	}
	for len(b) > 0 {
		n, err := c.Write(b[:size])
		require.NoError(p.t, err)
		b = b[n:]
	}
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

// getsPart reads to the end of the origin's connection. The proxy may have reset
// it, so an error says nothing.
func (p *player) getsPart(of []byte) {
	p.t.Helper()
	got, _ := io.ReadAll(p.origins())
	require.True(p.t, bytes.HasPrefix(of, got), "the server got something else: %s", brief(got))
	p.server.Close()
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
		p.Eventually(func() bool { return strings.Contains(p.counterText(), "\n"+want+"\n") }, "counter "+want)
	}
}

// counterText is the protocol's blocks, blanks collapsed, its accounting, and the
// leak ledger.
func (p *player) counterText() string {
	report := p.Engine.Report()
	var b strings.Builder
	b.WriteString("\n")
	require.NoError(p.t, report.ProtocolLevel4(&b, p.protocol))
	for _, l := range report.Accounting[p.protocol].Lines {
		fmt.Fprintf(&b, "%s=%d\n", l.Label, l.Value)
	}
	for reason, l := range report.Ledger[p.protocol].Leaks {
		fmt.Fprintf(&b, "leaked: %s %d sessions %d bytes\n", stats.LeakReason(reason), l.Sessions, l.Bytes)
	}
	return blanks.ReplaceAllString(b.String(), " ")
}

var blanks = regexp.MustCompile(` +`)

func (p *player) logLine(data string) {
	p.t.Helper()
	p.Eventually(func() bool { return p.Logs.FilterMessage("session").Len() > 0 }, "the session's log line")
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
	p.noData()
	if !p.absent {
		p.NobodyConnected()
	}
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
