package scanner

import (
	"container/list"
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// Cache remembers verdicts: content that was judged once is not judged again as long
// as the engines and their signatures are the same. What an object is called plays no
// part in it.
type Cache struct {
	hits, misses atomic.Int64

	mu      sync.Mutex // guards the fields below
	limit   int
	entries map[cacheKey]*list.Element
	order   list.List // of *cached, the one used last in front
}

// cacheKey is what a verdict depends on.
type cacheKey struct {
	sum     [sha256.Size]byte
	size    int64
	engines string // the set of engines and the version of what they know
	codings string
	limits  Limits
}

// cached is a verdict with the name that its object had.
type cached struct {
	key     cacheKey
	verdict Verdict
	name    string
}

// NewCache returns a cache for limit verdicts.
func NewCache(limit int) *Cache { return &Cache{limit: limit, entries: map[cacheKey]*list.Element{}} }

// Wrap puts the cache in front of s. version names what s is and knows; verdicts are
// used only under the same.
func (c *Cache) Wrap(s Scanner, version func() string) Scanner { return &caching{c, s, version} }

// Len is how many verdicts the cache has.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

// Counts is how many scans the cache has saved, and how many it could not.
func (c *Cache) Counts() (hits, misses int64) { return c.hits.Load(), c.misses.Load() }

type caching struct {
	*Cache
	next    Scanner
	version func() string
}

// Scan implements Scanner.
func (c *caching) Scan(ctx context.Context, obj *Object) (Verdict, error) {
	key, err := c.key(ctx, obj)
	if err != nil {
		return Verdict{}, err
	}
	if v, ok := c.find(key, obj.Name); ok {
		c.hits.Add(1)
		return v, nil
	}
	c.misses.Add(1)
	v, err := c.next.Scan(ctx, obj)
	if err == nil && c.version() == key.engines {
		c.keep(key, v, obj.Name)
	}
	return v, err
}

// key reads the whole object.
func (c *caching) key(ctx context.Context, obj *Object) (cacheKey, error) {
	k := cacheKey{engines: c.version(), codings: strings.Join(obj.Encodings, ","), limits: obj.Limits}
	if obj.Flat != nil {
		k.sum, k.size = sha256.Sum256(obj.Flat), int64(len(obj.Flat))
		return k, ctx.Err()
	}
	h := sha256.New()
	buf := make([]byte, 64<<10)
	for k.size < obj.Size {
		if err := ctx.Err(); err != nil {
			return k, err
		}
		want := min(obj.Size-k.size, int64(len(buf)))
		n, err := obj.Body.ReadAt(buf[:want], k.size)
		if int64(n) < want {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return k, err
		}
		h.Write(buf[:n])
		k.size += int64(n)
	}
	h.Sum(k.sum[:0])
	return k, nil
}

// find is the verdict under a key, as it is for an object called name: the way to
// the place inside it begins with its name.
func (c *Cache) find(key cacheKey, name string) (Verdict, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return Verdict{}, false
	}
	c.order.MoveToFront(e)
	known := e.Value.(*cached)
	v := known.verdict
	if v.Part == "" || known.name == name {
		return v, true
	}
	rest, ok := strings.CutPrefix(v.Part, known.name+"!")
	switch {
	case known.name == "":
		rest = v.Part
	case !ok:
		rest = "" // it is about the object itself, or its name was not fit for a path
	}
	if v.Part = rest; name != "" && rest != "" {
		v.Part = name + "!" + rest
	}
	return v, true
}

func (c *Cache) keep(key cacheKey, v Verdict, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.order.MoveToFront(e)
		return
	}
	c.entries[key] = c.order.PushFront(&cached{key, v, name})
	for c.order.Len() > c.limit {
		oldest := c.order.Back()
		delete(c.entries, oldest.Value.(*cached).key)
		c.order.Remove(oldest)
	}
}
