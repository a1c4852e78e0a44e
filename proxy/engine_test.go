package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

func (r *rig) http() *stats.VDOM { return r.e.settings().vdom("").stats }

// closeReasons waits until no session is left and tells how they ended.
func (r *rig) closeReasons() []string {
	r.t.Helper()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "sessions over")
	var out []string
	for _, l := range r.logs.FilterMessage("session").All() {
		out = append(out, l.ContextMap()["close"].(string))
	}
	return out
}

// idle waits until n entries are idle.
func (r *rig) idle(n int) {
	r.t.Helper()
	r.eventually(func() bool {
		got := 0
		for row := range r.e.table.Rows {
			if row.Resting {
				got++
			}
		}
		return got == n
	}, fmt.Sprintf("%d idle sessions", n))
}

// waiting waits until n sockets are waited for inside an exchange.
func (r *rig) waiting(n int) {
	r.t.Helper()
	r.eventually(func() bool {
		got := 0
		r.e.reg.each(func(k *socket) {
			if k.has(flagWaiting) {
				got++
			}
		})
		return got == n
	}, fmt.Sprintf("%d sockets waited for", n))
}

func TestRelaysWhatTheServerSends(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	for _, n := range []int{0, 1, 100, 16 << 10, 16<<10 + 1, 64 << 10, 1 << 20, 9 << 20} {
		c.get(n)
	}
	assert.EqualValues(t, 8, r.http().HTTP.Stat.ResponsesClean.Load())
	assert.EqualValues(t, 7, r.http().HTTP.Accounting.Scan.Load(), "an empty object needs no scanner")
}

func TestBlocksWhatTheScannerDetects(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("bad")
	assert.Equal(t, "BLOCKED detected", c.line())
	c.get(10)
	assert.EqualValues(t, 1, r.http().HTTP.Stat.ResponsesViruses.Load())
	assert.Equal(t, 1, r.logs.FilterMessage("content detected").Len())
}

func TestPipelinedLinesAreAnsweredInOrder(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	var all bytes.Buffer
	for i := range 50 {
		fmt.Fprintf(&all, "get %d\n", i)
	}
	_, err := c.Write(all.Bytes())
	require.NoError(t, err)
	for i := range 50 {
		c.expect(i)
	}
}

func TestOversizePassesAndBlocks(t *testing.T) {
	r := newRig(t, "config firewall profile-protocol-options\nedit default\nconfig http\nset oversize-limit 1\nend\nend\n")
	c := r.dial()
	c.get(3 << 20)
	c.get(5)
	h := r.http()
	assert.EqualValues(t, 1, h.HTTP.Stat.ResponsesOversizePass.Load())
	assert.EqualValues(t, 3<<20, h.Ledger(protocols.HTTP).Leak(stats.LeakOversize).Bytes.Load())
	r.load("config firewall profile-protocol-options\nedit default\nconfig http\nset options oversize\nend\nend\n")
	c2 := r.dial()
	c2.say("get 3000000")
	assert.Equal(t, "BLOCKED oversize", c2.line())
	assert.EqualValues(t, 1, h.HTTP.Stat.ResponsesOversizeBlock.Load())
	c.get(3 << 20) // the older session keeps what it began with
}

func TestAServerThatDiesInTheMiddleEndsTheSession(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("die")
	rest, err := c.ends()
	assert.NoError(t, err)
	assert.Empty(t, rest, "nothing of an object that was not judged")
}

func TestAPanicEndsOneSession(t *testing.T) {
	r := newRig(t, "")
	other, c := r.dial(), r.dial()
	other.get(1)
	c.say("panic")
	_, _ = c.ends()
	other.get(2)
	r.eventually(func() bool { return r.e.table.Total() == 1 }, "entry freed")
	other.Close()
	assert.ElementsMatch(t, []string{"panic", "done"}, r.closeReasons())
	assert.EqualValues(t, 1, r.e.panics.Load())
}

