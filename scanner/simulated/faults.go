package simulated

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"utmsim/scanner"
)

// The errors that an engine is made to have.
var (
	ErrFault   = errors.New("simulated scan error")
	ErrCrashed = errors.New("simulated crash of the engine")
)

// Curve is how the service times of scans are spread.
type Curve uint8

// The curves.
const (
	Fixed     Curve = iota // always Latency
	Normal                 // around Latency with Deviation, never below 0
	Lognormal              // Latency on average with Deviation, mostly short and sometimes long
)

// Timing is how long scans take and how they fail. The zero value changes nothing.
// Windows are counted from the moment an engine was wrapped.
type Timing struct {
	Curve     Curve
	Latency   time.Duration
	Deviation time.Duration
	Seed      uint64
	Errors    int           // percent of the scans that fail when they have taken their time
	StallFor  time.Duration // nothing goes on for so long, as while a database is loaded,
	StallEach time.Duration // at the end of every such time; 0: never
	CrashFor  time.Duration // everything fails at once for so long,
	CrashEach time.Duration // at the end of every such time; 0: never
}

// Wrap puts timing and faults around an engine.
func Wrap(s scanner.Scanner, t Timing) scanner.Scanner {
	return &faulty{Scanner: s, t: t, start: time.Now()}
}

// faulty is an engine with faults.
type faulty struct {
	scanner.Scanner
	t     Timing
	start time.Time
	scans atomic.Uint64
}

// Scan implements scanner.Scanner.
func (f *faulty) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	r := chance(f.t.Seed, f.scans.Add(1))
	if f.crashed() {
		return scanner.Verdict{}, ErrCrashed
	}
	if err := pause(ctx, within(time.Since(f.start), f.t.StallFor, f.t.StallEach), nil); err != nil {
		return scanner.Verdict{}, err
	}
	if err := pause(ctx, f.t.service(r), nil); err != nil {
		return scanner.Verdict{}, err
	}
	if f.crashed() {
		return scanner.Verdict{}, ErrCrashed
	}
	if f.t.Errors > 0 && r.IntN(100) < f.t.Errors {
		return scanner.Verdict{}, ErrFault
	}
	return f.Scanner.Scan(ctx, obj)
}

func (f *faulty) crashed() bool {
	return within(time.Since(f.start), f.t.CrashFor, f.t.CrashEach) > 0
}

// within is how much is left of a window that lasts so long at the end of each
// period; 0 outside.
func within(age, lasts, each time.Duration) time.Duration {
	if each <= 0 || lasts <= 0 {
		return 0
	}
	at := age % each
	if at < each-lasts {
		return 0
	}
	return each - at
}

// service is how long one scan takes.
func (t *Timing) service(r *rand.Rand) time.Duration {
	mean, deviation := float64(t.Latency), float64(t.Deviation)
	switch {
	case t.Curve == Normal:
		return time.Duration(max(0, mean+deviation*r.NormFloat64()))
	case t.Curve == Lognormal && mean > 0:
		sigma2 := math.Log1p(deviation * deviation / (mean * mean))
		long := math.Exp(math.Log(mean) - sigma2/2 + math.Sqrt(sigma2)*r.NormFloat64())
		return time.Duration(min(long, float64(maxService)))
	}
	return t.Latency
}

// maxService bounds what chance may make of a service time.
const maxService = 24 * time.Hour

// pause waits for a time, for an early end (nil: none), or for the end of ctx, which
// is its error.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-early:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
