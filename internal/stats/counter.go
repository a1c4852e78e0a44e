package stats

import (
	"sync/atomic"
	"time"
)

// pad keeps what follows it off the cache lines of what precedes it. Two lines,
// because processors fetch lines in pairs.
type pad [128]byte

// Counter is a sum that many goroutines add to. The zero value is ready.
type Counter struct{ n atomic.Int64 }

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Load is the sum so far.
func (c *Counter) Load() int64 { return c.n.Load() }

// Max is the largest value seen. The zero value is ready and reads as 0.
type Max struct{ n atomic.Int64 }

// Observe raises the maximum to n when n is larger.
func (m *Max) Observe(n int64) {
	for {
		old := m.n.Load()
		if n <= old || m.n.CompareAndSwap(old, n) {
			return
		}
	}
}

// Load is the largest value seen so far.
func (m *Max) Load() int64 { return m.n.Load() }

// Last is the most recent value of something. The zero value reads as 0. Every
// Set allocates: it is meant for errors, not for traffic.
type Last struct{ p atomic.Pointer[stamped] }

type stamped struct {
	value int64
	at    time.Time
}

// Set makes v the latest value.
func (l *Last) Set(v int64) { l.p.Store(&stamped{v, time.Now()}) }

// Load is the latest value, 0 when there was none.
func (l *Last) Load() int64 {
	if s := l.p.Load(); s != nil {
		return s.value
	}
	return 0
}

// Elapsed is a sum of durations. The zero value is ready.
type Elapsed struct{ ns atomic.Int64 }

// Add adds d, which is not negative.
func (e *Elapsed) Add(d time.Duration) { e.ns.Add(int64(d)) }

// Load is the sum so far.
func (e *Elapsed) Load() time.Duration { return time.Duration(e.ns.Load()) }

// Uptime is the time since a start. Before Start it reads as 0.
type Uptime struct{ start atomic.Pointer[time.Time] }

// Start makes now the beginning.
func (u *Uptime) Start(now time.Time) { u.start.Store(&now) }

// Since is the time from the start to now.
func (u *Uptime) Since(now time.Time) time.Duration {
	if s := u.start.Load(); s != nil {
		return now.Sub(*s)
	}
	return 0
}

// Derived marks a line that nobody counts: Sum computes it from other lines.
type Derived struct{}
