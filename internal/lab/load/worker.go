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
	buf    []byte
	tally  *tally
	conn   net.Conn
	opened int
}

// begins reports whether another transaction may start.
func (w *worker) begins() bool {
	if w.run.stop.Load() {
		return false
	}
	return !w.run.counted || w.run.left.Add(-1) >= 0
}

// transaction connects if need be, exchanges and counts.
func (w *worker) transaction(keepAlive bool) {
	start := time.Now()
	if w.conn == nil {
		if err := w.connect(); err != nil {
			w.tally.failed(err)
			w.pause()
			return
		}
	}
	body, keep, err := exchange(w.conn, w.run.route.request, w.buf)
	w.tally.bytes += body
	if err == nil {
		w.tally.done(time.Since(start))
	} else {
		w.tally.failed(err)
	}
	if !keep || !keepAlive {
		w.hangUp()
	}
	var status statusError
	if err != nil && !errors.As(err, &status) {
		w.pause()
	}
}

func (w *worker) connect() error {
	conn, err := w.run.route.connect(w.ctx, w.number+w.opened)
	if err != nil {
		return err
	}
	w.opened++
	w.tally.sessions++
	if err := conn.SetDeadline(w.run.hardEnd); err != nil {
		_ = conn.Close()
		return err
	}
	w.conn = conn
	w.run.keep(conn)
	return nil
}

func (w *worker) hangUp() {
	if w.conn == nil {
		return
	}
	w.run.forget(w.conn)
	_ = w.conn.Close() // all that was wanted of it has been read
	w.conn = nil
}

func (w *worker) pause() {
	timer := time.NewTimer(pauseAfterFailure)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}
