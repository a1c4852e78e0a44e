package appliance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/appliance"
	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/proxy"
)

// site is the whole lab in this process: clients of the test reach it through
// real sockets, the test itself through the console.
type site struct {
	t testing.TB
	*appliance.Lab
	clock      *atomic.Int64 // the engine's, ns; nil: the system's
	vip        string        // the reverse proxy
	forward    string        // the forward proxy
	state      string        // folder
	made       atomic.Int64  // connections that clients have made to the proxies
	once       sync.Once
	entries    []map[string]any // the log, once stopped
	openFiles  int              // that the appliance believes to have; 0: as many as there are
	goroutines int              // before the start
	files      int

	mu      sync.Mutex // guards the field below
	clients []*client  // to be closed at the end
}

// newSite starts the lab with a clock of its own, which stands still unless the
// test moves it: nothing times out, and idle times are exact.
func newSite(t testing.TB, config string) *site {
	clock := new(atomic.Int64)
	clock.Store(int64(time.Hour))
	s := &site{clock: clock}
	s.start(t, text("test", config))
	return s
}

// newRealTimeSite starts the lab with the system's clock.
func newRealTimeSite(t testing.TB, config string) *site {
	s := new(site)
	s.start(t, text("test", config))
	return s
}

func (s *site) start(t testing.TB, config appliance.Source) {
	t.Helper()
	s.t, s.state = t, t.TempDir()
	warmUp(t)
	s.goroutines, s.files = runtime.NumGoroutine(), openFiles()
	opts := appliance.Options{
		Config: []appliance.Source{config}, StateDir: s.state, Version: "test", AnyPort: true, OpenFiles: s.openFiles,
		Warn: func(line string) { t.Log("warning: " + line) },
	}
	if s.clock != nil {
		opts.Now = s.clock.Load
	}
	var err error
	s.Lab, err = appliance.StartLab(0, opts)
	require.NoError(t, err)
	s.vip, s.forward = s.Proxies[0].Address, s.Proxies[1].Address
	t.Cleanup(s.stop)
}

// warmUp lets Go's poller take its descriptors.
func warmUp(t testing.TB) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
}

// text is a configuration that is no file.
func text(name, config string) appliance.Source {
	return appliance.Source{File: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(config)), nil }}
}

// inTable is how many entries there are.
func (s *site) inTable() int {
	now, _ := s.Engine().Entries()
	return now
}

// stop closes what the test has dialed, ends the lab, once, and checks that nothing
// of it is left.
func (s *site) stop() {
	s.once.Do(func() {
		t, e := s.t, s.Engine()
		for _, c := range s.clients {
			c.Close()
		}
		require.NoError(t, s.Lab.Stop())
		s.readLog()
		if t.Failed() {
			for _, l := range s.entries[max(0, len(s.entries)-40):] {
				t.Log(l)
			}
		}
		require.Zero(t, s.inTable(), "entries left")
		require.Zero(t, e.Sessions(), "sessions left")
		require.Zero(t, e.Memory().Spools, "spooled bytes left")
		running, waiting := e.Scans()
		require.Zero(t, running+waiting, "scans left")
		s.eventually(func() bool { return runtime.NumGoroutine() <= s.goroutines }, "goroutines left")
		s.eventually(func() bool { return openFiles() <= s.files }, "descriptors left")
	})
}

func (s *site) readLog() {
	for _, name := range []string{"utmsim.log.2", "utmsim.log.1", "utmsim.log"} {
		data, err := os.ReadFile(filepath.Join(s.state, name))
		if err != nil {
			continue // so much was not written
		}
		for line := range bytes.Lines(data) {
			entry := map[string]any{}
			require.NoError(s.t, json.Unmarshal(line, &entry), "%s", line)
			s.entries = append(s.entries, entry)
		}
	}
}

// log stops the lab and returns the records of one kind.
func (s *site) log(event string) (found []map[string]any) {
	s.t.Helper()
	s.stop()
	for _, l := range s.entries {
		if l["event"] == event {
			found = append(found, l)
		}
	}
	return found
}

// advance moves the engine's clock.
func (s *site) advance(d time.Duration) { s.clock.Add(int64(d)) }

// patience is how long a condition may take to come true. It is never waited for
// in a test that passes.
const patience = time.Minute

// lifetime is how long a client's connection may last. It only ends a test that
// hangs.
const lifetime = 10 * patience

// eventually waits for what happens in other goroutines; it polls because there
// is nothing to wait on.
func (s *site) eventually(cond func() bool, what string, args ...any) {
	s.t.Helper()
	if !cond() {
		eventually(s.t, cond, what, args...)
	}
}

func eventually(t testing.TB, cond func() bool, what string, args ...any) {
	t.Helper()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
			require.Failf(t, "never happened", what, args...)
		}
	}
}

func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // a system that does not tell
	}
	return len(list)
}

// exec runs lines of the console, which must succeed, and returns what they print.
func (s *site) exec(lines ...string) string {
	s.t.Helper()
	out, ok := s.try(lines...)
	require.True(s.t, ok, "%q: %s", lines, out)
	return out
}

// try runs lines of the console.
func (s *site) try(lines ...string) (string, bool) {
	var out bytes.Buffer
	ok := s.Console().Exec("test", lines, &out)
	return out.String(), ok
}

