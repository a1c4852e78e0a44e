package load

import (
	"context"
	"errors"
	"net"
	"time"
)

// worker is one simulated client: one goroutine, at most one connection.
type worker struct {
	run    *runState
	ctx    context.Context
	number int
	line   *line // its conn is nil between connections
	tally  *tally
	opened int
	begun  bool // its first transaction
}

func newWorker(ctx context.Context, run *runState, number int) *worker {
	w := &worker{run: run, ctx: ctx, number: number, tally: newTally()}
	w.line = newLine(ctx, w.connectData)
	return w
}

// begins reports whether another transaction may start. The first may even when the
// time is over already: on a busy machine a short run would else do nothing.
func (w *worker) begins() bool {
	if w.run.stop.Load() && (w.begun || w.ctx.Err() != nil) {
		return false
	}
	w.begun = true
	return !w.run.counted || w.run.left.Add(-1) >= 0
}

// transaction connects if need be, does one transaction and counts it.
func (w *worker) transaction(keepAlive bool) {
	start := time.Now()
	keep, err := w.attempt(keepAlive)
	if err == nil {
		w.tally.done(time.Since(start))
	} else {
		w.tally.failed(err)
	}
	if !keep {
		w.hangUp()
	}
	var reply unwanted
	if err != nil && !errors.As(err, &reply) {
		w.pause()
	}
}

// attempt does one transaction; without keepAlive the whole session is one.
func (w *worker) attempt(keepAlive bool) (keep bool, err error) {
	p := w.run.route.player
	if w.line.conn == nil {
		if err := w.connect(); err != nil {
			return false, err
		}
		if err := p.begin(w.line); err != nil {
			return false, err
		}
	}
	body, keep, err := p.transaction(w.line)
	w.tally.bytes += body
	if err == nil && !keepAlive {
		err = p.end(w.line)
	}
	return keep && keepAlive, err
}

func (w *worker) connect() error {
	conn, err := w.run.route.connect(w.ctx, w.number+w.opened)
	if err != nil {
		return err
	}
	w.opened++
	w.tally.sessions++
	if err := w.watch(conn); err != nil {
		return err
	}
	w.line.attach(conn)
	return nil
}

// connectData opens a connection besides the worker's own; closing it is enough.
func (w *worker) connectData(ctx context.Context, address string) (net.Conn, error) {
	conn, err := w.run.route.connectTo(ctx, w.number+w.opened, address)
	if err != nil {
		return nil, err
	}
	if err := w.watch(conn); err != nil {
		return nil, err
	}
	return &watched{Conn: conn, run: w.run}, nil
}

// watch sees to it that nothing waits on conn beyond the end of the run.
func (w *worker) watch(conn net.Conn) error {
	if err := conn.SetDeadline(w.run.hardEnd); err != nil {
		_ = conn.Close()
		return err
	}
	w.run.keep(conn)
	return nil
}

// watched is a connection that the run forgets when it is closed.
type watched struct {
	net.Conn
	run *runState
}

func (c *watched) Close() error {
	c.run.forget(c.Conn)
	return c.Conn.Close()
}

func (w *worker) hangUp() {
	if w.line.conn == nil {
		return
	}
	w.run.forget(w.line.conn)
	_ = w.line.conn.Close() // all that was wanted of it has been read
	w.line.attach(nil)
}

func (w *worker) pause() {
	timer := time.NewTimer(pauseAfterFailure)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}