func TestSilentClientsTimeOut(t *testing.T) {
	r := newRig(t, "")
	resting, waiting := r.dial(), r.dial()
	resting.get(1)
	r.idle(2)
	waiting.say("wait")
	assert.Equal(t, "get", <-r.server.reached)
	assert.Equal(t, "wait", <-r.server.reached)
	r.idle(1)
	r.waiting(1)
	r.clock.Add(int64(61 * time.Second))
	_, err := resting.ends()
	assert.NoError(t, err)
	_, _ = waiting.ends()
	r.server.let()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "sessions ended")
	assert.Equal(t, []string{"timeout", "timeout"}, r.closeReasons())
}

func TestUnreachableServerIsCounted(t *testing.T) {
	r := newRig(t, "")
	r.server.close()
	c := r.dial()
	c.say("get 1")
	assert.Equal(t, "NOSERVER", c.line())
	_, _ = c.ends()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "session ended")
	h := &r.http().HTTP
	assert.EqualValues(t, 1, h.Accounting.SetupFail.Load())
	assert.EqualValues(t, 0, h.Accounting.SetupOK.Load())
	assert.EqualValues(t, 1, h.Stat.Connect.Load())
	assert.EqualValues(t, 111, h.Stat.LastError.Load())
	assert.Equal(t, []string{"server-unreachable"}, r.closeReasons())
}

func TestAHalfClosedClientGetsItsAnswer(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("get 100")
	require.NoError(t, c.CloseWrite())
	c.expect(100)
	rest, err := c.ends()
	assert.NoError(t, err)
	assert.Empty(t, rest)
	assert.Equal(t, []string{"done"}, r.closeReasons())
}

func TestTunnelRelaysBothWaysAndPassesHalfCloses(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	_, err := c.Write([]byte("tunnel\necho\nfirst"))
	require.NoError(t, err)
	assert.Equal(t, "ok", c.line())
	blob := content(8 << 20)
	go func() {
		c.Write(blob)
		c.CloseWrite()
	}()
	rest, err := c.ends()
	require.NoError(t, err)
	assert.True(t, rest == "first"+string(blob), "got %d bytes", len(rest))
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "session ended")
	assert.EqualValues(t, 2*(5+len(blob))+5, r.http().Ledger(protocols.HTTP).Leak(stats.LeakUninspectable).Bytes.Load())
}

func TestBypassMovesEverythingUnscanned(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen pass\nend\n")
	inspected := r.dial()
	inspected.get(1)
	c := r.dial()
	c.say("bad")
	assert.Equal(t, "11", c.line())
	b := make([]byte, len(badContent))
	_, err := io.ReadFull(c.r, b)
	require.NoError(t, err)
	assert.Equal(t, badContent, string(b))
	for _, n := range []int{1, 64 << 10, 64<<10 + 1, 12 << 20} {
		c.get(n)
	}
	inspected.say("bad")
	assert.Equal(t, "BLOCKED detected", inspected.line(), "a session that began inspected stays so")
	assert.Equal(t, 1, r.e.table.Total())
	require.NoError(t, c.CloseWrite())
	rest, err := c.ends()
	assert.NoError(t, err)
	assert.Empty(t, rest)
	l := r.http().Ledger(protocols.HTTP)
	assert.EqualValues(t, 1, l.Bypassed.Sessions.Load())
	assert.Equal(t, l.Leak(stats.LeakFailopen).Bytes.Load(), l.Bypassed.Bytes.Load())
	assert.Greater(t, l.Bypassed.Bytes.Load(), int64(12<<20))
}

func TestBypassedPeersThatBothWriteDoNotBlockEachOther(t *testing.T) {
	r := newRig(t, "config firewall policy\nedit 1\nset utm-status disable\nend\n")
	c := r.dial()
	blob := content(6 << 20)
	c.say("echo")
	assert.Equal(t, "echo", <-r.server.reached)
	sent := make(chan error, 1)
	go func() { // an echo: both directions fill up unless both are served
		_, err := c.Write(blob)
		sent <- errors.Join(err, c.CloseWrite())
	}()
	got, err := io.ReadAll(c.r)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	assert.True(t, bytes.Equal(blob, got))
	assert.Zero(t, r.e.table.Peak(protocols.HTTP), "takes no entry")
	assert.EqualValues(t, 2*len(blob)+5, r.http().Ledger(protocols.HTTP).Leak(stats.LeakPolicy).Bytes.Load())
}

