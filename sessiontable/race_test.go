package sessiontable

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// visitor is a session of the concurrency tests.
type visitor struct {
	Entry
	closed atomic.Int32 // by its owner or by whoever dropped it, exactly once in all
}

func newVisitor(r *rand.Rand) *visitor {
	v := &visitor{}
	v.Key = Key{Client: address(r.IntN(9)), Proto: protocols.All[r.IntN(protocols.Count)], VDOM: uint16(r.IntN(2))}
	v.Owner = v
	return v
}

func closeAll(entries ...*Entry) {
	for _, e := range entries {
		e.Owner.(*visitor).closed.Add(1)
	}
}

const (
	dialers = 64
	visits  = 400
	limit   = 100
)

// crowdOf runs visit for every visit of every dialer and waits for all of them.
func crowdOf(visit func(r *rand.Rand)) {
	var wg sync.WaitGroup
	for i := range dialers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range visits {
				visit(r)
			}
		})
	}
	wg.Wait()
}

// TestNeverOneAboveTheLimit counts the open sessions outside the table.
func TestNeverOneAboveTheLimit(t *testing.T) {
	table := New(Limits{Pool: limit})
	var open, most, admitted, refused atomic.Int64
	gate := make(chan struct{}, limit/2) // keeps half of the sessions open until others come
	crowdOf(func(r *rand.Rand) {
		v := newVisitor(r)
		if !table.Admit(0, &v.Entry) {
			refused.Add(1)
			runtime.Gosched()
			return
		}
		admitted.Add(1)
		for n := open.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		select {
		case gate <- struct{}{}:
			runtime.Gosched()
			<-gate
		default:
		}
		open.Add(-1)
		assert.True(t, table.Release(&v.Entry))
	})
	assert.LessOrEqual(t, most.Load(), int64(limit))
	assert.LessOrEqual(t, table.PeakTotal(), limit)
	assert.EqualValues(t, dialers*visits, admitted.Load()+refused.Load())
	assert.Zero(t, table.Total())
	checkStructure(t, table)
}

// TestEveryVictimIsClosedOnce drives the table with all operations at once. Sessions
// rest and wake while others drop them; each that was admitted must be closed
// by exactly one side.
func TestEveryVictimIsClosedOnce(t *testing.T) {
	for _, limits := range []Limits{
		{Pool: limit},
		{Pool: limit, PerProtocol: true},
		{Pool: limit, Proto: [protocols.Count]int{protocols.HTTP: 10}, VDOM: []int{0, 30}},
	} {
		table := New(limits)
		var clock atomic.Int64
		var admitted sync.Map // every session that got an entry
		stop := make(chan struct{})
		var bystanders sync.WaitGroup
		bystanders.Go(func() { disturb(t, table, limits, &clock, stop) })

		crowdOf(func(r *rand.Rand) {
			v := newVisitor(r)
			rule := DropRule{Any: r.IntN(8) == 0, Always: r.IntN(16) == 0}
			victim, outcome := table.AdmitDropping(clock.Add(1), &v.Entry, rule)
			if outcome == Refused {
				runtime.Gosched()
				return
			}
			admitted.Store(v, true)
			if outcome == Replaced {
				closeAll(victim.Entry)
			}
			v.live(table, r, &clock)
		})
		close(stop)
		bystanders.Wait()

		closeAll(table.DropAll(nil)...) // those whose owners left them at rest
		sessions := 0
		admitted.Range(func(v, _ any) bool {
			sessions++
			require.EqualValues(t, 1, v.(*visitor).closed.Load())
			return true
		})
		assert.NotZero(t, sessions)
		assert.Zero(t, table.Total())
		for _, p := range protocols.All {
			assert.Zero(t, table.Current(p))
			assert.LessOrEqual(t, table.Peak(p), table.Limit(p))
		}
		checkStructure(t, table)
	}
}

// live is the life of an admitted session: some exchanges, then it is released or
// left at rest for others to drop.
func (v *visitor) live(table *Table, r *rand.Rand, clock *atomic.Int64) {
	for range r.IntN(6) {
		if !v.Rest(clock.Add(1)) {
			return
		}
		if r.IntN(4) == 0 {
			runtime.Gosched()
		}
		if !v.Wake() {
			return
		}
	}
	if r.IntN(3) == 0 {
		v.Rest(clock.Add(1))
		return
	}
	if table.Release(&v.Entry) {
		closeAll(&v.Entry)
	}
}

// disturb does what consoles and administrators do, until stop.
func disturb(t *testing.T, table *Table, limits Limits, clock *atomic.Int64, stop chan struct{}) {
	var f Fullness
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		rows := 0
		for range table.Rows {
			rows++
		}
		if !limits.PerProtocol {
			assert.LessOrEqual(t, rows, limit)
			assert.LessOrEqual(t, table.PeakTotal(), limit)
		}
		table.Fullness(&f)
		if v, ok := table.DropIdlest(clock.Load(), DropRule{}); ok {
			closeAll(v.Entry)
		}
		switch i % 16 {
		case 3:
			closeAll(table.DropIdle(clock.Load(), 50, nil)...)
		case 7:
			closeAll(table.DropAll(func(k Key) bool { return k.Proto == protocols.FTP })...)
		case 11:
			lower := limits
			lower.Pool, lower.Proto[protocols.POP3] = limit/2, 5
			table.SetLimits(lower)
			table.SetLimits(limits)
		}
		runtime.Gosched()
	}
}
