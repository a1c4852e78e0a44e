// Package remote is what the engines in other processes share: connections that are
// used again, and the bytes of an object as such an engine wants them.
//
// It does not know any protocol, and no error of it is a time-out: whether the time
// of a scan is over is said by the scan's context alone.
package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"utmsim/scanner"
)

// Defaults of a Pool.
const (
	DefaultConnectTimeout = 5 * time.Second
	// DefaultIdle is shorter than what clamd and c-icap wait for the next command.
	DefaultIdle = 10 * time.Second
	// maxIdle bounds the connections that wait for work.
	maxIdle = 64
	// farewell is how long a limited pool waits for the other end to close a
	// connection too, before it counts it as closed.
	farewell = time.Second
)

var (
	// ErrBusy is what TryFresh returns when no further connection is allowed now.
	ErrBusy = errors.New("all connections are in use")
	// ErrStale marks the failure of a connection that has worked before and may have
	// been closed by the other end since; see Retry.
	ErrStale = errors.New("the connection was closed")
	// ErrClosed is what a pool returns after Close.
	ErrClosed = errors.New("the engine was taken out of service")
)

// Pool keeps connections to one address. It is used by many goroutines at once.
type Pool struct {
	Network        string        // "tcp" or "unix"
	Address        string        // host:port, or a path
	ConnectTimeout time.Duration // 0 means DefaultConnectTimeout
	Idle           time.Duration // how long a connection may wait for work; 0 means DefaultIdle

	mu      sync.Mutex         // guards the fields below
	idle    []*Conn            // the one used last at the end
	open    int                // connections, idle ones included
	limit   int                // of open; 0: none
	leaving map[*Conn]struct{} // of open: closed by this end, not yet by the other
	waiting []chan struct{}
	closed  bool

	farewells sync.WaitGroup // of leaving
}

// Conn is a connection of a pool, owned by who got it until Put or Discard.
type Conn struct {
	net.Conn
	R *bufio.Reader
	W *bufio.Writer // errors of writing show when it is flushed
	// Reused tells that the connection has done work before, so that the other end
	// may have closed it since.
	Reused bool
	// Uses is for the protocol: how many commands it has seen.
	Uses int

	since time.Time // it waits
}

// SplitAddress tells what "/path", "unix:/path" and "host:port" mean.
func SplitAddress(text string) (network, address string, err error) {
	const unix = "unix:"
	switch {
	case len(text) > len(unix) && text[:len(unix)] == unix:
		return "unix", text[len(unix):], nil
	case len(text) > 0 && text[0] == '/':
		return "unix", text, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || port == "" {
		return "", "", fmt.Errorf("address %q: want host:port, or the path of a socket", text)
	}
	return "tcp", text, nil
}

// Limit sets how many connections may be open at once, idle ones included; 0 is no
// limit.
func (p *Pool) Limit(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = n
	p.wakeLocked()
}

// Get returns a connection that was used before, or a fresh one. When the limit is
// reached it waits for one until ctx ends.
func (p *Pool) Get(ctx context.Context) (*Conn, error) { return p.get(ctx, true, true) }

// Fresh returns a connection that nobody has used. When the limit is reached it
// closes an idle one or waits.
func (p *Pool) Fresh(ctx context.Context) (*Conn, error) { return p.get(ctx, false, true) }

// TryFresh is Fresh that returns ErrBusy instead of waiting for a connection in use.
func (p *Pool) TryFresh(ctx context.Context) (*Conn, error) { return p.get(ctx, false, false) }

func (p *Pool) get(ctx context.Context, reuse, wait bool) (*Conn, error) {
	for {
		c, ready, err := p.take(reuse)
		switch {
		case err != nil:
			return nil, err
		case c != nil:
			return c, nil
		case ready == nil:
			return p.dial(ctx)
		case !wait && !p.anyLeaving():
			p.forget(ready)
			return nil, ErrBusy
		}
		select {
		case <-ready:
		case <-ctx.Done():
			p.forget(ready)
			return nil, ctx.Err()
		}
	}
}

// take returns an idle connection, or neither when a new one may be made, or what
// is closed when it is worth to try again.
func (p *Pool) take(reuse bool) (*Conn, chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	p.expireLocked(time.Now())
	if n := len(p.idle); reuse && n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		c.Reused = true
		return c, nil, nil
	}
	if p.limit > 0 && p.open-len(p.leaving) >= p.limit && len(p.idle) > 0 {
		p.closeLocked(p.idle[0])
		p.idle = p.idle[1:]
	}
	if p.limit == 0 || p.open < p.limit {
		p.open++
		return nil, nil, nil
	}
	ready := make(chan struct{})
	p.waiting = append(p.waiting, ready)
	return nil, ready, nil
}

