package proxy

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
)

// happened is called by the reactor with what it saw.
func (k *socket) happened(flags uint32) {
	if k.has(flagLingering) {
		k.sess.eng.lingers.happened(k, flags)
		return
	}
	woke := k.set(flags)
	if flags&flagDead != 0 && k == k.sess.clt {
		k.sess.clientGone()
	}
	if k.attached {
		if flags&flagDead != 0 {
			k.sess.overheard(k)
		}
		return
	}
	if flags&flagReadable != 0 {
		k.sess.overheard(k)
	}
	if woke || (flags&flagReadable == 0 && !k.has(flagRelay)) {
		return
	}
	k.sess.signal()
}

// clientGone ends what only the client was waiting for: a scan at once, and an
// answer of the server unless it comes soon.
func (s *Session) clientGone() {
	s.ctx.cancel(errClientGone)
	soon := s.goneBy(s.eng.now())
	hasten := func(k *socket) {
		if t := k.until.Load(); t > soon {
			k.until.CompareAndSwap(t, soon)
		}
	}
	if k := s.srv.Load(); k != nil {
		hasten(k)
	}
	s.data.Load().each(hasten)
}

// goneBy is until when a session whose client is gone waits for its server.
func (s *Session) goneBy(now int64) int64 {
	s.gone.CompareAndSwap(0, now+forNobody)
	return s.gone.Load()
}

// forNobody is how long the server is waited for when the client is gone (ns).
// What is under way may arrive and leave the server in good order.
const forNobody = int64(time.Second)

// signal makes the session run, or look again before it rests.
func (s *Session) signal() {
	for {
		switch st := s.state.Load(); st {
		case stateResting:
			if !s.state.CompareAndSwap(st, stateRunning) {
				continue
			}
			if s.wake() {
				s.eng.workers.run(s)
			}
			return
		case stateRunning:
			if s.state.CompareAndSwap(st, stateRunningMore) {
				return
			}
		default:
			return
		}
	}
}

// wake takes the session out of the idle order. It is false when somebody has
// taken its entry to end it; whoever did will kill the session, and if that
// happened meanwhile it is finished here.
func (s *Session) wake() bool {
	if !s.inTable || s.entry.Wake() {
		return true
	}
	if s.state.CompareAndSwap(stateRunning, stateResting) {
		return false
	}
	if !s.state.CompareAndSwap(stateRunningMore, stateResting) {
		s.finish(s.causeOr(ErrDropped))
	}
	return false
}

// run is the session's goroutine while it has something to do.
func (s *Session) run() {
	for {
		if err := s.stepSafely(); err != nil {
			s.finish(err)
			return
		}
		if s.rest() {
			return
		}
	}
}

