// Package health watches an engine in another process. While the engine does not
// answer, scans fail at once instead of waiting for it one by one, and whoever wants
// to know is told when it goes and comes back.
//
// It does not decide what becomes of an object without a verdict.
package health

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"utmsim/scanner"
	"utmsim/scanner/remote"
)

// Engine is what can be watched. Ping asks whether it is there and what it knows: the
// version changes with its signatures. An error that is remote.ErrBusy says nothing
// about that.
type Engine interface {
	scanner.Scanner
	Ping(ctx context.Context) (version string, err error)
	Close() error
}

// Options say how to watch. Name is required.
type Options struct {
	Name     string
	Interval time.Duration // between two questions while all is well; 0 means DefaultInterval
	// Changed is told when the engine goes or comes back, one after the other; nil
	// for nobody. It must not block.
	Changed func(State)
}

const (
	// DefaultInterval is between two questions while all is well.
	DefaultInterval = 10 * time.Second
	// retry is between two questions while the engine does not answer.
	retry = time.Second
	// pingTimeout is how long an answer may take.
	pingTimeout = 5 * time.Second
)

// ErrDown says that an engine does not answer, so that it was not asked.
var ErrDown = errors.New("the scan engine does not answer")

// State is what is known about an engine.
type State struct {
	Name    string
	Known   bool      // it was asked, or has scanned, at least once
	Up      bool      // it has answered the last time
	Since   time.Time // when that began
	Err     error     // why it is not up
	Version string    // as it has said last
	Scans   int64     // verdicts
	Errors  int64     // scans without a verdict
}

// Watch is a watched engine, itself a scanner.Scanner. Close ends it.
type Watch struct {
	engine Engine
	opts   Options
	kick   chan struct{} // asks for a question now
	stop   context.CancelFunc
	done   chan struct{}

	scans, errors atomic.Int64
	down          atomic.Pointer[error] // nil while scans may go on

	mu    sync.Mutex // guards the field below
	state State
}

// New begins to watch an engine, which Close closes.
func New(e Engine, o Options) *Watch {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &Watch{engine: e, opts: o, kick: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), state: State{Name: o.Name}}
	go w.run(ctx)
	return w
}

// Close ends the watching, waits for that, and closes the engine. Scans that run come
// to their end.
func (w *Watch) Close() error {
	w.stop()
	<-w.done
	return w.engine.Close()
}

// State is what is known now.
func (w *Watch) State() State {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state
	s.Scans, s.Errors = w.scans.Load(), w.errors.Load()
	return s
}

// Version is what the engine has said about itself last.
func (w *Watch) Version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opts.Name + " " + w.state.Version
}

// Scan implements scanner.Scanner.
func (w *Watch) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	if why := w.down.Load(); why != nil {
		w.errors.Add(1)
		return scanner.Verdict{}, fmt.Errorf("%s: %w: %v", w.opts.Name, ErrDown, *why)
	}
	v, err := w.engine.Scan(ctx, obj)
	if err == nil {
		w.scans.Add(1)
		return v, nil
	}
	w.errors.Add(1)
	if ctx.Err() != nil {
		return scanner.Verdict{}, err
	}
	select {
	case w.kick <- struct{}{}:
	default: // it is being asked already
	}
	return scanner.Verdict{}, fmt.Errorf("%s: %w", w.opts.Name, err)
}

// run asks again and again.
func (w *Watch) run(ctx context.Context) {
	defer close(w.done)
	for {
		w.ask(ctx)
		wait := w.opts.Interval
		if w.down.Load() != nil {
			wait = min(retry, wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.kick:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

func (w *Watch) ask(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	version, err := w.engine.Ping(limited)
	if ctx.Err() != nil || errors.Is(err, remote.ErrBusy) {
		return
	}
	if err != nil && limited.Err() != nil {
		err = fmt.Errorf("no answer within %s", pingTimeout)
	}
	w.note(version, err)
}

// note takes an answer in.
func (w *Watch) note(version string, err error) {
	w.mu.Lock()
	up := err == nil
	changed := w.state.Up != up || !w.state.Known
	if changed {
		w.state.Known, w.state.Up, w.state.Since = true, up, time.Now()
	}
	if w.state.Err = err; up {
		w.state.Version = version
		w.down.Store(nil)
	} else {
		w.down.Store(&err)
	}
	state := w.state
	w.mu.Unlock()
	if changed && w.opts.Changed != nil {
		state.Scans, state.Errors = w.scans.Load(), w.errors.Load()
		w.opts.Changed(state)
	}
}
