package proxy

import "utmsim/internal/stats"

// Pending is something that was counted when it began, and that is to be counted when
// it ends.
type Pending struct {
	ended *stats.Counter
	n     int64
	era   uint64
}

// Begin counts n under begun; End counts as many under ended.
func (s *Session) Begin(begun, ended *stats.Counter, n int64) Pending {
	r := &s.eng.rounds
	r.mu.RLock()
	defer r.mu.RUnlock()
	begun.Add(n)
	return Pending{ended: ended, n: n, era: r.era}
}

// End counts the end of what has begun, unless the counters have gone back to zero since:
// more had ended then than has begun.
func (s *Session) End(p Pending) {
	r := &s.eng.rounds
	r.mu.RLock()
	defer r.mu.RUnlock()
	if p.era == r.era {
		p.ended.Add(p.n)
	}
}
