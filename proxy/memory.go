package proxy

import "sync/atomic"

// memory is the appliance's memory model: an exact sum of what the settings, the
// sessions, the spools and the operator's dial say. It never looks at the Go
// heap.
type memory struct {
	total, base, perEntry atomic.Int64 // bytes, settings
	spools, dial          atomic.Int64 // bytes
	entries               func() int64
	check                 func() // tells the engine that the sum has changed

	unchecked atomic.Int64 // bytes moved since the last check
}

// checkEvery is how much the spools may change before conserve mode is looked
// at again, in bytes: one chunk.
const checkEvery = chunkSize

// used is the accounted memory in bytes.
func (m *memory) used() int64 {
	return m.base.Load() + m.entries()*m.perEntry.Load() + m.spools.Load() + m.dial.Load()
}

// hold charges n bytes of spool, or takes them back when n is negative.
func (m *memory) hold(n int64) {
	m.spools.Add(n)
	if d := m.unchecked.Add(max(n, -n)); d >= checkEvery {
		m.unchecked.Store(0)
		m.check()
	}
}

// dialTo sets the dial so that percent of the total is in use now. It is false
// when more than that is in use without the dial.
func (m *memory) dialTo(percent int) bool {
	want := m.total.Load() * int64(percent) / 100
	rest := m.used() - m.dial.Load()
	if want < rest {
		return false
	}
	m.dial.Store(want - rest)
	m.check()
	return true
}

// undial gives what the dial took back.
func (m *memory) undial() {
	m.dial.Store(0)
	m.check()
}
