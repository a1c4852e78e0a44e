package resolver

import "sync/atomic"

// Stats is what a resolver has done since it was made.
type Stats struct {
	Queries     uint64 // requests sent, each try and each fall back to TCP by itself
	Answers     uint64 // answers believed, whatever they said
	Ignored     uint64 // messages that answered nothing we asked: a late answer, or a forged one
	CacheHits   uint64 // questions (a name and a type) answered from the cache
	Timeouts    uint64 // tries that brought no answer in time
	Failures    uint64 // questions that no server answered usably, all tries made
	Outstanding int    // questions being asked now
}

type counters struct {
	queries, answers, ignored, hits, timeouts, failures atomic.Uint64
}

// Stats returns the counters now. Each is exact; together they are not a snapshot of
// one moment.
func (r *Resolver) Stats() Stats {
	return Stats{
		Queries:     r.counters.queries.Load(),
		Answers:     r.counters.answers.Load(),
		Ignored:     r.counters.ignored.Load(),
		CacheHits:   r.counters.hits.Load(),
		Timeouts:    r.counters.timeouts.Load(),
		Failures:    r.counters.failures.Load(),
		Outstanding: len(r.slots),
	}
}

// Cached returns how many answers are kept now, those that are too old but were not
// asked for again included.
func (r *Resolver) Cached() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.cache.entries)
}
