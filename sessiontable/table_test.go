package sessiontable

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols"
)

var (
	alice = netip.MustParseAddr("192.0.2.1")
	bob   = netip.MustParseAddr("192.0.2.2")
	carol = netip.MustParseAddr("192.0.2.3")
)

const second = int64(time.Second)

// admit gives the client an entry that is at rest since the time given.
func admit(t *testing.T, table *Table, client netip.Addr, p protocols.Protocol, since int64) *Entry {
	t.Helper()
	e := &Entry{Key: Key{Client: client, Proto: p}, Owner: t}
	require.True(t, table.Admit(since, e))
	require.True(t, e.Rest(since))
	return e
}

// TestVictimsOfThreeClients: 5, 3 and 1 sessions, some of them active, and five
// newcomers in a row from a fourth client.
func TestVictimsOfThreeClients(t *testing.T) {
	table := New(Limits{Pool: 9})
	var a, b []*Entry
	for i := range int64(5) {
		a = append(a, admit(t, table, alice, protocols.HTTP, 10*second-i*second))
	}
	for range 3 {
		b = append(b, admit(t, table, bob, protocols.HTTP, 5*second))
	}
	c := admit(t, table, carol, protocols.HTTP, 0)
	require.True(t, a[3].Wake(), "in a transfer")
	require.True(t, a[2].Wake())
	require.True(t, b[0].Wake())

	now := 60 * second
	rule := DropRule{Idle: 30 * time.Second}
	newcomer := Key{Client: netip.MustParseAddr("192.0.2.4")}
	for i, want := range []Victim{
		{Entry: a[4], Client: 5, Rank: 1, IdleFor: 54 * time.Second},
		{Entry: a[1], Client: 4, Rank: 1, IdleFor: 51 * time.Second},
		{Entry: b[1], Client: 3, Rank: 1, IdleFor: 55 * time.Second}, // three sessions each: bob's rest longer, the lower number first
		{Entry: a[0], Client: 3, Rank: 1, IdleFor: 50 * time.Second},
		{Entry: b[2], Client: 2, Rank: 2, IdleFor: 55 * time.Second}, // the newcomers' client has more, but none that is idle
		{Entry: c, Client: 1, Rank: 3, IdleFor: 60 * time.Second},
	} {
		got, outcome := table.AdmitDropping(now, &Entry{Key: newcomer}, rule)
		require.Equal(t, Replaced, outcome)
		want.Key, want.Number, want.Of = want.Entry.Key, want.Entry.Number(), 9
		assert.True(t, want == got, "victim %d: want %+v, got %+v", i, want, got)
		assert.Equal(t, 9, table.Total())
	}
	_, outcome := table.AdmitDropping(now, &Entry{Key: newcomer}, rule)
	assert.Equal(t, Refused, outcome, "nobody is idle any more")
	for _, e := range []*Entry{a[3], a[2], b[0]} {
		assert.True(t, table.Release(e), "no transfer was cut")
	}
}

func TestIdleThresholdIsInclusive(t *testing.T) {
	table := New(Limits{Pool: 1})
	admit(t, table, alice, protocols.HTTP, 100)
	rule := DropRule{Idle: 30}
	_, outcome := table.AdmitDropping(129, &Entry{}, rule)
	assert.Equal(t, Refused, outcome)
	v, outcome := table.AdmitDropping(130, &Entry{}, rule)
	assert.Equal(t, Replaced, outcome)
	assert.EqualValues(t, 30, v.IdleFor)
}

func TestThresholdBeforeTheBeginningOfTime(t *testing.T) {
	table := New(Limits{Pool: 1})
	admit(t, table, alice, protocols.HTTP, math.MinInt64/2)
	_, ok := table.DropIdlest(math.MinInt64+5, DropRule{Idle: time.Hour})
	assert.False(t, ok)
}

func TestAnyTakesTheLongestRestOrTheOldestSession(t *testing.T) {
	table := New(Limits{Pool: 3})
	a1 := admit(t, table, alice, protocols.HTTP, 1)
	a2 := admit(t, table, alice, protocols.HTTP, 2)
	admit(t, table, bob, protocols.HTTP, 0)
	require.True(t, a1.Wake())

	e1 := &Entry{Key: Key{Client: carol}}
	v, _ := table.AdmitDropping(3, e1, DropRule{Any: true, Idle: time.Hour})
	assert.Same(t, a2, v.Entry, "the one at rest, though it is the younger")
	assert.False(t, v.Active)

	require.True(t, table.Release(e1))
	a3 := admit(t, table, alice, protocols.HTTP, 3)
	require.True(t, a3.Wake())
	v, _ = table.AdmitDropping(4, &Entry{Key: Key{Client: carol}}, DropRule{Any: true})
	assert.Same(t, a1, v.Entry, "none at rest: the lowest number")
	assert.True(t, v.Active)
	assert.Zero(t, v.IdleFor)
	assert.False(t, a1.Rest(5), "its exchange finds out")
	assert.False(t, a1.Wake())
}

