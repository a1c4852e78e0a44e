package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mapTo(ln net.Listener) string {
	return fmt.Sprintf("config firewall vip\nedit v\nset mappedport %d\nend\n", ln.Addr().(*net.TCPAddr).Port)
}

func TestAChangedMappedPortHoldsFromTheNextConnectionOn(t *testing.T) {
	r := newRig(t, "")
	old := r.dial()
	old.get(1)
	other := newLineServer(t)
	t.Cleanup(other.close)
	r.load(mapTo(other.ln))
	r.dial().get(2)
	assert.EqualValues(t, 1, other.conns.Load())
	old.say("tunnel")
	assert.Equal(t, "ok", old.line())
	old.get(3)
	assert.EqualValues(t, 1, r.server.conns.Load(), "an open session keeps its server")
}

func TestAfterShutdownNothingIsApplied(t *testing.T) {
	r := newRig(t, "")
	require.NoError(t, r.e.Shutdown(context.Background()))
	require.ErrorIs(t, r.e.Apply(r.store.Snapshot()), ErrShutdown)
	assert.NoError(t, r.e.Shutdown(context.Background()), "a second time")
}

const comfortEvery25s = "config firewall profile-protocol-options\nedit default\nconfig http\nset options clientcomfort\nset comfort-interval 25\nset comfort-amount 3\nend\nend\n"

func TestComfortingDoesNotExtendTheTimeAServerHas(t *testing.T) {
	r := newRig(t, comfortEvery25s)
	c := r.dial()
	c.say("slow 1000")
	assert.Equal(t, "slow", <-r.server.reached)
	r.eventually(func() bool { return r.e.memory.spools.Load() == 500 }, "first half held")
	nudge := func() (at int64) {
		r.e.eachSession(func(s *Session) {
			if k := s.srv.Load(); k != nil {
				at = k.wakeAt.Load()
			}
		})
		return at
	}
	for range 3 { // the exchange time-out is 60 s
		before := nudge()
		r.clock.Add(int64(26 * time.Second))
		r.eventually(func() bool { return r.e.Sessions() == 0 || nudge() != before }, "comforted")
	}
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "given up")
	assert.Equal(t, []string{"timeout"}, r.closeReasons())
}

func TestClientsThatLeaveDoNotWaitForTheirServer(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("wait")
	assert.Equal(t, "wait", <-r.server.reached)
	require.NoError(t, c.SetLinger(0))
	c.Close()
	r.eventually(func() bool {
		r.clock.Add(forNobody / 200)
		return r.e.Sessions() == 0
	}, "over")
	assert.Less(t, r.clock.Load(), int64(30*time.Second), "long before the time-out")
	assert.Equal(t, []string{"error"}, r.closeReasons())
}

func TestARelayLooksUpWhileBytesFlow(t *testing.T) {
	r := newRig(t, "")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() { // a server that never stops
		c, err := ln.Accept()
		for b := content(1 << 20); err == nil; {
			_, err = c.Write(b)
		}
		if c != nil {
			c.Close()
		}
	}()
	r.load(mapTo(ln))
	c := r.dial()
	c.say("tunnel")
	assert.Equal(t, "ok", c.line())
	var got atomic.Int64
	go func() {
		for b := make([]byte, 1<<20); ; {
			n, err := c.r.Read(b)
			if got.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	r.eventually(func() bool { return got.Load() > 64<<20 }, "bytes flow")
	assert.Equal(t, 1, r.e.DropAll())
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "over")
}

func TestSmallObjectsHaveATimeLimitToo(t *testing.T) {
	r := newRig(t, "config antivirus engine\nset scan-timeout 1\nend\n")
	gate := make(chan struct{})
	defer close(gate)
	r.scan.block.Store(&gate)
	c := r.dial()
	c.say("get 100")
	assert.Equal(t, "BLOCKED scan-error", c.line())
	assert.EqualValues(t, scanCodeTimeout, r.http().HTTP.Stat.LastScanError.Load())
}

func TestPanicsEndNothingButTheirOwn(t *testing.T) {
	for _, more := range []string{"", comfortEvery25s} {
		r := newRig(t, more)
		r.scan.panic.Store(true)
		c := r.dial()
		c.say("get 100")
		assert.Equal(t, "BLOCKED scan-error", c.line())
		r.scan.panic.Store(false)
		c.get(3)
		c.say(fmt.Sprintf("get %d", panicLength))
		_, err := io.ReadAll(c.r)
		require.NoError(t, err)
		r.eventually(func() bool { return r.e.Sessions() == 0 }, "over")
		assert.Equal(t, []string{"panic"}, r.closeReasons())
		assert.EqualValues(t, 2, r.e.panics.Load())
		assert.Zero(t, r.e.memory.spools.Load(), "what it held is free")
	}
}

func TestASlotIsFreedOnce(t *testing.T) {
	var reg registry
	a, b, c := new(socket), new(socket), new(socket)
	reg.add(a)
	reg.remove(a)
	reg.add(b)
	reg.remove(a) // as at the end of a session that the reactor did not take
	reg.add(c)
	assert.Same(t, b, reg.find(b.slot, b.gen))
	assert.Same(t, c, reg.find(c.slot, c.gen))
	assert.Equal(t, 2, reg.count())
}

func TestATimeLimitIsOverWithAndWithoutATimer(t *testing.T) {
	var parent sessionContext
	var l timeLimit
	ctx := l.begin(&parent, time.Hour)
	assert.NoError(t, ctx.Err())
	parent.cancel(ErrDropped)
	assert.ErrorIs(t, ctx.Err(), context.Canceled)
	<-ctx.Done()
	assert.ErrorIs(t, context.Cause(ctx), ErrDropped)
	l.end()

	var parent2 sessionContext
	var over timeLimit
	ctx = over.begin(&parent2, -1)
	assert.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
	child, stop := context.WithCancel(ctx)
	<-child.Done()
	assert.ErrorIs(t, child.Err(), context.DeadlineExceeded)
	stop()
	over.end()
}

// TestAFloodDoesNotHideTheLastWords: a client that is dropped while it sends as fast
// as it can still reads what it was told.
func TestAFloodDoesNotHideTheLastWords(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system reads what is thrown away, and only so much of it")
	}
	stands := func(o *Options) { o.Now = func() int64 { return 1 } } // the socket waits for its client without end
	r := newRigWith(t, "config system simulator\nset refuse polite\nend\n", stands)
	c := r.dial()
	c.say("wait")
	assert.Equal(t, "wait", <-r.server.reached)
	var sent atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		for b := content(1 << 20); ; {
			n, err := c.Write(b)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	r.eventually(func() bool { return sent.Load() >= 1<<20 }, "much of it waits")
	assert.Equal(t, 1, r.e.DropAll())
	was := sent.Load()
	ended := func() bool {
		select {
		case <-over:
			return true
		default:
			return false
		}
	}
	r.eventually(func() bool { return sent.Load() > was+64<<20 || ended() }, "it goes on for a while")
	assert.False(t, ended(), "cut off, which can destroy the words")
	assert.Equal(t, "SORRY", c.line())
	c.Close()
	<-over
	r.server.let()
}
