package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/scanner"
)

// lineDriver speaks a protocol made for these tests. The client sends a line;
// the server answers with a decimal length on a line of its own and as many
// bytes, which are inspected. "tunnel" turns the session into a tunnel, "panic"
// panics, "busy" opens a transaction and "done" ends it.
type lineDriver struct{}

func (lineDriver) Open(context.Context, *Session) error { return nil }

// ClientSpeaksFirst makes an idle client rest without having run.
func (lineDriver) ClientSpeaksFirst() {}

func (lineDriver) Farewell(error) []byte { return []byte("SORRY\n") }

func (lineDriver) Exchange(ctx context.Context, s *Session, side wire.Side) error {
	if side == wire.Server {
		return fmt.Errorf("server spoke unasked: %w", io.EOF)
	}
	raw, err := s.Client().ReadLine(1000)
	if err != nil {
		return err
	}
	line := string(raw)
	if s.Server() == nil {
		if err := s.Connect(ctx); err != nil {
			s.Client().WriteString("NOSERVER\n")
			return err
		}
	}
	switch line {
	case "panic\n":
		panic("as asked")
	case "busy\n", "done\n":
		s.Transaction(line == "busy\n")
		_, err = s.Client().WriteString("ok\n")
		return err
	case "tunnel\n":
		s.Client().WriteString("ok\n")
		s.Client().Flush()
		return ErrTunnel
	}
	s.Server().WriteString(line)
	if err := s.Server().Flush(); err != nil {
		return err
	}
	head, err := s.Server().ReadLine(100)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(head)), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return deliver(ctx, s, bytes.Clone(head), n)
}

func deliver(ctx context.Context, s *Session, head []byte, n int64) error {
	h, err := s.Inspect(ctx, &Inspection{
		Object: scanner.Object{Kind: scanner.WebResponse, Name: "object"},
		Source: &counted{c: s.Server(), left: n}, Dir: stats.Down, Head: head, To: s.Client(), Comfort: true,
	})
	if err != nil {
		return err
	}
	if n == panicLength {
		panic("with an object in hand")
	}
	if !h.Blocked() {
		return h.Release()
	}
	h.Discard()
	s.Note(h.Outcome.String())
	if h.Comforted || h.Outcome == ScanReset {
		return errors.Join(ErrReset, ErrBlocked)
	}
	s.CloseServer()
	_, err = s.Client().WriteString("BLOCKED " + h.Outcome.String() + "\n")
	return err
}

// panicLength is the length of an object at which the driver panics while it
// holds the object.
const panicLength = 66_666

// counted is a source of known length.
type counted struct {
	c    *wire.Conn
	left int64
}

func (c *counted) Left() int64      { return c.left }
func (c *counted) Conn() *wire.Conn { return c.c }
func (c *counted) Took(n int64)     { c.left -= n }
func (c *counted) Buffered() bool   { return c.left == 0 || len(c.c.Buffered()) > 0 }

func (c *counted) Next() ([]byte, bool, error) {
	if c.left == 0 {
		return nil, false, io.EOF
	}
	if len(c.c.Buffered()) == 0 {
		if err := c.c.Fill(1 << 20); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, false, err
		}
	}
	b := c.c.Buffered()
	b = b[:min(int64(len(b)), c.left)]
	c.c.Skip(len(b))
	c.left -= int64(len(b))
	return b, true, nil
}

// lineServer answers the test protocol: "get N" with N bytes, "bad" with
// something the test scanner detects, "wait" when release is closed, "slow N" with N bytes one half now and the
// other when release is closed, "die" by closing in the middle, "echo" turns into an echo.
type lineServer struct {
	t       *testing.T
	ln      net.Listener
	reached chan string
	mu      sync.Mutex // guards the fields below
	open    bool
	release chan struct{}
	wg      sync.WaitGroup
	conns   atomic.Int64
}

const badContent = "this-is-bad"

func newLineServer(t *testing.T) *lineServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &lineServer{t: t, ln: ln, release: make(chan struct{}), reached: make(chan string, 1000)}
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			s.wg.Go(func() { defer c.Close(); s.serve(c.(*net.TCPConn)) })
		}
	})
	return s
}

// let lets those that wait go on.
func (s *lineServer) let() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		s.open = true
		close(s.release)
	}
}

