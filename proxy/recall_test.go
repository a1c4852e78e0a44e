package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/failopen"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

func TestRingKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring[int]
		n := rapid.IntRange(0, 3*remembered).Draw(t, "n")
		for i := range n {
			r.add(i)
		}
		var got []int
		r.newestFirst(func(v *int) bool { got = append(got, *v); return true })
		var want []int
		for i := n - 1; i >= max(0, n-remembered); i-- {
			want = append(want, i)
		}
		require.Equal(t, want, got)
	})
}

// TestDecisionsAreRemembered refuses, bypasses and drops, and asks afterwards.
func TestDecisionsAreRemembered(t *testing.T) {
	policy := func(p string) string { return "config system global\nset av-failopen " + p + "\nend\n" }
	r := newRig(t, "config system resource-limits\nset proxy 1\nend\nconfig system simulator\nset idle-threshold 0\nend\n"+
		"config system global\nset av-failopen-session enable\nend\n"+policy("off"))
	r.dial().get(3)
	r.idle(1)
	r.refused()
	refused, ok := r.e.FindTurnedAway(2)
	require.True(t, ok)
	assert.True(t, refused.Refused)
	assert.Equal(t, failopen.Row(9), refused.Row)
	assert.Equal(t, failopen.SessionTrigger, refused.Trigger)
	assert.Equal(t, failopen.Off, refused.Policy)
	assert.Equal(t, 1, refused.Entries)
	assert.Equal(t, 1, refused.Limit)
	assert.EqualValues(t, 2, refused.Session)
	_, ok = r.e.FindTurnedAway(3)
	assert.False(t, ok)

	r.load(policy("pass"))
	p := r.dial()
	p.get(3)
	bypassed, ok := r.e.FindTurnedAway(3)
	require.True(t, ok)
	assert.False(t, bypassed.Refused)
	assert.Equal(t, failopen.Row(10), bypassed.Row)
	p.Close()
	r.eventually(func() bool { _, ok := r.e.FindLeaked(3); return ok }, "in the ledger")
	leak, _ := r.e.FindLeaked(3)
	assert.Equal(t, []stats.LeakReason{stats.LeakFailopen}, leak.Reasons)
	assert.Equal(t, leak.Bytes, r.e.Report().Ledger[protocols.HTTP].Leaks[stats.LeakFailopen].Bytes)
	assert.Equal(t, failopen.Row(10), leak.Row)
	assert.Len(t, r.e.Leaked(10), 1)

	r.load(policy("idledrop"))
	r.dial().get(3)
	drop, ok := r.e.FindDrop(1)
	require.True(t, ok)
	assert.EqualValues(t, 1, drop.Session)
	assert.EqualValues(t, 4, drop.Newcomer)
	assert.Equal(t, failopen.Row(12), drop.Row)
	assert.Equal(t, 1, drop.Rank)
	again, ok := r.e.FindDropped(1)
	require.True(t, ok)
	assert.Equal(t, drop, again)
	var row Row
	r.e.Rows(func(x Row) bool { row = x; return x.Session != 4 })
	assert.Equal(t, failopen.Row(12), row.Admitted)
}