func TestCandidatesMakeRoom(t *testing.T) {
	limits := Limits{Pool: 10, VDOM: []int{0, 3}}
	limits.Proto[protocols.POP3] = 2
	table := New(limits)
	for range 5 {
		admit(t, table, alice, protocols.HTTP, 0)
	}
	p1 := admit(t, table, bob, protocols.POP3, 5)
	admit(t, table, bob, protocols.POP3, 6)

	e := &Entry{Key: Key{Client: carol, Proto: protocols.POP3}}
	v, outcome := table.AdmitDropping(10, e, DropRule{})
	assert.Equal(t, Replaced, outcome)
	assert.Same(t, p1, v.Entry, "alice's sessions would make no room")
	assert.Equal(t, OfProtocol, v.Candidates)
	assert.Equal(t, ShortProtocol, e.Shortage())

	vdom := Key{Client: carol, VDOM: 1}
	for i := range int64(3) {
		w := &Entry{Key: vdom}
		require.True(t, table.Admit(i, w))
		w.Rest(20 - i)
	}
	require.Equal(t, 10, table.Total(), "the pool is full as well")
	e = &Entry{Key: Key{Client: alice, VDOM: 1}}
	v, outcome = table.AdmitDropping(30, e, DropRule{})
	assert.Equal(t, Replaced, outcome)
	assert.Equal(t, OfVDOM, v.Candidates)
	assert.Equal(t, 3, v.Of)
	assert.Equal(t, ShortVDOM|ShortPool, e.Shortage())

	e = &Entry{Key: Key{Client: bob, Proto: protocols.POP3, VDOM: 1}}
	_, outcome = table.AdmitDropping(31, e, DropRule{})
	assert.Equal(t, Refused, outcome, "nobody's end would make room for POP3 in the second VDOM")
	assert.Equal(t, ShortVDOM|ShortPool|ShortProtocol, e.Shortage())
}

func TestOneVictimMustBeEnough(t *testing.T) {
	table := New(Limits{Pool: 3})
	for range 3 {
		admit(t, table, alice, protocols.HTTP, 0)
	}
	table.SetLimits(Limits{Pool: 2})
	assert.Equal(t, 3, table.Total(), "lowering drops nobody")
	assert.False(t, table.Admit(1, &Entry{}))
	_, outcome := table.AdmitDropping(1, &Entry{}, DropRule{})
	assert.Equal(t, Refused, outcome)
	assert.Equal(t, 3, table.Total())
}

func TestAlwaysDropsThoughThereIsRoom(t *testing.T) {
	table := New(Limits{Pool: 100})
	a := admit(t, table, alice, protocols.HTTP, 0)
	e := &Entry{Key: Key{Client: bob}}
	v, outcome := table.AdmitDropping(5, e, DropRule{Always: true})
	assert.Equal(t, Replaced, outcome)
	assert.Same(t, a, v.Entry)
	_, outcome = table.AdmitDropping(6, &Entry{}, DropRule{Always: true})
	assert.Equal(t, Refused, outcome, "nobody is idle")
	assert.Equal(t, 1, table.Total())
}

func TestOutcomeWords(t *testing.T) {
	for o, want := range map[Outcome]string{Refused: "refused", Admitted: "admitted", Replaced: "replaced"} {
		assert.Equal(t, want, o.String())
	}
}

func TestAdmittedTwicePanics(t *testing.T) {
	table := New(Limits{Pool: 10})
	e := admit(t, table, alice, protocols.HTTP, 0)
	assert.Panics(t, func() { table.Admit(1, e) })
	assert.Equal(t, 1, table.Total())
	assert.True(t, table.Release(e), "the lock is free again")
}

func TestRestKeepsTheEarlierTime(t *testing.T) {
	table := New(Limits{Pool: 1})
	e := admit(t, table, alice, protocols.HTTP, 5)
	require.True(t, e.Rest(9))
	for r := range table.Rows {
		assert.EqualValues(t, 5, r.Since)
	}
}

