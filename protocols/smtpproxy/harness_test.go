package smtpproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
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

// rig is an engine with the SMTP driver and an origin that does what a test says.
type rig struct {
	t      testing.TB
	engine *proxy.Engine
	origin *net.TCPListener
	clock  atomic.Int64 // added to the real clock, ns
	logs   *observer.ObservedLogs
	before int // goroutines
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
        set service "SMTP"
        set utm-status enable
        set av-profile "default"
        set logtraffic all
    next
end
`

// newRig starts the engine with more configuration on top.
func newRig(t testing.TB, more string) *rig {
	r := &rig{t: t, before: runtime.NumGoroutine()}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.origin = ln.(*net.TCPListener)
	store := config.NewStore()
	for _, text := range []string{fmt.Sprintf(rigConfig, r.port()), more} {
		_, err := store.Load("test", strings.NewReader(text))
		require.NoError(t, err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	r.logs = logs
	var drivers [protocols.Count]proxy.Driver
	drivers[protocols.SMTP] = new(Driver)
	start := time.Now()
	r.engine, err = proxy.New(proxy.Options{
		Log: zap.New(core), Drivers: drivers, AnyPort: true,
		NewScanner: func(*config.Engine) (scanner.Scanner, error) { return newScanner() },
		Now:        func() int64 { return int64(time.Since(start)) + r.clock.Load() + 1 },
	}, store.Snapshot())
	require.NoError(t, err)
	t.Cleanup(r.close)
	return r
}

// failing is a scanner that has no verdict on objects called "unscannable.bin".
type failing struct{ scanner.Scanner }

func newScanner() (scanner.Scanner, error) {
	engine, err := builtin.New()
	return failing{engine}, err
}

func (f failing) Scan(ctx context.Context, o *scanner.Object) (scanner.Verdict, error) {
	if o.Name == "unscannable.bin" {
		return scanner.Verdict{}, errors.New("no verdict")
	}
	return f.Scanner.Scan(ctx, o)
}

func (r *rig) port() int { return r.origin.Addr().(*net.TCPAddr).Port }

// listener is where the proxy listens.
func (r *rig) listener() string {
	a, err := r.engine.Addr(netip.MustParseAddrPort("127.0.0.1:9"))
	require.NoError(r.t, err)
	return a.String()
}

// patience is how long a test waits for what has to come; it never waits for
// nothing to come.
const patience = 10 * time.Second

func (r *rig) dial() *net.TCPConn {
	c, err := net.DialTimeout("tcp", r.listener(), patience)
	require.NoError(r.t, err)
	require.NoError(r.t, c.SetDeadline(time.Now().Add(patience)))
	r.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func (r *rig) accept() *net.TCPConn {
	require.NoError(r.t, r.origin.SetDeadline(time.Now().Add(patience)))
	c, err := r.origin.AcceptTCP()
	require.NoError(r.t, err, "waiting for the proxy to connect")
	require.NoError(r.t, c.SetDeadline(time.Now().Add(patience)))
	r.t.Cleanup(func() { c.Close() })
	return c
}

// nobodyConnected tells that no connection waits to be accepted by the origin:
// one of the test's own is the first in the queue.
func (r *rig) nobodyConnected() {
	r.t.Helper()
	c, err := net.Dial("tcp", r.origin.Addr().String())
	require.NoError(r.t, err)
	defer c.Close()
	first := r.accept()
	require.Equal(r.t, c.LocalAddr().String(), first.RemoteAddr().String(), "the proxy has connected to the origin")
	first.Close()
}

// eventually waits for what happens in other goroutines; it polls because there
// is nothing to wait on.
func (r *rig) eventually(cond func() bool, what string) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			require.Fail(r.t, "never happened", what)
		}
	}
}

// close checks that the sessions have ended by themselves, shuts the engine down
// and checks that nothing is left.
func (r *rig) close() {
	if r.t.Failed() {
		for _, l := range r.logs.All() {
			r.t.Log(l.Message, l.ContextMap())
		}
	} else {
		r.eventually(func() bool { return r.engine.Sessions() == 0 }, "the sessions end")
		require.Zero(r.t, r.engine.Memory().Spools, "held bytes are given back")
		r.eventually(func() bool { return r.engine.Report().Check() == nil }, "the counters agree")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.engine.Shutdown(ctx) // cuts what a failed test left open
	r.origin.Close()
	if !r.t.Failed() {
		r.eventually(func() bool { return runtime.NumGoroutine() <= r.before }, "the goroutines end")
	}
}

// session is a field of the last session's log line.
func (r *rig) session(field string) string {
	lines := r.logs.FilterMessage("session").All()
	require.NotEmpty(r.t, lines, "a session has ended")
	return fmt.Sprint(lines[len(lines)-1].ContextMap()[field])
}
