package sessiontable

import "time"

// slice is how many rows are visited under one hold of the lock by what goes over
// the whole table: some ten microseconds, too short for traffic to notice.
const slice = 1024

// Row is one entry as the console shows it.
type Row struct {
	Key
	Number   uint32
	Owner    any   // nil for a phantom
	Admitted int64 // when it was admitted
	Resting  bool
	Since    int64 // at rest since; only where Resting
}

// Rows visits the table without stopping traffic, in no particular order. Each
// entry that is in the table during the whole visit is seen once; what comes and
// goes meanwhile may be seen or not. The lock is not held while yield runs.
func (t *Table) Rows(yield func(Row) bool) {
	var rows []Row
	for slot := 0; ; slot += slice {
		var more bool
		rows, more = t.readSlice(rows[:0], slot)
		for _, r := range rows {
			if !yield(r) {
				return
			}
		}
		if !more {
			return
		}
	}
}

func (t *Table) readSlice(rows []Row, slot int) ([]Row, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries, more := t.sliceLocked(slot)
	for _, e := range entries {
		if e == nil {
			continue
		}
		r := Row{Key: e.Key, Number: e.number, Owner: e.Owner, Admitted: e.admitted}
		if w := e.word.Load(); atRest(w) {
			r.Resting, r.Since = true, restSince(w)
		}
		rows = append(rows, r)
	}
	return rows, more
}

// sliceLocked is the slice of the rows that begins at slot, and whether more follow.
func (t *Table) sliceLocked(slot int) ([]*Entry, bool) {
	if slot >= len(t.rows) {
		return nil, false
	}
	end := min(slot+slice, len(t.rows))
	return t.rows[slot:end], end < len(t.rows)
}

// DropIdle takes out all entries that have been at rest for at least idle and match;
// a nil match means all. Their sessions are the caller's to close. match must be
// quick and must not call the table.
func (t *Table) DropIdle(now int64, idle time.Duration, match func(Key) bool) []*Entry {
	limit := idleSince(now, DropRule{Idle: idle})
	return t.dropWhere(func(e *Entry) bool {
		if match != nil && !match(e.Key) {
			return false
		}
		w := e.word.Load()
		return atRest(w) && restSince(w) <= limit && e.word.CompareAndSwap(w, wordOut)
	})
}

// DropAll takes out all entries that match, active or not; nil means all. Their
// sessions are the caller's to close. match is as for DropIdle.
func (t *Table) DropAll(match func(Key) bool) []*Entry {
	return t.dropWhere(func(e *Entry) bool {
		if match != nil && !match(e.Key) {
			return false
		}
		e.word.Store(wordOut)
		return true
	})
}

// dropWhere frees the entries that claim has marked as out.
func (t *Table) dropWhere(claim func(*Entry) bool) (dropped []*Entry) {
	for slot, more := 0, true; more; slot += slice {
		dropped, more = t.dropSlice(dropped, slot, claim)
	}
	return dropped
}

func (t *Table) dropSlice(dropped []*Entry, slot int, claim func(*Entry) bool) ([]*Entry, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heedLocked()
	entries, more := t.sliceLocked(slot)
	for _, e := range entries {
		if e == nil || !claim(e) {
			continue
		}
		t.removeLocked(e)
		t.refreshLocked(e.Key)
		dropped = append(dropped, e)
	}
	return dropped, more
}
