package sessiontable

import (
	"github.com/stretchr/testify/require"
)

// checkStructure checks the invariants of the idle index.
func checkStructure(t require.TestingT, table *Table) {
	table.mu.Lock()
	defer table.mu.Unlock()
	for c := range table.kinds {
		for _, d := range table.kinds[c].domains {
			if d != nil {
				checkDomain(t, table, d)
			}
		}
	}
}

func checkDomain(t require.TestingT, table *Table, d *domain) {
	entries := 0
	standing := map[int]int{}
	for addr, id := range d.ids {
		h := d.clients[id]
		require.NotEmpty(t, h)
		checkHeap(t, h, *d.entries)
		entries += len(h)
		standing[len(h)]++
		for _, it := range h {
			e := table.rows[it.ref]
			require.Equal(t, addr, e.Client)
			require.Equal(t, id, (*d.entries)[it.ref].heap)
			require.Equal(t, e.number, it.number)
			checkKey(t, e, it.rest)
		}
		inBucket := d.buckets[d.standing[id].heap][d.standing[id].pos]
		require.Equal(t, item{rest: h[0].rest, number: h[0].number, ref: id}, inBucket)
	}
	require.Equal(t, d.size, entries)
	for count, r := range d.ladder.levels[0] {
		require.EqualValues(t, standing[count], r.clients)
		if r.clients == 0 {
			require.Equal(t, never, r.rest)
			continue
		}
		b := d.bucket(count)
		require.Len(t, b, standing[count])
		checkHeap(t, b, d.standing)
		require.Equal(t, b[0].rest, r.rest)
	}
	checkLadder(t, &d.ladder)
}

// checkKey: the key is a lower bound of the rest, and an entry whose key is never is
// active or announced.
func checkKey(t require.TestingT, e *Entry, key int64) {
	w := e.word.Load()
	switch {
	case key == never:
		require.True(t, w == wordActive || announced(e), "word %d", w)
	case atRest(w):
		require.LessOrEqual(t, key, restSince(w))
	default:
		require.Equal(t, wordStale, w)
	}
}

func announced(e *Entry) bool {
	for a := e.table.announced.Load(); a != nil; a = a.next {
		if a == e {
			return true
		}
	}
	return false
}

func checkHeap(t require.TestingT, h heap, seats []seat) {
	for i, it := range h {
		require.EqualValues(t, i, seats[it.ref].pos)
		if i > 0 {
			require.False(t, it.before(h[(i-1)/arity]))
		}
	}
}

func checkLadder(t require.TestingT, l *ladder) {
	for i := 1; i < len(l.levels); i++ {
		for n, r := range l.levels[i] {
			want := rung{rest: never}
			for _, below := range l.levels[i-1][n*fan : min(n*fan+fan, len(l.levels[i-1]))] {
				want.clients += below.clients
				want.rest = min(want.rest, below.rest)
			}
			require.Equal(t, want, r)
		}
	}
	require.LessOrEqual(t, len(l.levels[len(l.levels)-1]), fan)
}