// TestManySlices: visits that take the lock several times see every row once.
func TestManySlices(t *testing.T) {
	const n = 3*slice + 7
	table := New(Limits{Pool: n})
	require.Equal(t, n, table.FillPhantoms(50, Key{Client: alice}, n+5, 20))
	require.Zero(t, table.FillPhantoms(50, Key{Client: bob}, 1, 20), "full")
	seen := map[uint32]bool{}
	for r := range table.Rows {
		require.False(t, seen[r.Number])
		seen[r.Number] = true
		require.Equal(t, Row{Key: Key{Client: alice}, Number: r.Number, Admitted: 50, Resting: true, Since: 20}, r)
	}
	require.Len(t, seen, n)
	for range table.Rows {
		break // must not go on
	}
	v, ok := table.DropIdlest(60, DropRule{Idle: 40})
	require.True(t, ok, "phantoms are victims like others")
	assert.Nil(t, v.Entry.Owner)
	assert.EqualValues(t, 1, v.Number)

	assert.Empty(t, table.DropIdle(60, 41, nil))
	assert.Equal(t, n-1, table.DrainPhantoms())
	assert.Zero(t, table.Total())
	checkStructure(t, table)
}

func TestFullnessConversion(t *testing.T) {
	// The failopen package declares the same fields; a conversion must not need more.
	type same struct {
		Pool  bool
		Proto [protocols.Count]bool
		VDOM  []bool
	}
	table := New(Limits{Pool: 1, VDOM: []int{1}})
	var f Fullness
	epoch := table.Fullness(&f)
	assert.Equal(t, same{VDOM: []bool{false}}, same(f))
	admit(t, table, alice, protocols.HTTP, 0)
	assert.NotEqual(t, epoch, table.Epoch())
	table.Fullness(&f)
	assert.Equal(t, same{Pool: true, VDOM: []bool{true}}, same(f))
}

// TestNoAllocations covers what admission may do, in a table that has been in use.
func TestNoAllocations(t *testing.T) {
	limits := Limits{Pool: 64, VDOM: []int{60}}
	limits.Proto[protocols.HTTP] = 62
	table, entries := New(limits), make([]*Entry, 60)
	for i := range entries {
		entries[i] = &Entry{Key: Key{Client: address(i % 7)}}
		require.True(t, table.Admit(int64(i), entries[i]))
		entries[i].Rest(int64(i))
	}
	now, e := int64(100), &Entry{Key: Key{Client: address(3)}}
	var f Fullness
	turn := func() {
		now++
		v, outcome := table.AdmitDropping(now, e, DropRule{Idle: 10})
		require.Equal(t, Replaced, outcome)
		e.Rest(now)
		e = v.Entry
		table.Release(entries[0])
		table.Fullness(&f)
		table.Admit(now, entries[0])
		entries[0].Rest(now)
		entries[0].Wake()
	}
	for range 500 {
		turn()
	}
	assert.Zero(t, testing.AllocsPerRun(1000, turn))
}

// TestPhantomMemory: 100,000 entries filled from the console take at most 200 bytes
// each, everything included.
func TestPhantomMemory(t *testing.T) {
	const n = 100_000
	before := heapInUse()
	table := New(Limits{Pool: n})
	require.Equal(t, n, table.FillPhantoms(0, Key{Client: alice}, n, 0))
	assert.LessOrEqual(t, (int64(heapInUse())-int64(before))/n, int64(200))
	assert.Equal(t, n, table.Total())
}

// TestLadder compares the ladder with a list, on counts that need several levels.
func TestLadder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l ladder
		l.reach(1)
		most := rapid.SampledFrom([]int{5, 70, 5000}).Draw(t, "most")
		clients := map[int]uint32{}
		rests := map[int]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			count := rapid.IntRange(1, most).Draw(t, "count")
			l.reach(count)
			if rapid.Bool().Draw(t, "arrives") || clients[count] == 0 {
				l.move(0, count)
				clients[count]++
			} else {
				to := rapid.IntRange(0, min(count+9, most)).Draw(t, "to")
				l.reach(to)
				l.move(count, to)
				clients[count]--
				if to > 0 {
					clients[to]++
					rests[to] = rapid.Int64Range(0, 50).Draw(t, "rest")
					l.set(to, rests[to])
				}
			}
			rests[count] = never
			if clients[count] > 0 {
				rests[count] = rapid.SampledFrom([]int64{0, 7, 20, 50, never}).Draw(t, "rest")
			}
			l.set(count, rests[count])

			checkLadder(t, &l)
			limit := rapid.SampledFrom([]int64{-1, 7, 30, never}).Draw(t, "limit")
			want, above := most, uint32(0)
			for want > 0 && (clients[want] == 0 || rests[want] > limit) {
				above += clients[want]
				want--
			}
			got, gotAbove, ok := l.highest(limit)
			require.Equal(t, want > 0, ok)
			if ok {
				require.Equal(t, want, got)
				require.Equal(t, above, gotAbove)
			}
		}
	})
}