// expireLocked closes the connections that have waited too long for work.
func (p *Pool) expireLocked(now time.Time) {
	idle := p.Idle
	if idle == 0 {
		idle = DefaultIdle
	}
	n := 0
	for n < len(p.idle) && now.Sub(p.idle[n].since) >= idle {
		p.closeLocked(p.idle[n])
		n++
	}
	p.idle = p.idle[n:]
}

// closeLocked closes a connection. Where their number is limited the other end has
// to close it too before it makes room for another: a server that is told of one more
// than it takes before it has noticed the end of one refuses it.
func (p *Pool) closeLocked(c *Conn) {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if p.limit == 0 || p.closed || !ok || half.CloseWrite() != nil {
		_ = c.Close() // nothing of interest was left on it
		p.open--
		p.wakeLocked()
		return
	}
	if p.leaving == nil {
		p.leaving = make(map[*Conn]struct{})
	}
	p.leaving[c] = struct{}{}
	p.farewells.Go(func() {
		if c.SetDeadline(time.Now().Add(farewell)) == nil {
			_, _ = io.Copy(io.Discard, c.Conn)
		}
		_ = c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.leaving, c)
		p.open--
		p.wakeLocked()
	})
}

func (p *Pool) anyLeaving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.leaving) > 0
}

// wakeLocked lets as many try again as there is room for.
func (p *Pool) wakeLocked() {
	room := len(p.waiting)
	if p.limit > 0 {
		room = min(room, p.limit-p.open+len(p.idle))
	}
	for ; room > 0; room-- {
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// forget gives up waiting; a chance that came in the meantime goes to the next.
func (p *Pool) forget(ready chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiting {
		if w == ready {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return
		}
	}
	p.wakeLocked()
}

func (p *Pool) dial(ctx context.Context) (*Conn, error) {
	timeout := p.ConnectTimeout
	if timeout == 0 {
		timeout = DefaultConnectTimeout
	}
	d := net.Dialer{Timeout: timeout}
	c, err := d.DialContext(ctx, p.Network, p.Address)
	if err != nil {
		p.mu.Lock()
		p.open--
		p.wakeLocked()
		p.mu.Unlock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("connecting %s: %v", p.Address, err) // not %w: see the package comment
	}
	return &Conn{Conn: c, R: bufio.NewReader(c), W: bufio.NewWriterSize(c, 16<<10)}, nil
}

// Put gives a connection back that can do more work.
func (p *Pool) Put(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle || p.limit > 0 && p.open-len(p.leaving) > p.limit {
		p.closeLocked(c)
		return
	}
	c.since = time.Now()
	p.idle = append(p.idle, c)
	p.wakeLocked()
}

// Discard closes a connection.
func (p *Pool) Discard(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeLocked(c)
}

// Open is how many connections there are that this end has not closed.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open - len(p.leaving)
}

// Close closes the idle connections; those in use are closed when they come back.
func (p *Pool) Close() {
	defer p.farewells.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for c := range p.leaving {
		_ = c.Close()
	}
	for _, c := range p.idle {
		p.closeLocked(c)
	}
	p.idle = nil
	for _, w := range p.waiting {
		close(w)
	}
	p.waiting = nil
}

// Bind has reads and writes of c end when ctx ends. What it returns undoes that and
// tells whether ctx was still alive, so that c can be used on.
func (c *Conn) Bind(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

// Failed is the error of work on a connection: ctx's when that has ended, otherwise
// what was being done and why it failed.
func Failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failed := fmt.Errorf("%s: %v", doing, err) // not %w: see the package comment
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, gone) {
			return lost{failed}
		}
	}
	return failed
}

// lost is a failure that wraps scanner.ErrLost.
type lost struct{ error }

func (lost) Is(target error) bool { return target == scanner.ErrLost }

// Retry runs work on a connection of the pool, and when that turns out to be stale
// once more on a fresh one. Work gives the connection back.
func Retry[T any](ctx context.Context, p *Pool, work func(get func(context.Context) (*Conn, error)) (T, error)) (T, error) {
	v, err := work(p.Get)
	if errors.Is(err, ErrStale) && ctx.Err() == nil {
		return work(p.Fresh)
	}
	return v, err
}
