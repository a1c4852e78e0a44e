package simulated

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"utmsim/scanner"
)

// Dial slows down and breaks an engine while it runs. The zero value does nothing;
// turning it costs scans an atomic load.
type Dial struct {
	state atomic.Pointer[dialed] // nil: nothing is turned
	mu    sync.Mutex             // held to change state
	scans atomic.Uint64
}

// dialed is what a dial is turned to; it is immutable.
type dialed struct {
	Setting
	turned chan struct{} // closed when the dial is turned again
}

// Setting is what a Dial is turned to.
type Setting struct {
	Latency time.Duration // added to every scan
	Errors  int           // percent of the scans that fail
	Stalled time.Time     // until when nothing goes on; zero: it goes on
}

// Setting is what the dial is turned to now.
func (d *Dial) Setting() Setting {
	s := d.state.Load()
	if s == nil {
		return Setting{}
	}
	return s.Setting
}

// Latency adds a time to every scan, those included that wait already.
func (d *Dial) Latency(add time.Duration) { d.turn(func(s *Setting) { s.Latency = add }) }

// Errors has a share of the scans fail, in percent.
func (d *Dial) Errors(percent int) { d.turn(func(s *Setting) { s.Errors = percent }) }

// Stall lets nothing go on for a while.
func (d *Dial) Stall(lasts time.Duration) {
	d.turn(func(s *Setting) { s.Stalled = time.Now().Add(lasts) })
}

// Normal turns everything off; what waits goes on.
func (d *Dial) Normal() { d.turn(func(s *Setting) { *s = Setting{} }) }

func (d *Dial) turn(change func(*Setting)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.state.Load()
	now := &dialed{turned: make(chan struct{})}
	if before != nil {
		now.Setting = before.Setting
	}
	if change(&now.Setting); now.Setting == (Setting{}) {
		now = nil
	}
	d.state.Store(now)
	if before != nil {
		close(before.turned)
	}
}

// Wrap puts the dial around an engine.
func (d *Dial) Wrap(s scanner.Scanner) scanner.Scanner { return &turnable{s, d} }

type turnable struct {
	scanner.Scanner
	dial *Dial
}

// Scan implements scanner.Scanner.
func (t *turnable) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	if t.dial.state.Load() != nil {
		if err := t.dial.wait(ctx); err != nil {
			return scanner.Verdict{}, err
		}
	}
	return t.Scanner.Scan(ctx, obj)
}

// wait holds a scan up as long as the dial says, which may change meanwhile.
func (d *Dial) wait(ctx context.Context) error {
	began := time.Now()
	for {
		s := d.state.Load()
		if s == nil {
			return ctx.Err()
		}
		until := began.Add(s.Latency)
		if s.Stalled.After(until) {
			until = s.Stalled
		}
		left := time.Until(until)
		if left <= 0 {
			if chance(0, d.scans.Add(1)).IntN(100) < s.Errors {
				return ErrFault
			}
			return ctx.Err()
		}
		if err := pause(ctx, left, s.turned); err != nil {
			return err
		}
	}
}
