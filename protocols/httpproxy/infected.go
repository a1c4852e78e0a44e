package httpproxy

import (
	"sync"
	"sync/atomic"

	"utmsim/scanner"
)

// infections remembers the URLs of objects that were found to be infected when
// the client already had a part of them and could not be given the page any more.
// The next request for such a URL gets the page at once, without asking the
// server. It is bounded in number and in time: a server may have cleaned up.
type infections struct {
	filled atomic.Bool // false: there was never one, which is the usual case

	mu     sync.Mutex // guards the fields below
	byURL  map[string]infection
	oldest []string // URLs in order of entry, also of those that were found too old
}

type infection struct {
	verdict scanner.Verdict
	file    string
	until   int64 // engine clock, ns
}

const (
	maxInfections = 1024
	infectionTime = int64(5 * 60 * 1e9) // ns
)

// remember enters a URL at time now.
func (c *infections) remember(now int64, url, file string, v scanner.Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byURL == nil {
		c.byURL = make(map[string]infection)
	}
	if _, again := c.byURL[url]; !again {
		c.oldest = append(c.oldest, url)
	}
	for len(c.oldest) > maxInfections {
		delete(c.byURL, c.oldest[0])
		c.oldest = c.oldest[1:]
	}
	c.byURL[url] = infection{verdict: v, file: file, until: now + infectionTime}
	c.filled.Store(true)
}

// any tells that it is worth to look.
func (c *infections) any() bool { return c.filled.Load() }

// find looks a URL up at time now.
func (c *infections) find(now int64, url string) (infection, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := c.byURL[url]
	if ok && now >= i.until {
		delete(c.byURL, url)
		return i, false
	}
	return i, ok
}
