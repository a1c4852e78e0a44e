package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// MaxIdle is the largest number of sessions held at rest.
const MaxIdle = 100_000

// openers is how many sessions are being opened, or used again, at a time.
const openers = 16

// Idle holds sessions that have done their transactions and rest. They cost this
// process one descriptor and the runtime's connection each; no goroutine and no
// buffer. Not for concurrent use.
type Idle struct {
	route route
	conns []net.Conn
}

// OpenIdle opens sessions with one transaction each and leaves them at rest. Those that
// fail are counted in the Result and not held; the error is about the arguments
// only. The whole takes no longer than MaxDuration.
func OpenIdle(ctx context.Context, target Target, sessions int) (*Idle, Result, error) {
	r, err := target.prepare()
	if err != nil {
		return nil, Result{}, err
	}
	idle := &Idle{route: r}
	result, err := idle.Add(ctx, sessions)
	if err != nil {
		return nil, Result{}, err
	}
	return idle, result, nil
}

// Add opens further sessions like OpenIdle.
func (i *Idle) Add(ctx context.Context, sessions int) (Result, error) {
	if sessions < 0 || len(i.conns)+sessions > MaxIdle {
		return Result{}, fmt.Errorf("opening %d sessions besides %d: allowed are %d", sessions, len(i.conns), MaxIdle)
	}
	first := len(i.conns)
	i.conns = append(i.conns, make([]net.Conn, sessions)...)
	return i.each(ctx, first), nil
}

// Again does one more transaction over every session, which shows that it is still
// there. Sessions that fail are not held any longer.
func (i *Idle) Again(ctx context.Context) Result { return i.each(ctx, 0) }

// Held returns the number of sessions at rest.
func (i *Idle) Held() int { return len(i.conns) }

// Close ends all sessions.
func (i *Idle) Close() {
	for _, conn := range i.conns {
		_ = conn.Close() // nothing more is wanted of it
	}
	i.conns = nil
}

// each does one transaction over the sessions from first on, opening those that
// have no connection yet, and keeps the ones that can be used again.
func (i *Idle) each(ctx context.Context, first int) Result {
	ctx, cancel := context.WithTimeout(ctx, MaxDuration)
	defer cancel()
	var board scoreboard
	var next atomic.Int64
	var workers sync.WaitGroup
	next.Store(int64(first))
	start := time.Now()
	for range openers {
		workers.Go(func() {
			t := newTally()
			l := newLine(ctx, i.connectData)
			for at := next.Add(1) - 1; at < int64(len(i.conns)); at = next.Add(1) - 1 {
				i.conns[at] = i.use(ctx, i.conns[at], int(at), l, t)
			}
			board.add(t)
		})
	}
	workers.Wait()
	elapsed := time.Since(start)
	held := i.conns[:0]
	for _, conn := range i.conns {
		if conn != nil {
			held = append(held, conn)
		}
	}
	clear(i.conns[len(held):])
	i.conns = held
	return board.total(elapsed)
}

// use does one transaction and returns the connection, or nil if it can't be
// used again.
func (i *Idle) use(ctx context.Context, conn net.Conn, number int, l *line, t *tally) net.Conn {
	start := time.Now()
	fresh := conn == nil
	if fresh {
		var err error
		if conn, err = i.route.connect(ctx, number); err != nil {
			t.failed(err)
			return nil
		}
		t.sessions++
	}
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer release()
	l.attach(conn)
	err := conn.SetDeadline(start.Add(i.route.timeout))
	if err == nil && fresh {
		err = i.route.player.begin(l)
	}
	var body int64
	keep := false
	if err == nil {
		body, keep, err = i.route.player.transaction(l)
	}
	t.bytes += body
	if err == nil {
		t.done(time.Since(start))
	} else {
		t.failed(err)
	}
	if !keep {
		_ = conn.Close()
		return nil
	}
	return conn
}

// connectData opens a connection besides that of a session, which lasts no longer
// than one transaction may.
func (i *Idle) connectData(ctx context.Context, address string) (net.Conn, error) {
	conn, err := i.route.connectTo(ctx, 0, address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(i.route.timeout)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
