package resolver

import (
	"container/list"
	"time"
)

// cache keeps answers until their time is over, or until newer ones need the room;
// then the least recently used goes first. A name that does not exist is kept for
// each type by itself: there are servers that deny a name when asked for its AAAA
// and know it when asked for its A (RFC 4074 section 4.2).
type cache struct {
	entries map[question]*list.Element // of *entry
	recent  *list.List                 // most recently used first
}

type entry struct {
	question question
	answer   answer
	since    time.Time
}

func newCache() cache {
	return cache{entries: make(map[question]*list.Element), recent: list.New()}
}

// get returns what is known about q at now. A positive answer is good for its TTL or
// longest, whichever is less.
func (c *cache) get(q question, now time.Time, longest time.Duration) (answer, bool) {
	element := c.entries[q]
	if element == nil {
		return answer{}, false
	}
	e := element.Value.(*entry)
	ttl := e.answer.ttl
	if e.answer.err == nil {
		ttl = min(ttl, longest)
	}
	if now.Sub(e.since) >= ttl {
		c.remove(element)
		return answer{}, false
	}
	c.recent.MoveToFront(element)
	return e.answer, true
}

// put keeps a, as one of at most limit entries. What has no time to live is not kept.
func (c *cache) put(q question, a answer, now time.Time, limit int) {
	if old := c.entries[q]; old != nil {
		c.remove(old)
	}
	if a.ttl <= 0 || limit == 0 {
		return
	}
	c.shrink(limit - 1)
	c.entries[q] = c.recent.PushFront(&entry{question: q, answer: a, since: now})
}

// shrink removes the least recently used entries until there are no more than limit.
func (c *cache) shrink(limit int) {
	for len(c.entries) > limit {
		c.remove(c.recent.Back())
	}
}

func (c *cache) remove(element *list.Element) {
	delete(c.entries, element.Value.(*entry).question)
	c.recent.Remove(element)
}
