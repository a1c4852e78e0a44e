package load

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run did and how long it took.
type Result struct {
	Transactions int64            `json:"transactions"` // complete, and with the content that was wanted
	Sessions     int64            `json:"sessions"`     // connections opened
	Bytes        int64            `json:"bytes"`        // of objects, complete or not
	Elapsed      time.Duration    `json:"elapsed_ns"`
	Errors       map[string]int64 `json:"errors,omitempty"` // by kind: refused, reset, timeout, closed, short, malformed, content, status 503, answer -ERR, ...
	Latency      Latency          `json:"latency"`
}

// Latency is how long transactions took, complete ones only; in a run of new
// sessions the connect is part of it. Values have three significant digits.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// Rate returns complete transactions per second.
func (r Result) Rate() float64 { return perSecond(r.Transactions, r.Elapsed) }

// Throughput returns bytes of objects per second.
func (r Result) Throughput() float64 { return perSecond(r.Bytes, r.Elapsed) }

// Failures returns the number of errors of all kinds.
func (r Result) Failures() int64 {
	var sum int64
	for _, n := range r.Errors {
		sum += n
	}
	return sum
}

func perSecond(n int64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return float64(n) / elapsed.Seconds()
}

// maxLatency is the longest time the histogram tells apart; longer ones count
// as this.
const maxLatency = time.Minute

// tally is one worker's part of a Result.
type tally struct {
	transactions, sessions, bytes int64
	errors                        map[string]int64
	latency                       *hdrhistogram.Histogram // microseconds
}

func newTally() *tally {
	return &tally{
		errors:  make(map[string]int64),
		latency: hdrhistogram.New(1, maxLatency.Microseconds(), 3),
	}
}

// done counts a complete transaction.
func (t *tally) done(took time.Duration) {
	t.transactions++
	_ = t.latency.RecordValue(min(max(took, time.Microsecond), maxLatency).Microseconds()) // in range by construction
}

func (t *tally) failed(err error) { t.errors[kind(err)]++ }

// kind names an error for the table.
func kind(err error) string {
	var reply unwanted
	var timeout net.Error
	switch {
	case errors.As(err, &reply):
		return string(reply)
	case errors.Is(err, errContent):
		return "content"
	case errors.Is(err, errMalformed):
		return "malformed"
	case errors.Is(err, errShort):
		return "short"
	case errors.Is(err, errClosed):
		return "closed"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "no descriptor"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no port"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "other"
}

// scoreboard adds tallies up.
type scoreboard struct {
	mu     sync.Mutex // guards the field below
	result *tally
}

func (s *scoreboard) add(t *tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.result == nil {
		s.result = newTally()
	}
	s.result.transactions += t.transactions
	s.result.sessions += t.sessions
	s.result.bytes += t.bytes
	for kind, n := range t.errors {
		s.result.errors[kind] += n
	}
	s.result.latency.Merge(t.latency)
}

// total may be called when every worker has added its tally.
func (s *scoreboard) total(elapsed time.Duration) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.result == nil {
		return Result{Elapsed: elapsed}
	}
	t := s.result
	at := func(percent float64) time.Duration {
		return time.Duration(t.latency.ValueAtPercentile(percent)) * time.Microsecond
	}
	return Result{
		Transactions: t.transactions, Sessions: t.sessions, Bytes: t.bytes, Elapsed: elapsed, Errors: t.errors,
		Latency: Latency{P50: at(50), P99: at(99), P999: at(99.9), Max: at(100)},
	}
}
