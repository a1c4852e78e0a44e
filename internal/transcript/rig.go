package transcript

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"utmsim/internal/config"
	"utmsim/protocols"
	"utmsim/proxy"
	"utmsim/scanner"
	"utmsim/scanner/builtin"
)

// Patience is how long a test waits for what has to come; it never waits for
// nothing to come.
const Patience = 2 * time.Minute

// Rig is an engine with one driver and one listener, and an origin that does what
// a test says.
type Rig struct {
	t        testing.TB
	Engine   *proxy.Engine
	Origin   *net.TCPListener
	Logs     *observer.ObservedLogs
	protocol protocols.Protocol
	gate     chan struct{} // see OpenGate
	clock    atomic.Int64  // added to the real clock, ns
	before   int           // goroutines
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
        set service "%s"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
end
`

// NewRig starts an engine with a driver of protocol p, and more configuration on
// top, in which {port} is the origin's. Names under .test are this host's; see names for block lists. Objects whose name has the word "unscannable" in it have no verdict; those
// whose name has "waiting" in it get theirs when OpenGate is called, as does the host
// waiting.test its category.
func NewRig(t testing.TB, p protocols.Protocol, driver proxy.Driver, more string) *Rig {
	r := &Rig{t: t, protocol: p, gate: make(chan struct{}), before: runtime.NumGoroutine()}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.Origin = ln.(*net.TCPListener)
	store := config.NewStore()
	port := r.Origin.Addr().(*net.TCPAddr).Port
	for _, text := range []string{fmt.Sprintf(rigConfig, port, p), strings.ReplaceAll(more, "{port}", strconv.Itoa(port))} {
		_, err := store.Load("test", strings.NewReader(text))
		require.NoError(t, err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	r.Logs = logs
	var drivers [protocols.Count]proxy.Driver
	drivers[p] = driver
	start := time.Now()
	r.Engine, err = proxy.New(proxy.Options{
		Log: zap.New(core), Drivers: drivers, Resolver: names{r.gate}, Rater: ratings{r.gate}, AnyPort: true,
		NewScanner: func(*config.Engine) (scanner.Scanner, error) { return r.newScanner() },
		Now:        func() int64 { return int64(time.Since(start)) + r.clock.Load() + 1 },
	}, store.Snapshot())
	require.NoError(t, err)
	t.Cleanup(r.close)
	return r
}

// moody is a scanner that treats objects by their names.
type moody struct {
	scanner.Scanner
	gate <-chan struct{}
}

func (r *Rig) newScanner() (scanner.Scanner, error) {
	engine, err := builtin.New()
	return moody{engine, r.gate}, err
}

func (m moody) Scan(ctx context.Context, o *scanner.Object) (scanner.Verdict, error) {
	switch {
	case strings.Contains(o.Name, "unscannable"):
		return scanner.Verdict{}, errors.New("no verdict")
	case strings.Contains(o.Name, "waiting"):
		select {
		case <-m.gate:
		case <-ctx.Done():
			return scanner.Verdict{}, ctx.Err()
		}
	}
	return m.Scanner.Scan(ctx, o)
}

// OpenGate lets the scans go on that wait; it is called once.
func (r *Rig) OpenGate() { close(r.gate) }

// vip is the listener of the rig, as it was configured.
const vip = "127.0.0.1:9"

// Advance moves the engine's clock on.
func (r *Rig) Advance(d time.Duration) { r.clock.Add(int64(d)) }

// Dial connects a client to the proxy.
func (r *Rig) Dial() *net.TCPConn { return r.DialAt(vip) }

// DialAt connects a client to the listener that is configured as an address.
func (r *Rig) DialAt(asked string) *net.TCPConn {
	c, err := net.DialTimeout("tcp", r.Listener(asked), Patience)
	require.NoError(r.t, err)
	require.NoError(r.t, c.SetDeadline(time.Now().Add(Patience)))
	r.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// Listener is where the listener that is configured as an address accepts.
func (r *Rig) Listener(asked string) string {
	a, err := r.Engine.Addr(netip.MustParseAddrPort(asked))
	require.NoError(r.t, err)
	return a.String()
}

// Accept is the origin's end of the proxy's next connection.
func (r *Rig) Accept() *net.TCPConn {
	require.NoError(r.t, r.Origin.SetDeadline(time.Now().Add(Patience)))
	c, err := r.Origin.AcceptTCP()
	require.NoError(r.t, err, "waiting for the proxy to connect")
	require.NoError(r.t, c.SetDeadline(time.Now().Add(Patience)))
	r.t.Cleanup(func() { c.Close() })
	return c
}

// NobodyConnected tells that no connection waits to be accepted by the origin:
// one of the test's own is the first in the queue.
func (r *Rig) NobodyConnected() {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Origin.Addr().String())
	require.NoError(r.t, err)
	defer c.Close()
	first := r.Accept()
	require.Equal(r.t, c.LocalAddr().String(), first.RemoteAddr().String(), "the proxy has connected to the origin")
	first.Close()
}

// Eventually waits for what happens in other goroutines; it polls because there
// is nothing to wait on.
func (r *Rig) Eventually(cond func() bool, what string) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(Patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			require.Fail(r.t, "never happened", what)
		}
	}
}

// close checks that the sessions have ended by themselves, shuts the engine down
// and checks that nothing is left.
func (r *Rig) close() {
	if r.t.Failed() {
		for _, l := range r.Logs.All() {
			r.t.Log(l.Message, l.ContextMap())
		}
	} else {
		r.Eventually(func() bool { return r.Engine.Sessions() == 0 }, "the sessions end")
		require.Zero(r.t, r.Engine.Memory().Spools, "held bytes are given back")
		r.Eventually(func() bool { return r.Engine.Report().Check() == nil }, "the counters agree")
		require.Empty(r.t, r.Logs.FilterMessage("panic in a driver").All())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.Engine.Shutdown(ctx) // cuts what a failed test left open
	r.Origin.Close()
	if !r.t.Failed() {
		r.Eventually(func() bool { return runtime.NumGoroutine() <= r.before }, "the goroutines end")
	}
}

// session is a field of the last session's log line.
func (r *Rig) session(field string) string {
	lines := r.Logs.FilterMessage("session").All()
	require.NotEmpty(r.t, lines, "a session has ended")
	return fmt.Sprint(lines[len(lines)-1].ContextMap()[field])
}
