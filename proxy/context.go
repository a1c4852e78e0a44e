package proxy

import (
	"context"
	"sync"
	"time"
)

// sessionContext is the context that drivers and scanners get. It becomes a
// real one only when somebody asks for its Done channel, so that an exchange
// which never waits for one costs nothing.
type sessionContext struct {
	mu     sync.Mutex // guards the fields below
	inner  context.Context
	stop   context.CancelCauseFunc
	ended  bool
	reason error
}

func (c *sessionContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *sessionContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.stop = context.WithCancelCause(context.Background())
		if c.ended {
			c.stop(c.reason)
		}
	}
	return c.inner.Done()
}

func (c *sessionContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

// Value lets the context package see the real context, so that children attach
// to it directly.
func (c *sessionContext) Value(key any) any {
	c.mu.Lock()
	inner := c.inner
	c.mu.Unlock()
	if inner == nil {
		return nil
	}
	return inner.Value(key)
}

// cancel ends what runs under the context.
func (c *sessionContext) cancel(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended, c.reason = true, reason
	if c.stop != nil {
		c.stop(reason)
	}
}

// timeLimit is a context that ends after a while. Like sessionContext it becomes
// a real one, with a timer, only when somebody asks for its Done channel: most
// scans are over before.
type timeLimit struct {
	context.Context // that it is derived from
	until           time.Time

	mu    sync.Mutex // guards the fields below
	inner context.Context
	stop  context.CancelFunc
}

// begin derives the context from ctx; end frees what it holds.
func (l *timeLimit) begin(ctx context.Context, after time.Duration) context.Context {
	l.Context, l.until = ctx, time.Now().Add(after)
	return l
}

func (l *timeLimit) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
}

func (l *timeLimit) Deadline() (time.Time, bool) { return l.until, true }

func (l *timeLimit) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner == nil {
		l.inner, l.stop = context.WithDeadline(l.Context, l.until)
	}
	return l.inner.Done()
}

func (l *timeLimit) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inner != nil {
		return l.inner.Err()
	}
	if err := l.Context.Err(); err != nil {
		return err
	}
	if time.Now().Before(l.until) {
		return nil
	}
	return context.DeadlineExceeded
}

// Value lets the context package see the real context, as in sessionContext.
func (l *timeLimit) Value(key any) any {
	l.mu.Lock()
	inner := l.inner
	l.mu.Unlock()
	if inner == nil {
		inner = l.Context
	}
	return inner.Value(key)
}
