package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limit bounds a run; it ends at whichever comes first.
type Limit struct {
	Connections int           // workers, each with one connection at a time: 1 to MaxConnections
	Duration    time.Duration // above 0, at most MaxDuration
	Requests    int64         // transactions begun, failed ones too; 0 leaves it to Duration
}

// The bounds of the bounds.
const (
	MaxConnections = 4096
	MaxDuration    = 10 * time.Minute
)

// pauseAfterFailure keeps a worker whose connects fail from spinning.
const pauseAfterFailure = time.Millisecond

// KeepAlive lets each worker do one transaction after the other over one
// connection, the next when the last is over. A connection that ends is
// replaced.
func KeepAlive(ctx context.Context, target Target, limit Limit) (Result, error) {
	return run(ctx, target, limit, func(w *worker) {
		for w.begins() {
			w.transaction(true)
		}
	})
}

// NewSessions lets each worker connect, log in, do one transaction, take leave and
// close, over and over. Where the protocol has no farewell the client closes first.
func NewSessions(ctx context.Context, target Target, limit Limit) (Result, error) {
	return run(ctx, target, limit, func(w *worker) {
		for w.begins() {
			w.transaction(false)
		}
	})
}

// run starts the workers, tells them when to end and adds up what they did.
func run(ctx context.Context, target Target, limit Limit, work func(*worker)) (Result, error) {
	r, err := target.prepare()
	if err == nil {
		err = limit.check()
	}
	if err != nil {
		return Result{}, err
	}
	s := &runState{route: r, hardEnd: time.Now().Add(limit.Duration + r.timeout)}
	s.left.Store(limit.Requests)
	s.counted = limit.Requests > 0
	var board scoreboard
	var workers sync.WaitGroup
	ctx, cancel := context.WithDeadline(ctx, s.hardEnd)
	defer cancel()
	start := time.Now()
	for i := range limit.Connections {
		workers.Go(func() {
			w := newWorker(ctx, s, i)
			defer w.hangUp()
			work(w)
			board.add(w.tally)
		})
	}
	stopAfter(ctx, limit.Duration, &workers, s)
	return board.total(time.Since(start)), nil
}

// stopAfter waits for the workers and asks them to stop when the time is over
// or ctx is done; then what still hangs is cut off at the hard end, or at once
// if it was ctx.
func stopAfter(ctx context.Context, duration time.Duration, workers *sync.WaitGroup, s *runState) {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		workers.Wait()
	}()
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-finished:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	s.stop.Store(true)
	select {
	case <-finished:
	case <-ctx.Done():
		s.cut()
		<-finished
	}
}

func (l Limit) check() error {
	switch {
	case l.Connections < 1 || l.Connections > MaxConnections:
		return fmt.Errorf("checking the limits: %d connections, allowed are 1 to %d", l.Connections, MaxConnections)
	case l.Duration <= 0 || l.Duration > MaxDuration:
		return fmt.Errorf("checking the limits: a duration of %s, allowed is up to %s", l.Duration, MaxDuration)
	case l.Requests < 0:
		return fmt.Errorf("checking the limits: %d requests", l.Requests)
	}
	return nil
}

// runState is what the workers of one run share.
type runState struct {
	route   route
	hardEnd time.Time
	stop    atomic.Bool
	counted bool
	left    atomic.Int64 // transactions still to begin, if counted

	mu    sync.Mutex // guards the fields below
	isCut bool
	conns map[net.Conn]struct{}
}

// keep notes an open connection so that cut finds it.
func (s *runState) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = make(map[net.Conn]struct{})
	}
	s.conns[conn] = struct{}{}
	if s.isCut {
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
}

func (s *runState) forget(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// cut makes every read and write under way fail.
func (s *runState) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isCut = true
	for conn := range s.conns {
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
}
