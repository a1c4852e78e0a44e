package sessiontable

import (
	"sync"
	"sync/atomic"

	"utmsim/protocols"
)

// Table is the session table. All methods may be called concurrently.
type Table struct {
	announced atomic.Pointer[Entry] // entries that went to rest unknown to the index, latest first
	epoch     atomic.Uint64         // see Epoch
	_         [48]byte              // keeps the announcements of many CPUs off the mutex's cache line

	mu     sync.Mutex // guards the fields below
	limits Limits
	full   Fullness
	used   usage
	serial uint32   // the number given last
	rows   []*Entry // by slot; nil where none
	spare  []uint32 // slots without an entry
	kinds  [kinds]kind
}

// kind is the domains of one kind of candidates, by Candidates.index. A domain is
// nil where no limit could ever ask for it.
type kind struct {
	seats   seats
	domains []*domain
	kept    int // domains that are not nil
}

// New returns an empty table.
func New(l Limits) *Table {
	t := &Table{}
	t.SetLimits(l)
	return t
}

// Admit gives e an entry, active, if there is room for its key. Otherwise it
// changes nothing but what e.Shortage tells. An entry must not be in a table
// already.
func (t *Table) Admit(now int64, e *Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heedLocked()
	if e.short = t.shortageLocked(e.Key); e.short != 0 {
		return false
	}
	t.insertLocked(now, e, never)
	t.refreshLocked(e.Key)
	return true
}

// Release frees the entry. It reports false when the entry is not in the table, above
// all because it was dropped: the session then belongs to whoever dropped it.
// Release also serves to take any one session out of its owner's hands.
func (t *Table) Release(e *Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := e.word.Swap(wordOut) != wordOut
	t.heedLocked() // after the swap, so that a rest of e itself need not be learned any more
	if !held {
		return false
	}
	t.removeLocked(e)
	t.refreshLocked(e.Key)
	return true
}

// shortageLocked says which limits leave no room for a newcomer.
func (t *Table) shortageLocked(k Key) (s Shortage) {
	if !t.limits.PerProtocol && t.used.total.now >= t.limits.Pool {
		s |= ShortPool
	}
	if bound, ok := t.limits.proto(k.Proto); ok && t.used.proto[k.Proto].now >= bound {
		s |= ShortProtocol
	}
	if bound, ok := t.limits.vdom(k.VDOM); ok && t.used.vdom(k.VDOM).total.now >= bound {
		s |= ShortVDOM
	}
	return s
}

// insertLocked gives e a slot and a number; rest is never for an active session.
func (t *Table) insertLocked(now int64, e *Entry, rest int64) {
	if e.word.Load() != wordOut {
		panic("sessiontable: entry admitted twice")
	}
	slot, ok := pop(&t.spare)
	if !ok {
		slot = uint32(len(t.rows))
		t.rows = append(t.rows, nil)
	}
	t.rows[slot] = e
	t.serial++
	e.table, e.slot, e.number, e.admitted = t, slot, t.serial, now
	for c := range t.kinds {
		if d := t.domain(Candidates(c), e.Key); d != nil {
			d.insert(slot, e.Client, e.number, rest)
		}
	}
	t.used.add(e.Key, 1)
	if rest == never {
		e.word.Store(wordActive)
		return
	}
	e.word.Store(restWord(rest))
}

// removeLocked frees the place of e, whose word is wordOut already.
func (t *Table) removeLocked(e *Entry) {
	for c := range t.kinds {
		if d := t.domain(Candidates(c), e.Key); d != nil {
			d.remove(e.slot, e.Client)
		}
	}
	t.used.add(e.Key, -1)
	t.rows[e.slot] = nil
	t.spare = append(t.spare, e.slot)
}

// domain is the domain of a kind that the key belongs to, nil if it isn't kept.
func (t *Table) domain(c Candidates, k Key) *domain {
	kind := &t.kinds[c]
	if kind.kept == 0 {
		return nil
	}
	if i := c.index(k); i < len(kind.domains) {
		return kind.domains[i]
	}
	return nil
}

// rekeyLocked notes another rest of e in every domain.
func (t *Table) rekeyLocked(e *Entry, rest int64) {
	for c := range t.kinds {
		if d := t.domain(Candidates(c), e.Key); d != nil {
			d.rekey(e.slot, rest)
		}
	}
}

// heedLocked takes in the announced rests. Every operation on the structure begins
// with it, so that the index is behind by no rest that came before.
func (t *Table) heedLocked() {
	if t.announced.Load() == nil {
		return
	}
	for e := t.announced.Swap(nil); e != nil; {
		next := e.next // first: once it is wordActive again, its owner may announce it anew
		e.next = nil
		t.heedOneLocked(e)
		e = next
	}
}

func (t *Table) heedOneLocked(e *Entry) {
	for {
		w := e.word.Load()
		switch {
		case atRest(w):
			t.rekeyLocked(e, restSince(w))
			return
		case w == wordStale:
			if e.word.CompareAndSwap(wordStale, wordActive) {
				return
			}
		default:
			return // out of the table
		}
	}
}

// SetLimits changes the limits. Lowering one below the current use refuses
// newcomers and drops nobody.
func (t *Table) SetLimits(l Limits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heedLocked()
	t.limits = l.clone()
	t.arrangeLocked()
	t.full.VDOM = make([]bool, len(l.VDOM))
	for v := range max(1, len(l.VDOM)) {
		for _, p := range protocols.All {
			t.refreshLocked(Key{Proto: p, VDOM: uint16(v)})
		}
	}
	t.epoch.Add(1)
}

// Limit is the limit in force for a protocol: the pool, or its own if that is less.
func (t *Table) Limit(p protocols.Protocol) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bound, ok := t.limits.proto(p); ok {
		return min(bound, t.limits.Pool)
	}
	return t.limits.Pool
}

// Epoch changes whenever the answer of Fullness does. It takes no lock.
func (t *Table) Epoch() uint64 { return t.epoch.Load() }

// Fullness writes into f who has no room now and returns the epoch of that answer.
// The memory of f.VDOM is used again.
func (t *Table) Fullness(f *Fullness) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	f.Pool, f.Proto = t.full.Pool, t.full.Proto
	f.VDOM = append(f.VDOM[:0], t.full.VDOM...)
	return t.epoch.Load()
}

// refreshLocked brings the fullness in line after the use by a key has changed.
func (t *Table) refreshLocked(k Key) {
	s := t.shortageLocked(k)
	changed := flip(&t.full.Pool, s&ShortPool != 0)
	changed = flip(&t.full.Proto[k.Proto], s&ShortProtocol != 0) || changed
	if int(k.VDOM) < len(t.full.VDOM) {
		changed = flip(&t.full.VDOM[k.VDOM], s&ShortVDOM != 0) || changed
	}
	if changed {
		t.epoch.Add(1)
	}
}

// flip sets a flag and says whether that changed it.
func flip(flag *bool, v bool) bool {
	changed := *flag != v
	*flag = v
	return changed
}
