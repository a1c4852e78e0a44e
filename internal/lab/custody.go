package lab

import "sync"

// custody is the list of what an origin must end before it can say it is
// closed: connections, running handlers, accept loops.
type custody struct {
	mu     sync.Mutex // guards the fields below
	closed bool
	held   map[any]func()
	wg     sync.WaitGroup
}

// admit takes key into custody; end is called once if the custody closes while
// key is still held. It reports false, and takes nothing, after close.
func (c *custody) admit(key any, end func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if c.held == nil {
		c.held = make(map[any]func())
	}
	c.held[key] = end
	c.wg.Add(1)
	return true
}

// leave gives key back. A key that isn't held is ignored, so that Close methods
// may call it twice.
func (c *custody) leave(key any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.held[key]; !ok {
		return
	}
	delete(c.held, key)
	c.wg.Done()
}

// run executes work in a goroutine held under key.
func (c *custody) run(key any, end func(), work func()) bool {
	if !c.admit(key, end) {
		return false
	}
	go func() {
		defer c.leave(key)
		work()
	}()
	return true
}

// close ends everything held and waits until all of it has left.
func (c *custody) close() {
	c.mu.Lock()
	c.closed = true
	ends := make([]func(), 0, len(c.held))
	for _, end := range c.held {
		ends = append(ends, end)
	}
	c.mu.Unlock()
	for _, end := range ends {
		end()
	}
	c.wg.Wait()
}
