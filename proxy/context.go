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
