package resolver

import "sync/atomic"

// Stats is what a resolver has done since it was made.
type Stats struct {
	Queries     uint64 // requests sent, each try and each fall back to TCP by itself
	Answers     uint64 // answers believed, whatever they said
	Ignored     uint64 // messages that answered nothing we asked: a late answer, or a forged one
	CacheHits   uint64 // questions (a name and a type) answered from the cache
	Failures    uint64 // questions that no server answered usably, all tries made
	Outstanding int    // questions being asked now
}

type counters struct {
	queries, answers, ignored, hits, failures atomic.Uint64
}

// Stats returns the counters now. Each is exact; together they are not a snapshot of
// one moment.
func (r *Resolver) Stats() Stats {
	return Stats{
		Queries:     r.counters.queries.Load(),
		Answers:     r.counters.answers.Load(),
		Ignored:     r.counters.ignored.Load(),
		CacheHits:   r.counters.hits.Load(),
		Failures:    r.counters.failures.Load(),
		Outstanding: len(r.slots),
	}
}