func TestRefusalStyles(t *testing.T) {
	full := "config system resource-limits\nset proxy 1\nend\nconfig system simulator\nset refuse %s\nend\n"
	for _, style := range []string{"reset", "close", "polite", "hang"} {
		t.Run(style, func(t *testing.T) {
			r := newRig(t, fmt.Sprintf(full, style))
			r.dial().get(1)
			if style == "reset" {
				r.refused()
				assert.EqualValues(t, 1, r.http().HTTP.Accounting.SetupFail.Load())
				return
			}
			c := r.dial()
			c.say("get 1")
			if style == "hang" {
				r.eventually(func() bool { return r.http().HTTP.Accounting.SetupFail.Load() == 1 }, "refused")
				require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
				_, err := c.ends()
				assert.True(t, isTimeout(errors.Unwrap(err)) || err.(interface{ Timeout() bool }).Timeout(), "silence, got %v", err)
				require.NoError(t, c.SetReadDeadline(time.Time{}))
				r.clock.Add(int64(hangTime))
			}
			rest, err := c.ends()
			switch style {
			case "hang":
				assert.ErrorIs(t, err, syscall.ECONNRESET)
			default:
				assert.NoError(t, err)
			}
			assert.Equal(t, map[string]string{"polite": "SORRY\n"}[style], rest)
			assert.EqualValues(t, 1, r.http().HTTP.Accounting.SetupFail.Load())
		})
	}
}

func TestComfortingAndALateDetection(t *testing.T) {
	r := newRig(t, "config firewall profile-protocol-options\nedit default\nconfig http\nset options clientcomfort\nset comfort-interval 5\nset comfort-amount 3\nend\nend\n")
	c := r.dial()
	c.say("slow 1000")
	assert.Equal(t, "slow", <-r.server.reached)
	r.eventually(func() bool { return r.e.memory.spools.Load() == 500 }, "first half held")
	r.waiting(1)
	r.clock.Add(int64(5 * time.Second))
	assert.Equal(t, "1000", c.line())
	b := make([]byte, 3)
	_, err := io.ReadFull(c.r, b)
	require.NoError(t, err)
	assert.Equal(t, content(3), b)
	r.server.let()
	b = make([]byte, 997)
	_, err = io.ReadFull(c.r, b)
	require.NoError(t, err)
	assert.Equal(t, content(1000)[3:], b)

	r.server.hold()
	c.say("slowbad")
	assert.Equal(t, "slowbad", <-r.server.reached)
	r.eventually(func() bool { return r.e.memory.spools.Load() > 0 }, "bytes held")
	r.waiting(1)
	r.clock.Add(int64(5 * time.Second))
	assert.Equal(t, "16", c.line())
	r.server.let()
	rest, err := c.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Contains(t, badContent, rest, "three bytes; more when another interval went by")
	assert.GreaterOrEqual(t, len(rest), 3)
	assert.Equal(t, []string{"blocked"}, r.closeReasons())
}

func TestScanErrorsFollowTheirPolicy(t *testing.T) {
	for _, action := range []string{"block", "pass", "reset"} {
		t.Run(action, func(t *testing.T) {
			r := newRig(t, "config antivirus engine\nset error-action "+action+"\nend\n")
			boom := errors.New("engine is gone")
			r.scan.err.Store(&boom)
			c := r.dial()
			c.say("get 5")
			switch action {
			case "block":
				assert.Equal(t, "BLOCKED scan-error", c.line())
			case "pass":
				c.expect(5)
				assert.EqualValues(t, 5, r.http().Ledger(protocols.HTTP).Leak(stats.LeakScanError).Bytes.Load())
			case "reset":
				_, err := c.ends()
				assert.ErrorIs(t, err, syscall.ECONNRESET)
			}
			assert.EqualValues(t, 1, r.http().HTTP.Stat.ResponsesScanErrors.Load())
			assert.EqualValues(t, 0, r.http().HTTP.Stat.ResponsesClean.Load())
			assert.EqualValues(t, scanCodeFailed, r.http().HTTP.Stat.LastScanError.Load())
		})
	}
}

