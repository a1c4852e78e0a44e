package sessiontable

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// duel lets two functions meet at the same moment, over and over, each round with
// another small difference in time. prepare runs before a round and judge after it.
func duel(rounds int64, prepare, ours, theirs, judge func()) {
	var begun, ended atomic.Int64
	defer begun.Store(-1) // where a judge gives up
	go func() {
		r := rand.New(rand.NewPCG(1, 1))
		for i := int64(1); i <= rounds; i++ {
			for begun.Load() != i {
				if begun.Load() < 0 {
					return
				}
				runtime.Gosched()
			}
			dither(r)
			theirs()
			ended.Store(i)
		}
	}()
	r := rand.New(rand.NewPCG(2, 2))
	for i := int64(1); i <= rounds; i++ {
		prepare()
		begun.Store(i)
		dither(r)
		ours()
		for ended.Load() != i {
			runtime.Gosched()
		}
		judge()
	}
}

// dither lets up to some hundred nanoseconds pass.
func dither(r *rand.Rand) {
	var spent atomic.Int32
	for range r.IntN(64) {
		spent.Add(1)
	}
}

const rounds = 3_000

// TestDuels: whatever a session does while somebody wants its entry, exactly one of
// the two has it afterwards, and a rest is never lost.
func TestDuels(t *testing.T) {
	resting := func(e *Entry) { e.Rest(1) }
	stale := func(e *Entry) { e.Rest(1); e.Wake() } // announced, then active again
	known := func(e *Entry) { e.Rest(1); e.table.heedLocked() }
	knownStale := func(e *Entry) { known(e); e.Wake() }
	for _, c := range []struct {
		name   string
		before func(*Entry)                            // brings a fresh entry into the state where they meet
		drop   func(*Table, *Entry) bool               // says whether it took the entry
		act    func(*Entry) bool                       // what the session does; false: it was told that the entry is gone
		after  func(t *testing.T, tb *Table, e *Entry) // where the session kept the entry
	}{
		{"idledrop meets wake", known, dropIdlest, (*Entry).Wake, activeStill},
		{"idledrop meets wake of an unheeded rest", resting, dropIdlest, (*Entry).Wake, activeStill},
		{"idledrop meets rest", knownStale, dropIdlest, restAgain, restingStill},
		{"idledrop meets rest after an unheeded one", stale, dropIdlest, restAgain, restingStill},
		{"idledrop any meets first rest", func(*Entry) {}, dropAny, restAgain, restingStill},
		{"drop idle meets wake", resting, dropIdle, (*Entry).Wake, activeStill},
		{"drop all meets rest", stale, dropAll, restAgain, restingStill},
		{"drop all meets first rest", func(*Entry) {}, dropAll, restAgain, restingStill},
		{"release meets rest", stale, (*Table).Release, restAgain, restingStill},
		{"heeding meets rest", stale, heed, restAgain, restingStill},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, e := New(Limits{Pool: 1}), &Entry{Owner: t}
			var dropped, told bool
			duel(rounds, func() {
				*e = Entry{Owner: t}
				if !table.Admit(0, e) {
					panic("the last round left an entry")
				}
				c.before(e)
			}, func() { dropped = c.drop(table, e) },
				func() { told = !c.act(e) },
				func() {
					if dropped {
						require.False(t, e.Wake())
						require.False(t, e.Rest(3))
						require.False(t, table.Release(e))
						require.Zero(t, table.Total())
						return
					}
					require.False(t, told)
					c.after(t, table, e)
				})
		})
	}
}

func dropIdlest(table *Table, _ *Entry) bool {
	_, ok := table.DropIdlest(5, DropRule{})
	return ok
}

func dropAny(table *Table, _ *Entry) bool {
	_, ok := table.DropIdlest(5, DropRule{Any: true})
	return ok
}

func dropIdle(table *Table, _ *Entry) bool { return len(table.DropIdle(5, 0, nil)) > 0 }

func dropAll(table *Table, _ *Entry) bool { return len(table.DropAll(nil)) > 0 }

// heed makes the table take in the announcements, and takes nothing.
func heed(table *Table, _ *Entry) bool {
	table.DropIdle(5, 100, nil)
	return false
}

func restAgain(e *Entry) bool { return e.Rest(2) }

// activeStill: the session woke and nobody may drop it as idle.
func activeStill(t *testing.T, table *Table, e *Entry) {
	_, ok := table.DropIdlest(9, DropRule{})
	require.False(t, ok)
	require.True(t, table.Release(e))
}

// restingStill: the session rests since 2, and the index finds it.
func restingStill(t *testing.T, table *Table, e *Entry) {
	checkStructure(t, table)
	v, ok := table.DropIdlest(9, DropRule{})
	require.True(t, ok, "the rest was lost")
	require.Same(t, e, v.Entry)
	require.EqualValues(t, 7, v.IdleFor)
}

// TestTugOfWar: a session wakes and rests without a pause while another goroutine
// drops sessions.
func TestTugOfWar(t *testing.T) {
	for _, c := range []struct {
		name  string
		drop  func(*Table, *Entry) bool
		live  func(t *testing.T, table *Table, exchanges int) (lost bool)
		lives int
		most  int // exchanges in a life
	}{
		{"idledrop", dropIdlest, liveAndRest, 40_000, 200},
		{"drop idle", dropIdle, liveAndRest, 150_000, 200},
		{"heeding", heed, liveAndRest, 10_000, 100},
		{"drop all", dropAll, liveAndLeave, 40_000, 20},
		{"any", dropAny, liveAndLeave, 40_000, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := New(Limits{Pool: 1})
			var over atomic.Bool
			dropped := make(chan int, 1)
			go func() {
				n := 0
				for !over.Load() {
					if c.drop(table, nil) {
						n++
					}
				}
				dropped <- n
			}()
			defer over.Store(true) // where a life fails
			r := rand.New(rand.NewPCG(1, 1))
			lost := 0
			for range c.lives / slowness {
				if c.live(t, table, r.IntN(c.most)) {
					lost++
				}
			}
			over.Store(true)
			require.Equal(t, lost, <-dropped)
			require.Zero(t, table.Total())
		})
	}
}

// liveAndRest is a session among those who drop idle ones. It may lose its entry at
// rest, and hears of it when it wakes; awake it keeps it; and once it rests for
// good, it is found.
func liveAndRest(t *testing.T, table *Table, exchanges int) (lost bool) {
	e := enter(t, table)
	for range exchanges {
		if !e.Rest(1) {
			require.FailNow(t, "dropped as idle while it was awake")
		}
		if !e.Wake() {
			return true
		}
	}
	if !e.Rest(1) {
		require.FailNow(t, "dropped as idle while it was awake")
	}
	mine := dropIdlest(table, e)
	if e.Wake() {
		require.FailNow(t, "the rest was lost")
	}
	return !mine
}

// liveAndLeave is a session that may be dropped at any time, and hears of it by the
// next thing it does.
func liveAndLeave(t *testing.T, table *Table, exchanges int) (lost bool) {
	e := enter(t, table)
	for range exchanges {
		if !e.Rest(1) || !e.Wake() {
			break
		}
	}
	mine := table.Release(e)
	if e.Rest(1) || e.Wake() {
		require.FailNow(t, "it came back")
	}
	return !mine
}

func enter(t *testing.T, table *Table) *Entry {
	e := &Entry{Owner: t}
	if !table.Admit(0, e) {
		require.FailNow(t, "the last session kept its entry")
	}
	return e
}
