package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/failopen"
	"utmsim/protocols"
)

// rowOf is the row of a client's session.
func (r *rig) rowOf(p *peer) (found Row, ok bool) {
	local := p.LocalAddr().(*net.TCPAddr).AddrPort()
	for row := range r.e.Rows {
		if row.Client == local {
			return row, true
		}
	}
	return found, false
}

// becomes waits until a client's session is in a state, and returns its row.
func (r *rig) becomes(p *peer, want RowState) (row Row) {
	r.t.Helper()
	r.eventually(func() bool {
		var ok bool
		row, ok = r.rowOf(p)
		return ok && row.State == want
	}, fmt.Sprintf("session becomes %s", want))
	return row
}

// TestRowsTellWhatSessionsDo has a session in each state there is.
func TestRowsTellWhatSessionsDo(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 6\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen pass\nend\n"+
		"config firewall profile-protocol-options\nedit default\nconfig http\nset keepalive-timeout 3600\nend\nend\n")
	origin := r.server.ln.Addr().(*net.TCPAddr).AddrPort()
	idle, inside, working, scanned := r.dial(), r.dial(), r.dial(), r.dial()
	idle.get(100)
	first := r.becomes(idle, RowIdle)
	assert.Equal(t, "root", first.VDOM)
	assert.Equal(t, protocols.HTTP, first.Proto)
	assert.Equal(t, origin, first.Server)
	assert.Equal(t, [2]int64{int64(len("get 100\n")), int64(len("100\n") + 100)}, [2]int64{first.Up, first.Down})
	assert.Positive(t, first.ClientEvents)
	assert.Positive(t, first.ServerEvents)
	assert.Empty(t, first.Verdict)
	assert.Zero(t, first.Held)
	r.clock.Add(int64(time.Minute))
	later, _ := r.rowOf(idle)
	assert.Equal(t, first.Session, later.Session)
	assert.Equal(t, first.Entry, later.Entry)
	assert.GreaterOrEqual(t, later.Idle, time.Minute)
	assert.GreaterOrEqual(t, later.Age, later.Idle)

	inside.say("busy")
	assert.Equal(t, "ok", inside.line())
	assert.Zero(t, r.becomes(inside, RowTransaction).Idle)
	working.say("wait")
	for verb := ""; verb != "wait"; verb = <-r.server.reached {
	}
	r.becomes(working, RowActive)
	gate := make(chan struct{})
	r.scan.block.Store(&gate)
	const size = 40_000
	scanned.say(fmt.Sprintf("get %d", size))
	assert.EqualValues(t, size, r.becomes(scanned, RowScan).Held)
	r.scan.block.Store(nil)
	close(gate)
	scanned.expect(size)
	assert.Zero(t, r.becomes(scanned, RowIdle).Held)
	scanned.say("bad")
	assert.Equal(t, "BLOCKED detected", scanned.line())
	blocked := r.becomes(scanned, RowIdle)
	assert.Equal(t, "detected", blocked.Verdict)
	assert.False(t, blocked.Server.IsValid(), "it was let go")
	assert.EqualValues(t, len("40000\n")+size+len("11\n")+len(badContent), blocked.Down)

	phantom := netip.MustParseAddr("192.0.2.7")
	require.Equal(t, 2, r.e.Fill("", protocols.POP3, 2, phantom, time.Hour))
	bypassed := r.dial()
	bypassed.say("bad")
	assert.Equal(t, "11", bypassed.line())
	_, err := bypassed.r.Discard(len(badContent))
	require.NoError(t, err)
	past := r.becomes(bypassed, RowIdle)
	assert.Equal(t, [3]any{uint32(0), failopen.Row(10), origin}, [3]any{past.Entry, past.Bypass, past.Server})
	assert.EqualValues(t, len("11\n")+len(badContent), past.Down)
	phantoms, all := 0, map[uint64]bool{}
	for row := range r.e.Rows {
		if row.Session != 0 {
			all[row.Session] = true
			continue
		}
		phantoms++
		assert.Equal(t, [3]any{phantom, protocols.POP3, RowIdle}, [3]any{row.Client.Addr(), row.Proto, row.State})
		assert.GreaterOrEqual(t, row.Idle, time.Hour)
		assert.NotZero(t, row.Entry)
	}
	assert.Equal(t, 2, phantoms)
	assert.Len(t, all, 5)
	for range r.e.Rows {
		break // which is allowed
	}
	r.e.Drain()
	r.server.let()
	working.expectWaited()
}

// TestRowsUnderTraffic looks while sessions come and go: a session that is there all
// the time is seen once in every visit.
func TestRowsUnderTraffic(t *testing.T) {
	r := newRig(t, "config system resource-limits\nset proxy 3\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen pass\nend\n")
	stays := r.dial()
	stays.get(1)
	local := stays.LocalAddr().(*net.TCPAddr).AddrPort()
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for range 20 {
				c := r.dial()
				for i := range 3 {
					c.get(1000 * i)
				}
				c.say("bad")
				c.line()
				c.Close()
			}
		})
	}
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	tick := time.NewTicker(time.Millisecond) // a visitor that never rests leaves others no processor
	defer tick.Stop()
	for visits := 0; ; visits++ {
		seen := 0
		for row := range r.e.Rows {
			if row.Client == local {
				seen++
			}
		}
		require.Equal(t, 1, seen, "visit %d", visits)
		select {
		case <-done:
			return
		case <-tick.C:
		}
	}
}