func TestAFullBacklogBlocks(t *testing.T) {
	r := newRig(t, "config antivirus engine\nset scan-workers 1\nset scan-backlog 1\nend\n")
	gate := make(chan struct{})
	r.scan.block.Store(&gate)
	a, b, c := r.dial(), r.dial(), r.dial()
	a.say("get 100")
	<-r.scan.began
	b.say("get 100")
	r.eventually(func() bool { _, w := r.e.Scans(); return w == 1 }, "one waits")
	c.say("get 100")
	assert.Equal(t, "BLOCKED backlog", c.line())
	assert.EqualValues(t, 1, r.http().HTTP.Stat.ResponseBacklogDrop.Load())
	close(gate)
	a.expect(100)
	b.expect(100)
	run, wait := r.e.Scans()
	assert.Zero(t, run+wait)
}

func TestAClientThatLeftKeepsNoScanSlot(t *testing.T) {
	r := newRig(t, "config antivirus engine\nset scan-workers 1\nend\n")
	gate := make(chan struct{})
	r.scan.block.Store(&gate)
	a := r.dial()
	a.say("get 100")
	<-r.scan.began
	require.NoError(t, a.SetLinger(0))
	a.Close()
	r.eventually(func() bool { n, _ := r.e.Scans(); return n == 0 }, "slot free")
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "session over")
}

func TestIdleDropTakesTheTopClientsLongestIdleSession(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 3\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen idledrop\nend\n")
	one := r.dialFrom("127.0.0.1")
	one.get(1)
	older, newer := r.dialFrom("127.0.0.2"), r.dialFrom("127.0.0.2")
	older.get(1)
	r.idle(3) // a client has its answer a moment before its session rests
	newer.get(1)
	r.idle(3)
	late := r.dialFrom("127.0.0.3")
	late.get(1)
	_, err := older.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	newer.get(1)
	one.get(1)
	assert.Equal(t, 3, r.e.table.Total())
	l := r.logs.FilterMessage("session dropped").All()
	require.Len(t, l, 1)
	assert.Equal(t, "127.0.0.2", l[0].ContextMap()["client"])
}

func TestIdleDropRefusesWhenNobodyIsIdle(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen idledrop\nend\n")
	working, inside := r.dial(), r.dial()
	working.say("wait")
	assert.Equal(t, "wait", <-r.server.reached)
	inside.say("busy")
	assert.Equal(t, "ok", inside.line())
	r.idle(0)
	r.refused()
	inside.say("done")
	assert.Equal(t, "ok", inside.line())
	r.idle(1)
	r.dial().get(3)
	_, err := inside.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	r.server.let()
	assert.Equal(t, "2", working.line())
}

func TestRestartEndsSessionsAndKeepsTheLatch(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen one-shot\nend\n")
	a, b := r.dial(), r.dial()
	a.get(1)
	b.say("wait")
	assert.Equal(t, "get", <-r.server.reached)
	assert.Equal(t, "wait", <-r.server.reached)
	r.dial().get(1) // bypassed, sets the latch
	assert.Equal(t, 2, r.e.Restart())
	_, err := a.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = b.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	r.server.let()
	assert.Zero(t, r.e.table.Total())
	st := r.e.Failopen()[protocols.HTTP]
	assert.True(t, st.Latched)
	assert.Equal(t, failopen.Row(2), st.Row)
	r.load("config system global\nset av-failopen pass\nend\n")
	assert.False(t, r.e.Failopen()[protocols.HTTP].Latched)
	c := r.dial()
	c.say("bad")
	assert.Equal(t, "BLOCKED detected", c.line())
}