// hold makes those that come from now on wait again.
func (s *lineServer) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.release = false, make(chan struct{})
}

func (s *lineServer) gate() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release
}

func (s *lineServer) close() {
	s.let()
	s.ln.Close()
	s.wg.Wait()
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + i%23)
	}
	return b
}

func (s *lineServer) serve(c *net.TCPConn) {
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(arg)
		s.reached <- verb
		switch verb {
		case "get":
			fmt.Fprintf(c, "%d\n", n)
			c.Write(content(n))
		case "bad":
			fmt.Fprintf(c, "%d\n%s", len(badContent), badContent)
		case "wait":
			<-s.gate()
			fmt.Fprint(c, "2\nok")
		case "slow":
			fmt.Fprintf(c, "%d\n", n)
			c.Write(content(n)[:n/2])
			<-s.gate()
			c.Write(content(n)[n/2:])
		case "slowbad":
			fmt.Fprintf(c, "%d\n%s", len(badContent)+5, badContent)
			<-s.gate()
			c.Write([]byte("after"))
		case "die":
			fmt.Fprint(c, "100\nhalf of it")
			return
		case "close":
			fmt.Fprint(c, "3\nbye")
			return
		case "echo":
			io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{r}) // without pipes of its own
			c.CloseWrite()
			return
		}
	}
}

// stubScanner detects badContent, and does as it is told.
type stubScanner struct {
	err   atomic.Pointer[error]
	block atomic.Pointer[chan struct{}]
	panic atomic.Bool
	began chan struct{}
}

func (s *stubScanner) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	select {
	case s.began <- struct{}{}:
	default:
	}
	if s.panic.Load() {
		panic("in a scanner")
	}
	if b := s.block.Load(); b != nil {
		select {
		case <-*b:
		case <-ctx.Done():
			return scanner.Verdict{}, ctx.Err()
		}
	}
	if err := s.err.Load(); err != nil {
		return scanner.Verdict{}, *err
	}
	b := make([]byte, obj.Size)
	if _, err := obj.Body.ReadAt(b, 0); err != nil && err != io.EOF {
		return scanner.Verdict{}, err
	}
	if bytes.Contains(b, []byte(badContent)) {
		return scanner.Verdict{Class: scanner.Virus, Name: "BAD", Engine: "stub"}, nil
	}
	return scanner.Verdict{}, nil
}

// bench is an engine with a server behind it and a clock of its own.
type rig struct {
	t      testing.TB
	e      *Engine
	store  *config.Store
	server *lineServer
	scan   *stubScanner
	clock  *atomic.Int64 // added to the real clock, ns
	logs   *observer.ObservedLogs
	addr   string
	before int // goroutines
	files  []string
}

const rigConfig = `config system simulator
    set idle-threshold 0
end
config firewall vip
    edit "v"
        set extip 127.0.0.1
        set extport 9
        set mappedip 127.0.0.1
        set mappedport %d
        set portforward enable
    next
end
config firewall policy
    edit 1
        set dstaddr "v"
        set action accept
        set service "HTTP"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
end
`

// newRig starts an engine whose configuration is changed by more. The VIP is
// declared with a port that the listener does not use: see anyPort.
func newRig(t *testing.T, more string) *rig { return newRigWith(t, more, func(*Options) {}) }

// newRigWith lets the test change the options of the engine.
func newRigWith(t *testing.T, more string, change func(*Options)) *rig {
	warm, err := net.Listen("tcp", "127.0.0.1:0") // Go's poller takes its descriptors now
	require.NoError(t, err)
	warm.Close()
	r := &rig{t: t, scan: &stubScanner{began: make(chan struct{}, 100)}, clock: new(atomic.Int64), before: runtime.NumGoroutine(), files: openFiles()}
	r.server = newLineServer(t)
	r.store = config.NewStore()
	port := r.server.ln.Addr().(*net.TCPAddr).Port
	r.load(fmt.Sprintf(rigConfig, port))
	r.load(more)
	core, logs := observer.New(zapcore.DebugLevel)
	r.logs = logs
	var drivers [protocols.Count]Driver
	drivers[protocols.HTTP] = lineDriver{}
	start := time.Now()
	opts := Options{
		Log: zap.New(core), Drivers: drivers,
		NewScanner: func(*config.Engine) (scanner.Scanner, error) { return r.scan, nil },
		Now:        func() int64 { return int64(time.Since(start)) + r.clock.Load() + 1 },
		AnyPort:    true,
	}
	change(&opts)
	r.e, err = New(opts, r.store.Snapshot())
	require.NoError(t, err)
	r.store.OnCommit(func(c config.Commit) error { return r.e.Apply(c.New) })
	a, err := r.e.Addr(netip.MustParseAddrPort("127.0.0.1:9"))
	require.NoError(t, err)
	r.addr = a.String()
	t.Cleanup(r.close)
	return r
}

