package resolver

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// question is what the cache and the flights are kept by.
type question struct {
	name  string // lower case, without the final dot
	qtype uint16
}

// flight is a query in the air, shared by all who ask the same question meanwhile.
type flight struct {
	question question
	cancel   context.CancelFunc
	waiters  int // guarded by Resolver.mu

	done   chan struct{} // closed when answer is there
	answer answer
	told   atomic.Bool // somebody who waited has the answer
}

// ticket is a claim to an answer: the answer itself when flight is nil.
type ticket struct {
	answer answer
	flight *flight
}

// ask begins to find out the addresses of name. Each ticket must be awaited.
func (r *Resolver) ask(name string) (six, four ticket) {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	six = r.askLocked(question{name, dns.TypeAAAA}, now)
	four = r.askLocked(question{name, dns.TypeA}, now)
	return six, four
}

// askOne begins to find out one thing. The ticket must be awaited.
func (r *Resolver) askOne(q question) ticket {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.askLocked(q, now)
}

func (r *Resolver) askLocked(q question, now time.Time) ticket {
	if a, ok := r.cache.get(q, now, r.settings.CacheTTL); ok {
		r.counters.hits.Add(1)
		return ticket{answer: a}
	}
	f := r.flights[q]
	if limit := r.settings.Outstanding; f == nil && limit > 0 && r.flying >= limit {
		return ticket{answer: answer{err: &Error{Host: q.name, Type: q.qtype, Kind: ErrBusy}}}
	}
	if f == nil {
		f = r.launchLocked(q)
	}
	f.waiters++
	return ticket{flight: f}
}

// launchLocked starts a query. It has a context of its own, since the caller that
// happened to come first may leave before the others.
func (r *Resolver) launchLocked(q question) *flight {
	ctx, cancel := context.WithCancel(context.Background())
	f := &flight{question: q, cancel: cancel, done: make(chan struct{})}
	r.flights[q] = f
	r.flying++
	s := r.settings
	go func() { r.land(f, r.query(ctx, s, q)) }()
	return f
}

// land hands out the answer. It is kept only while the flight is still the one to
// join: otherwise the servers have changed since, or nobody waits any more.
func (r *Resolver) land(f *flight, a answer) {
	now := r.Now()
	r.mu.Lock()
	r.flying--
	if r.flights[f.question] == f {
		delete(r.flights, f.question)
		r.cache.put(f.question, a, now, r.settings.CacheEntries)
	}
	r.mu.Unlock()
	f.answer = a
	f.cancel()
	close(f.done)
}

// await returns what the ticket stands for. It gives up when ctx ends, or after
// limit when that is not 0.
func (r *Resolver) await(ctx context.Context, t ticket, limit time.Duration) answer {
	if t.flight == nil {
		return t.answer
	}
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	a := answer{err: &Error{Host: t.flight.question.name, Type: t.flight.question.qtype}}
	select {
	case <-t.flight.done:
		a = t.flight.answer
		a.news = Shared
		if t.flight.told.CompareAndSwap(false, true) {
			a.news = First
		}
		return a
	case <-ctx.Done():
		a.err.Kind = ctx.Err()
	case <-late:
		a.err.Kind, a.err.Detail = ErrTimeout, "waited "+limit.String()
		a.ttl = failureTTL
	}
	r.leave(t.flight, a)
	return a
}

// leave gives up waiting, with a for an answer. The last to leave ends the query and
// sees it out; a is then the result, for as long as it has to live.
func (r *Resolver) leave(f *flight, a answer) {
	now := r.Now()
	r.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && r.flights[f.question] == f {
		delete(r.flights, f.question)
		r.cache.put(f.question, a, now, r.settings.CacheEntries)
	}
	r.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
}