func TestARestartUnderTrafficKeepsTheAccountingWhole(t *testing.T) {
	r := newRig(t, "")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", r.addr)
				if err != nil {
					continue
				}
				for range 5 {
					if _, err = c.Write([]byte("get 1\n")); err == nil {
						_, err = io.ReadFull(c, make([]byte, 3))
					}
					if err != nil {
						break
					}
				}
				c.Close()
			}
		})
	}
	for range 60 {
		r.e.Restart()
	}
	close(stop)
	wg.Wait()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "sessions over")
	require.NoError(t, r.e.Report().Check())
}

func TestAnAddressMayChangeItsProtocolAndServer(t *testing.T) {
	r := newRig(t, "")
	other := newLineServer(t)
	defer other.close()
	fetch := func() {
		c := r.dial()
		c.get(1)
		c.Close()
		r.eventually(func() bool { return r.e.Sessions() == 0 }, "session over")
	}
	fetch()
	r.load(fmt.Sprintf("config firewall vip\nedit v\nset mappedport %d\nend\n", other.ln.Addr().(*net.TCPAddr).Port))
	fetch()
	assert.EqualValues(t, 1, other.conns.Load())
	r.e.opts.Drivers[protocols.POP3] = lineDriver{}
	r.load("config firewall policy\nedit 1\nset service POP3\nend\n")
	fetch()
	assert.EqualValues(t, 1, r.http().POP3.Accounting.SetupOK.Load())
	assert.EqualValues(t, 2, r.http().HTTP.Accounting.SetupOK.Load())
}

func TestLevels2And222(t *testing.T) {
	r := newRig(t, "")
	idle, working := r.dial(), r.dial()
	idle.get(1)
	r.idle(2)
	working.say("wait")
	<-r.server.reached
	<-r.server.reached
	r.idle(1)
	assert.Equal(t, 1, r.e.DropAllIdle())
	_, err := idle.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Equal(t, 1, r.e.DropAll())
	_, err = working.ends()
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	r.server.let()
	_, ok := r.e.DropMaxIdle()
	assert.False(t, ok)
}

func TestShutdownWaitsForExchangesThatRun(t *testing.T) {
	r := newRig(t, "")
	resting, working := r.dial(), r.dial()
	resting.get(1)
	working.say("wait")
	<-r.server.reached
	<-r.server.reached
	done := make(chan error, 1)
	go func() { done <- r.e.Shutdown(context.Background()) }()
	_, err := resting.ends()
	assert.NoError(t, err)
	r.server.let()
	assert.Equal(t, "2", working.line())
	_, err = working.ends()
	assert.NoError(t, err)
	require.NoError(t, <-done)
	assert.Equal(t, []string{"shutdown", "shutdown"}, r.closeReasons())
	r.e, _ = New(Options{Log: zap.NewNop(), Drivers: r.e.opts.Drivers, NewScanner: r.e.opts.NewScanner, AnyPort: true}, r.store.Snapshot()) // for the clean-up
}

func TestMemoryConserveModeComesFromSpoolsToo(t *testing.T) {
	r := newRig(t, "config system simulator\nset memory-total 64\nset memory-base 50\nend\nconfig firewall profile-protocol-options\nedit default\nconfig http\nset oversize-limit 20\nend\nend\nconfig system global\nset av-failopen off\nend\n")
	require.Equal(t, failopen.Normal, r.e.Memory().Level)
	c := r.dial()
	c.say(fmt.Sprintf("slow %d", 16<<20))
	r.eventually(func() bool { return r.e.Memory().Level == failopen.Conserve }, "conserve mode")
	r.refused() // row 3
	r.server.let()
	c.expect(16 << 20)
	r.eventually(func() bool { return r.e.Memory().Level == failopen.Conserve && r.e.Memory().Spools == 0 }, "drained, still above green")
	require.NoError(t, r.e.SetMemory(90))
	r.load("config system simulator\nset memory-base 10\nend\n")
	r.e.AutoMemory()
	assert.Equal(t, failopen.Normal, r.e.Memory().Level)
	r.dial().get(1)
}
