package console

import (
	"context"
	"strings"
	"sync"
	"time"

	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/proxy"
)

// meter keeps half an hour of what "get system performance status" takes averages
// of.
type meter struct {
	mu      sync.Mutex // guards the fields below
	samples []sample   // oldest first
	last    totals     // as read, when the newest was taken
}

// totals are figures that only grow, until a restart of the proxy.
type totals struct {
	setups, received, sent, viruses int64 // sessions, bytes, bytes, objects
}

// sample is the state at one moment. Its totals go on over restarts.
type sample struct {
	at       time.Time
	sessions int
	totals
	cpu cpuTime
}

// cpuTime is what the program has used since its start.
type cpuTime struct{ user, system time.Duration }

const (
	sampleEvery = 5 * time.Second
	sampleKeep  = 30 * time.Minute
)

// run takes a sample every so often until ctx ends.
func (m *meter) run(ctx context.Context, e *proxy.Engine) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.read(time.Now(), e)
		}
	}
}

// read takes a sample of the engine.
func (m *meter) read(now time.Time, e *proxy.Engine) {
	m.take(now, e.Sessions(), totalsOf(e.Report()), processTime())
}

// totalsOf adds up a report. The proxy's sent and received bytes are those of its
// sockets.
func totalsOf(r *stats.Report) (t totals) {
	for _, p := range protocols.All {
		n, _ := r.Accounting[p].Get("setup_ok")
		t.setups += n
		n, _ = r.Stat[p].Get("Bytes received")
		t.received += n
		n, _ = r.Stat[p].Get("Bytes sent")
		t.sent += n
		for _, l := range r.Stat[p].Lines {
			if strings.Contains(l.Label, "infected with") {
				t.viruses += l.Value
			}
		}
	}
	return t
}

// take adds a sample. Totals that have shrunk were set to zero meanwhile.
func (m *meter) take(now time.Time, sessions int, t totals, cpu cpuTime) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := sample{at: now, sessions: sessions, cpu: cpu}
	if n := len(m.samples); n > 0 {
		s.totals = m.samples[n-1].totals
	}
	s.setups += grown(m.last.setups, t.setups)
	s.received += grown(m.last.received, t.received)
	s.sent += grown(m.last.sent, t.sent)
	s.viruses += grown(m.last.viruses, t.viruses)
	m.last = t
	drop := 0
	for drop < len(m.samples)-1 && now.Sub(m.samples[drop+1].at) >= sampleKeep {
		drop++
	}
	m.samples = append(m.samples[drop:], s)
}

func grown(from, to int64) int64 {
	if to < from {
		return to
	}
	return to - from
}

// average is what happened within a window before the newest sample.
type average struct {
	sessions int   // mean
	setups   int64 // a second
	received int64 // kilobits a second
	sent     int64
	viruses  int64 // in all
}

// average looks back. The first sample is that of the start, so there is one.
func (m *meter) average(window time.Duration) (a average) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := m.samples[len(m.samples)-1]
	first, sum, n := newest, 0, 0
	for i := len(m.samples) - 1; i >= 0 && newest.at.Sub(m.samples[i].at) <= window; i-- {
		first = m.samples[i]
		sum += first.sessions
		n++
	}
	a.sessions = (sum + n/2) / n
	a.viruses = newest.viruses - first.viruses
	if ms := newest.at.Sub(first.at).Milliseconds(); ms > 0 {
		a.setups = (newest.setups - first.setups) * 1000 / ms
		a.received = (newest.received - first.received) * 8 / ms
		a.sent = (newest.sent - first.sent) * 8 / ms
	}
	return a
}

// cpu is the share of the machine's processors that the program has used since the
// last sample but so many, in percent.
func (m *meter) cpu(now time.Time, used cpuTime, processors int) (user, system float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	const enough = time.Second // less would be noise
	i := len(m.samples) - 1
	for i > 0 && now.Sub(m.samples[i].at) < enough {
		i--
	}
	span := now.Sub(m.samples[i].at) * time.Duration(processors)
	if span <= 0 {
		return 0, 0
	}
	share := func(d time.Duration) float64 { return min(max(float64(d)*100/float64(span), 0), 100) }
	return share(used.user - m.samples[i].cpu.user), share(used.system - m.samples[i].cpu.system)
}