// set changes one setting through the console.
func (s *site) set(object string, settings ...string) {
	s.t.Helper()
	lines := []string{"config " + object}
	for _, x := range settings {
		lines = append(lines, "set "+x)
	}
	s.exec(append(lines, "end")...)
}

// figures are the numbers of level 4 and of the ledger that scenarios are about.
type figures struct {
	current, limit, peak int
	setupOK, setupFail   int
	bypassed, refused    int
	dropped              int
}

// figures are those of HTTP.
func (s *site) figures() figures {
	s.t.Helper()
	return s.figuresOf(protocols.HTTP)
}

// figuresOf reads the console's output about a protocol as a person would.
func (s *site) figuresOf(p protocols.Protocol) figures {
	s.t.Helper()
	return s.allFigures()[p]
}

// allFigures reads the console's output once.
func (s *site) allFigures() (all [protocols.Count]figures) {
	s.t.Helper()
	level4, ledger := s.exec("get test proxyworker 4"), s.exec("diagnose sim leak")
	for p := range all {
		f, name := &all[p], protocols.Protocol(p).String()
		s.scan(level4, name+" Common\nCurrent Connections ", &f.current, &f.limit, &f.peak)
		s.scan(level4, name+" Accounting\nsetup_ok=", &f.setupOK, &f.setupFail)
		s.scan(ledger, fmt.Sprintf("%-4s bypassed=", name), &f.bypassed, &f.refused, &f.dropped)
	}
	return all
}

var number = regexp.MustCompile(`\d+`)

// scan reads the numbers behind some text.
func (s *site) scan(in, behind string, into ...*int) {
	s.t.Helper()
	_, rest, found := strings.Cut(in, behind)
	require.True(s.t, found, "%q in\n%s", behind, in)
	for i, text := range number.FindAllString(rest, len(into)) {
		n, err := strconv.Atoi(text)
		require.NoError(s.t, err)
		*into[i] = n
	}
}

// failopenLine is what "diagnose sim failopen" says about HTTP.
func (s *site) failopenLine() string {
	s.t.Helper()
	return s.failopenOf(protocols.HTTP)
}

// failopenOf is what it says about a protocol.
func (s *site) failopenOf(p protocols.Protocol) string {
	s.t.Helper()
	line := strings.Split(s.exec("diagnose sim failopen"), "\n")[p]
	require.Regexp(s.t, `^`+p.String()+` +vd=root state=`, line)
	return line
}

// settled waits until n entries are in the table and every connection that was
// made has been decided, and checks the invariants of the counters.
func (s *site) settled(n int) {
	s.t.Helper()
	s.eventually(func() bool { return s.inTable() == n }, "%d entries", n)
	s.invariants()
}

// invariants checks what the counters say about each other, once traffic rests.
func (s *site) invariants() {
	s.t.Helper()
	var err error
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if err = s.Engine().Report().Check(); err == nil || time.Now().After(end) {
			break
		}
	}
	require.NoError(s.t, err)
}

// conserved checks that each connection was counted once: set up, failed or
// bypassed. No session may be open. It returns the figures of HTTP.
func (s *site) conserved() figures {
	s.t.Helper()
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.settled(0)
	made := int(s.made.Load())
	s.eventually(func() bool { return s.counted() == made }, "%d connections were made: %+v", made, s.allFigures())
	return s.figures()
}

// counted is how many connections were, of all protocols.
func (s *site) counted() (sum int) {
	s.t.Helper()
	for _, f := range s.allFigures() {
		sum += f.setupOK + f.setupFail + f.bypassed
	}
	return sum
}

// row is the row of a client's session.
func (s *site) row(c *client) (found proxy.Row, ok bool) {
	local := c.LocalAddr().(*net.TCPAddr).AddrPort()
	for r := range s.Engine().Rows {
		if r.Client == local {
			return r, true
		}
	}
	return found, false
}

// rests waits until a client's session is at rest between two exchanges.
func (s *site) rests(c *client) {
	s.t.Helper()
	s.eventually(func() bool { r, ok := s.row(c); return ok && r.State == proxy.RowIdle }, "session of %s at rest", c.LocalAddr())
}

// works waits until a client's session is in an exchange, or rests inside of a
// transaction: idledrop may not have it.
func (s *site) works(c *client) {
	s.t.Helper()
	s.eventually(func() bool { r, ok := s.row(c); return ok && r.State != proxy.RowIdle }, "session of %s in an exchange", c.LocalAddr())
}

// number is the number of a client's entry.
func (s *site) number(c *client) uint32 {
	s.t.Helper()
	r, ok := s.row(c)
	require.True(s.t, ok, "%s has no entry", c.LocalAddr())
	return r.Entry
}

// uploaded is how many body bytes have reached the origin.
func (s *site) uploaded() int64 { return s.Origins.HTTP().Counts().Uploaded }

// origin is the address of the origin itself.
func (s *site) origin() string { return s.Origins.Addr(lab.ServiceHTTP) }

// needLoopback skips a test that needs clients of several addresses where the
// system has but one on loopback.
func needLoopback(t testing.TB, addrs ...string) {
	t.Helper()
	for _, a := range addrs {
		if !canListen(a) {
			t.Skip("clients are told apart by address, and this system has no " + a)
		}
	}
}

func canListen(addr string) bool {
	ln, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	return err == nil && ln.Close() == nil
}
