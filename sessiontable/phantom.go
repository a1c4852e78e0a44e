package sessiontable

import "math"

// FillPhantoms adds up to n entries without a session, all with the given key and
// at rest since idleSince, as far as there is room, and returns how many it added.
// Phantoms count, and are victims, like any other entry; their Owner is nil.
func (t *Table) FillPhantoms(now int64, k Key, n int, idleSince int64) int {
	added := 0
	for added < n {
		want := min(slice, n-added)
		got := t.fillSlice(now, k, want, idleSince)
		added += got
		if got < want {
			break
		}
	}
	return added
}

// fillSlice adds phantoms under one hold of the lock. They are allocated together,
// no more than fit.
func (t *Table) fillSlice(now int64, k Key, n int, idleSince int64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heedLocked()
	n = min(n, t.roomLocked(k))
	if n <= 0 {
		return 0
	}
	entries := make([]Entry, n)
	for i := range entries {
		entries[i].Key = k
		t.insertLocked(now, &entries[i], idleSince)
	}
	t.refreshLocked(k)
	return n
}

// roomLocked is how many newcomers of a key there is room for; it may be negative.
func (t *Table) roomLocked(k Key) int {
	room := math.MaxInt // the pool or the protocol bounds it in any case
	if !t.limits.PerProtocol {
		room = min(room, t.limits.Pool-t.used.total.now)
	}
	if bound, ok := t.limits.proto(k.Proto); ok {
		room = min(room, bound-t.used.proto[k.Proto].now)
	}
	if bound, ok := t.limits.vdom(k.VDOM); ok {
		room = min(room, bound-t.used.vdom(k.VDOM).total.now)
	}
	return room
}

// DrainPhantoms takes out all phantoms and returns how many there were.
func (t *Table) DrainPhantoms() int {
	return len(t.dropWhere(func(e *Entry) bool {
		if e.Owner != nil {
			return false
		}
		e.word.Store(wordOut)
		return true
	}))
}
