package httpproxy

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"

	"utmsim/scanner"
)

// infections remembers the URLs of objects that were found to be infected when
// the client already had a part of them and could not be given the page any more.
// The next request for such a URL gets the page at once, without asking the
// server. It is bounded in number and in time: a server may have cleaned up. URLs are
// kept as digests, because there is no telling how long they are.
type infections struct {
	filled atomic.Bool // false: there was never one, which is the usual case

	mu     sync.Mutex // guards the fields below
	known  map[place]infection
	oldest []place // in order of entry
}

// place is where something was found: what one VDOM has met is not the business of
// another.
type place struct {
	vdom string
	url  [sha256.Size]byte
}

type infection struct {
	verdict     scanner.Verdict
	file        string
	quarantined string
	until       int64 // engine clock, ns
}

const (
	maxInfections = 1024
	infectionTime = int64(5 * 60 * 1e9) // ns
)

// placeOf is what the request asks for.
func (x *exchange) placeOf() place {
	return place{vdom: x.s.VDOM(), url: sha256.Sum256([]byte(x.label()))}
}

// remember enters a place at time now.
func (c *infections) remember(now int64, at place, what infection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[place]infection)
	}
	if _, again := c.known[at]; !again {
		c.oldest = append(c.oldest, at)
	}
	if len(c.oldest) > maxInfections {
		delete(c.known, c.oldest[0])
		c.oldest = c.oldest[1:]
	}
	what.until = now + infectionTime
	c.known[at] = what
	c.filled.Store(true)
}

// any tells that it is worth to look.
func (c *infections) any() bool { return c.filled.Load() }

// find looks a place up at time now. What is too old stays until it has to make room:
// its time may begin again.
func (c *infections) find(now int64, at place) (infection, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.known[at]
	return i, ok && now < i.until
}