func (r *rig) load(text string) {
	r.t.Helper()
	_, err := r.store.Load("test", strings.NewReader(text))
	require.NoError(r.t, err)
}

// close shuts the engine down and checks that nothing is left.
func (r *rig) close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.e.Shutdown(ctx) // cuts what the test left open
	if r.t.Failed() {
		for _, l := range r.logs.All() {
			r.t.Log(l.Message, l.ContextMap())
		}
	}
	r.server.close()
	require.Equal(r.t, 0, r.e.table.Total(), "entries left")
	require.Equal(r.t, 0, r.e.Sessions(), "sessions left")
	require.Equal(r.t, 0, r.e.reg.count(), "sockets left")
	require.Zero(r.t, r.e.memory.spools.Load(), "spooled bytes left")
	require.NoError(r.t, r.e.Report().Check())
	r.eventually(func() bool { return runtime.NumGoroutine() <= r.before }, "goroutines left")
	r.eventually(func() bool { return len(openFiles()) <= len(r.files) }, "descriptors left: "+strings.Join(openFiles(), " "))
}

// eventually waits for what happens in other goroutines; it polls because there
// is nothing to wait on.
func (r *rig) eventually(cond func() bool, what string) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Minute); !cond(); <-tick.C {
		if time.Now().After(end) {
			for _, l := range r.logs.All() {
				r.t.Log(l.Message, l.ContextMap())
			}
			require.Fail(r.t, "never happened", what)
		}
	}
}

// openFiles names the open descriptors, where the system tells.
func openFiles() (names []string) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, f := range list {
		if name, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// peer is a test client.
type peer struct {
	t testing.TB
	*net.TCPConn
	r *bufio.Reader
}

func (r *rig) dial() *peer { return r.dialFrom("127.0.0.1") }

func (r *rig) dialFrom(ip string) *peer { return r.dialTo(ip, r.addr) }

func (r *rig) dialTo(ip, addr string) *peer {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	c, err := d.Dial("tcp", addr)
	require.NoError(r.t, err)
	p := &peer{t: r.t, TCPConn: c.(*net.TCPConn), r: bufio.NewReader(c)}
	r.t.Cleanup(func() { c.Close() })
	return p
}

// refused dials and expects a reset, which may come while dialing.
func (r *rig) refused() {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err == nil {
		_, err = io.ReadAll(c)
		c.Close()
	}
	require.ErrorIs(r.t, err, syscall.ECONNRESET)
}

func (p *peer) say(line string) {
	p.t.Helper()
	_, err := p.Write([]byte(line + "\n"))
	require.NoError(p.t, err)
}

func (p *peer) line() string {
	p.t.Helper()
	s, err := p.r.ReadString('\n')
	require.NoError(p.t, err)
	return strings.TrimSpace(s)
}

// get fetches n bytes and checks them.
func (p *peer) get(n int) {
	p.t.Helper()
	p.say(fmt.Sprintf("get %d", n))
	p.expect(n)
}

func (p *peer) expect(n int) {
	p.t.Helper()
	require.Equal(p.t, strconv.Itoa(n), p.line())
	b := make([]byte, n)
	_, err := io.ReadFull(p.r, b)
	require.NoError(p.t, err)
	require.True(p.t, bytes.Equal(content(n), b), "content differs")
}

// expectWaited takes the answer to "wait".
func (p *peer) expectWaited() {
	p.t.Helper()
	require.Equal(p.t, "2", p.line())
	_, err := p.r.Discard(2)
	require.NoError(p.t, err)
}

// ends reads to the end of the connection and returns how it came.
func (p *peer) ends() (rest string, err error) {
	b, err := io.ReadAll(p.r)
	return string(b), err
}