// stepSafely makes a panic in a driver the end of that session only.
func (s *Session) stepSafely() (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.eng.log.Error("panic in a driver", zap.Uint64("session", s.id), zap.Stringer("protocol", s.entry.Proto),
				zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			s.eng.panics.Inc()
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return s.step()
}

// step does one piece of work: the driver's Open, one exchange, or one round of
// the relay.
func (s *Session) step() error {
	switch {
	case s.state.Load() == stateKilled:
		return s.causeOr(ErrShutdown)
	case s.drained:
		return ErrShutdown
	case s.expired:
		return fmt.Errorf("at rest: %w", ErrTimeout)
	case s.relay != nil:
		return s.relay.round()
	case !s.opened:
		s.opened = true
		if err := s.driver().Open(&s.ctx, s); err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
	side, ok := s.pending()
	if !ok {
		return nil
	}
	err := s.driver().Exchange(&s.ctx, s, side)
	if errors.Is(err, ErrTunnel) {
		return s.startTunnel()
	}
	if ferr := s.flush(); err == nil {
		err = ferr
	}
	return err
}

var errClientGone = errors.New("client has gone")

func (s *Session) driver() Driver { return s.policy.driver }

// pending is the side that has something to say. The server goes first, so that a driver learns of a
// closed server before it sends the next request there.
func (s *Session) pending() (wire.Side, bool) {
	if srv := s.srv.Load(); srv != nil && srv.ready(s.server) {
		return wire.Server, true
	}
	return wire.Client, s.clt.ready(s.client)
}

func (s *Session) flush() error {
	if s.server != nil {
		if err := s.server.Flush(); err != nil {
			return err
		}
	}
	return s.client.Flush()
}

// rest lets the session rest if there is nothing to do. It is false when there
// is; true means that the caller no longer owns the session.
func (s *Session) rest() bool {
	if s.state.Load() == stateKilled {
		return false
	}
	s.state.CompareAndSwap(stateRunningMore, stateRunning)
	if s.relay == nil {
		if _, more := s.pending(); more {
			return false
		}
		s.client.Rest()
		if s.server != nil {
			s.server.Rest()
		}
	} else if s.relay.more() {
		return false
	}
	if s.eng.draining.Load() {
		s.drained = true
		return false
	}
	now, end := s.eng.now(), int64(0)
	if s.restLimit > 0 {
		end = now + s.restLimit
	}
	s.restEnd.Store(end)
	idle := s.inTable && !s.busy && (s.relay == nil || !s.relay.holds())
	if idle {
		s.entry.Rest(now)
	} else if !s.inTable {
		s.shown.rested.Store(now)
	}
	if s.state.CompareAndSwap(stateRunning, stateResting) {
		if s.eng.draining.Load() { // since it was looked at above
			s.drain()
		}
		return true
	}
	s.restEnd.Store(0)
	if idle && !s.entry.Wake() { // whoever has taken the entry will kill the session, as in wake
		return s.state.CompareAndSwap(stateRunningMore, stateResting)
	}
	return false
}

// drain ends the session if it is at rest; one that runs comes to its end by itself.
func (s *Session) drain() {
	if s.state.CompareAndSwap(stateResting, stateKilled) {
		s.finish(ErrShutdown)
	}
}

// kill ends the session from outside: at once when it rests, else as soon as
// its goroutine notices.
func (s *Session) kill(cause error) {
	s.cause.CompareAndSwap(nil, &cause)
	for {
		st := s.state.Load()
		if st == stateKilled || st == stateEnded {
			return
		}
		if !s.state.CompareAndSwap(st, stateKilled) {
			continue
		}
		if st == stateResting {
			s.finish(cause)
			return
		}
		s.abort(cause)
		return
	}
}

// abort wakes the goroutine of a killed session wherever it waits.
func (s *Session) abort(cause error) {
	s.ctx.cancel(cause)
	end := func(k *socket) {
		k.set(flagAborted)
		k.conn.interrupt()
	}
	end(s.clt)
	if k := s.srv.Load(); k != nil {
		end(k)
	}
	s.data.Load().each(end)
}

// causeOr is why the session was ended from outside, or err.
func (s *Session) causeOr(err error) error {
	if p := s.cause.Load(); p != nil {
		return *p
	}
	return err
}

// finish is the one end of every session. The caller owns it.
func (s *Session) finish(err error) {
	err = s.causeOr(err)
	s.state.Store(stateEnded)
	s.ctx.cancel(err)
	if s.held != nil { // by a driver that panicked
		s.held.Discard()
	}
	s.eng.release(s)
	if !errors.Is(err, ErrRestart) { // which has set the counters to zero
		s.settle(nil)
	}
	s.closeSockets(err)
	s.endAudit()
	s.eng.ended(s, err)
}

// closeSockets closes both ends in the way the end calls for: a session that the
// engine ends in the refusal style, a reset one with resets, and every other so
// that what was sent still arrives.
func (s *Session) closeSockets(err error) {
	if s.relay != nil {
		s.relay.release()
	}
	reset := errors.Is(err, ErrReset)
	s.closeAttached()
	s.closeServer(reset)
	if isKill(err) {
		reset = s.sayFarewell(err)
	}
	if !reset && s.client.Flush() != nil {
		reset = true
	}
	// A client that has nothing more to say at the proper end loses nothing by a
	// plain close; otherwise what it still sends would reset what we sent last.
	silent := errors.Is(err, io.EOF) && len(s.client.Buffered()) == 0 && !s.clt.has(flagReadable)
	s.client.Release()
	if reset || s.clt.ended || silent {
		s.clt.close(reset)
		return
	}
	s.eng.lingers.add(s.clt, lingerDrain)
}

// sayFarewell does to a dropped client what the refusal style says, and tells
// whether that is a reset. A session at rest is never reset while its client still
// takes what was sent: that would cut a transfer that is complete for us.
func (s *Session) sayFarewell(err error) (reset bool) {
	switch s.eng.settings().refuse {
	case config.RefuseReset, config.RefuseHang:
		return s.relay != nil || s.clt.has(flagAborted) || s.clt.conn.unsent() == 0
	case config.RefusePolite:
		return s.relay == nil && s.clt.tell(s.driver().Farewell(err)) != nil
	}
	return false
}

// isKill tells the ends that come from the engine and not from the session.
func isKill(err error) bool {
	return errors.Is(err, ErrDropped) || errors.Is(err, ErrRestart) || errors.Is(err, ErrCleared)
}
