package proxy

import (
	"sync"
	"time"

	"utmsim/internal/stats"
)

// rounds keeps the accounting of the poll call consistent: an event and the
// round it belongs to are counted in one step as far as a reset of the counters
// is concerned, so that the identity of the poll line survives level 99.
type rounds struct {
	worker *stats.Worker
	report func(error) // is told of each poll call that failed

	mu  sync.RWMutex // held for reading while a round is counted
	era uint64       // how often the counters went back to zero; guarded by mu
}

// begin opens a round; what is counted until end belongs to it.
func (r *rounds) begin() { r.mu.RLock() }

// end closes a round of that many events. None is no round.
func (r *rounds) end(events int) {
	r.worker.Round(events)
	r.mu.RUnlock()
}

// one is a round of one event that came from elsewhere than the reactor.
func (r *rounds) one(count func()) {
	r.mu.RLock()
	count()
	r.mu.RUnlock()
}

// failed counts a poll call that brought an error instead of events, and reports it.
func (r *rounds) failed(err error) {
	r.mu.RLock()
	r.worker.PollFailed(err)
	r.mu.RUnlock()
	r.report(err)
}

// reset returns all counters to zero, between two rounds.
func (r *rounds) reset(vdoms []*stats.VDOM) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	for _, v := range vdoms {
		v.Reset()
	}
	r.worker.Reset(time.Now())
}
