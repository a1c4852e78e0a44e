package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"utmsim/protocols"
)

func TestAChangedMappedPortHoldsForTheNextConnection(t *testing.T) {
	r := newRig(t, "")
	r.dial().get(1)
	other := newLineServer(t)
	defer other.close()
	r.load(fmt.Sprintf("config firewall vip\nedit v\nset mappedport %d\nend\n", other.ln.Addr().(*net.TCPAddr).Port))
	before := other.conns.Load()
	r.dial().get(2)
	assert.Equal(t, before+1, other.conns.Load(), "the new server was not asked")
}

func TestAStalledServerTimesOutInSpiteOfComforting(t *testing.T) {
	r := newRig(t, "config firewall profile-protocol-options\nedit default\nconfig http\nset options clientcomfort\nset comfort-interval 5\nset comfort-amount 3\nend\nend\n")
	c := r.dial()
	c.say("slow 1000")
	assert.Equal(t, "slow", <-r.server.reached)
	r.eventually(func() bool { return r.e.memory.spools.Load() == 500 }, "first half held")
	end := time.Now().Add(8 * time.Second)
	for r.e.Sessions() > 0 && time.Now().Before(end) {
		r.clock.Add(int64(6 * time.Second))
		time.Sleep(300 * time.Millisecond)
	}
	assert.Zero(t, r.e.Sessions(), "session never ends")
	r.server.let()
}

func TestApplyAfterShutdownListensToNothing(t *testing.T) {
	r := newRig(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.e.Shutdown(ctx)
	_, err := r.store.Load("x", strings.NewReader("config firewall vip\nedit v\nset extport 10\nend\n"))
	assert.Error(t, err)
}

func TestUrgentDataDoesNotHideWhatFollows(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.get(1)
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	// block the session so that everything is queued before the read
	c.say("wait")
	<-r.server.reached
	<-r.server.reached
	raw.Write(func(fd uintptr) bool {
		err = unix.Send(int(fd), []byte("get "), 0)
		return true
	})
	require.NoError(t, err)
	raw.Write(func(fd uintptr) bool {
		err = unix.Send(int(fd), []byte("X"), unix.MSG_OOB)
		return true
	})
	require.NoError(t, err)
	c.say("7")
	r.server.let()
	assert.Equal(t, "2", c.line())
	b := make([]byte, 2)
	io.ReadFull(c.r, b)
	c.SetReadDeadline(time.Now().Add(3 * time.Second))
	l, err := c.r.ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "7\n", l)
}

func TestAKilledRelayEndsWhileBytesFlow(t *testing.T) {
	r := newRig(t, "")
	// a server that sends and never stops
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				b := make([]byte, 1<<20)
				for {
					if _, err := c.Write(b); err != nil {
						c.Close()
						return
					}
				}
			}()
		}
	}()
	r.load(fmt.Sprintf("config firewall vip\nedit v\nset mappedport %d\nend\n", ln.Addr().(*net.TCPAddr).Port))
	_ = r
	c := r.dial()
	c.say("tunnel")
	c.line()
	var got atomic.Int64
	go func() {
		b := make([]byte, 1<<20)
		for {
			n, err := c.Read(b)
			got.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	r.e.DropAll()
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "ended")
	t.Logf("moved %d, ended after %v", got.Load(), time.Since(start))
}

func TestAClientThatLeftDoesNotWaitForItsServer(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("wait")
	<-r.server.reached
	c.SetLinger(0)
	c.Close()
	end := time.Now().Add(2 * time.Second)
	for r.e.Sessions() > 0 && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	assert.Zero(t, r.e.Sessions())
	r.server.let()
}

func TestAScanOfASmallObjectTimesOutToo(t *testing.T) {
	r := newRig(t, "config antivirus engine\nset scan-timeout 1\nend\n")
	gate := make(chan struct{})
	r.scan.block.Store(&gate)
	c := r.dial()
	c.say("get 100")
	c.SetReadDeadline(time.Now().Add(3 * time.Second))
	l, err := c.r.ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "BLOCKED scan-error\n", l)
	close(gate)
}

func TestRestLimitZeroIsForever(t *testing.T) {
	r := newRig(t, "")
	_ = r
}

func TestASlotIsFreedOnce(t *testing.T) {
	var reg registry
	a := &socket{}
	reg.add(a)
	reg.remove(a)
	b := &socket{}
	reg.add(b)
	reg.remove(a)
	assert.Same(t, b, reg.find(b.slot, b.gen), "somebody else's socket was forgotten")
	c := &socket{}
	reg.add(c)
	assert.NotEqual(t, b.slot, c.slot)
}

var _ = errors.New
var _ = syscall.EPIPE
var _ = protocols.HTTP
