package remote

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pool is one to a server that says nothing; leave is called before it closes a
// connection that this end has closed.
func pool(t *testing.T, leave ...func()) *Pool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				for _, f := range leave {
					f()
				}
				_ = c.Close()
			})
		}
	})
	p := &Pool{Network: "tcp", Address: l.Addr().String()}
	t.Cleanup(func() {
		p.Close()
		l.Close()
		wg.Wait()
		assert.Zero(t, p.Open())
	})
	return p
}

func TestPoolUsesConnectionsAgain(t *testing.T) {
	p := pool(t)
	c, err := p.Get(t.Context())
	require.NoError(t, err)
	assert.False(t, c.Reused)
	p.Put(c)
	again, err := p.Get(t.Context())
	require.NoError(t, err)
	assert.Same(t, c, again)
	assert.True(t, again.Reused)
	p.Put(again)
	fresh, err := p.Fresh(t.Context())
	require.NoError(t, err)
	assert.NotSame(t, c, fresh)
	assert.Equal(t, 2, p.Open())
	p.Discard(fresh)
	p.Idle = time.Nanosecond
	c, err = p.Get(t.Context())
	require.NoError(t, err)
	assert.False(t, c.Reused, "the other had waited too long")
	assert.Equal(t, 1, p.Open())
	p.Close()
	p.Put(c)
	_, err = p.Get(t.Context())
	assert.ErrorIs(t, err, ErrClosed)
}

func TestPoolLimit(t *testing.T) {
	p := pool(t)
	p.Limit(2)
	a, err := p.Get(t.Context())
	require.NoError(t, err)
	b, err := p.Get(t.Context())
	require.NoError(t, err)
	_, err = p.TryFresh(t.Context())
	assert.ErrorIs(t, err, ErrBusy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Get(ctx)
	assert.ErrorIs(t, err, context.Canceled)

	got := make(chan *Conn)
	wait := func() {
		c, err := p.Get(t.Context())
		assert.NoError(t, err)
		got <- c
	}
	go wait()
	p.Put(a)
	assert.Same(t, a, <-got)
	go wait()
	p.Discard(b)
	c := <-got
	assert.NotSame(t, a, c)
	assert.Equal(t, 2, p.Open())
	p.Put(c)
	fresh, err := p.TryFresh(t.Context()) // it takes the place of the idle one
	require.NoError(t, err)
	assert.Equal(t, 2, p.Open())
	go wait()
	p.Limit(3)
	c = <-got
	p.Limit(1)
	for _, used := range []*Conn{a, c, fresh} {
		p.Put(used)
	}
	assert.Equal(t, 1, p.Open())

	only, err := p.Get(t.Context())
	require.NoError(t, err)
	failed := make(chan error)
	go func() {
		_, err := p.Get(t.Context())
		failed <- err
	}()
	p.Close()
	assert.ErrorIs(t, <-failed, ErrClosed)
	p.Discard(only)
}

// TestFarewell: a connection makes room for another only when the server has closed it
// too, and a server that never does is waited for no longer than farewell.
func TestFarewell(t *testing.T) {
	left := make(chan struct{})
	p := pool(t, func() { <-left })
	p.Limit(1)
	c, err := p.Get(t.Context())
	require.NoError(t, err)
	p.Discard(c)
	assert.Zero(t, p.Open())
	got := make(chan *Conn)
	for range 2 {
		go func() {
			c, err := p.Fresh(t.Context())
			assert.NoError(t, err)
			got <- c
		}()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.TryFresh(ctx)
	assert.ErrorIs(t, err, context.Canceled, "it waits: nobody uses the connection")
	left <- struct{}{}
	p.Put(<-got)
	p.Discard(<-got)
	c, err = p.Get(t.Context()) // the server never says farewell
	require.NoError(t, err)
	p.Discard(c)
	p.Close()
	close(left)
}

func TestPoolUnderLoad(t *testing.T) {
	p := pool(t)
	p.Limit(4)
	var wg sync.WaitGroup
	var mu sync.Mutex
	used, most := 0, 0
	for i := range 16 {
		wg.Go(func() {
			for range 50 {
				c, err := p.Get(t.Context())
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				used++
				most = max(most, used)
				mu.Unlock()
				mu.Lock()
				used--
				mu.Unlock()
				if i%3 == 0 {
					p.Discard(c)
					continue
				}
				p.Put(c)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, most, 4)
	assert.LessOrEqual(t, p.Open(), 4)
}

func TestConnectingNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Pool{Network: "tcp", Address: l.Addr().String()}
	require.NoError(t, l.Close())
	_, err = p.Get(t.Context())
	require.Error(t, err)
	var timeout interface{ Timeout() bool }
	assert.NotErrorAs(t, err, &timeout)
	assert.Zero(t, p.Open())
}

func TestSplitAddress(t *testing.T) {
	for text, want := range map[string][2]string{
		"/run/clamd.sock": {"unix", "/run/clamd.sock"}, "unix:rel.sock": {"unix", "rel.sock"},
		"127.0.0.1:3310": {"tcp", "127.0.0.1:3310"}, "[::1]:3310": {"tcp", "[::1]:3310"}, "host:3310": {"tcp", "host:3310"},
		"": {}, "host": {}, ":3310": {}, "host:": {},
	} {
		network, address, err := SplitAddress(text)
		assert.Equal(t, want, [2]string{network, address}, text)
		assert.Equal(t, want[0] == "", err != nil, text)
	}
}
