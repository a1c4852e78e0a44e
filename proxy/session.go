package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"sync/atomic"

	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/sessiontable"
)

// States of a session; see "Who owns what" in the package comment.
const (
	stateResting uint32 = iota
	stateRunning
	stateRunningMore // running, and something has happened since it looked last
	stateKilled      // ended from outside; the owner cleans up
	stateEnded
)

// Session is one client connection and what belongs to it. Its methods are for
// the driver and are called by the goroutine that runs the session.
type Session struct {
	entry sessiontable.Entry

	// State is the driver's own.
	State any

	eng     *Engine
	ln      *listener
	id      uint64
	began   int64 // engine clock, ns
	clt     *socket
	srv     atomic.Pointer[socket] // nil while no server is connected
	client  *wire.Conn
	server  *wire.Conn
	peer    netip.AddrPort
	target  netip.AddrPort // the server's address, once known
	ctx     sessionContext
	state   atomic.Uint32
	restEnd atomic.Int64 // when a session at rest has rested too long; 0: never
	cause   atomic.Pointer[error]

	bytesIn, bytesOut *stats.Counter
	transport         *stats.Transport
	counts            *stats.SessionCounters
	row               failopen.Row // that bypassed it; 0: none
	leaks             uint32       // reasons under which it was counted as leaking
	vdom              *vdomState
	policy            *route

	// The fields below are the owner's.
	restLimit int64  // how long it may rest, ns; 0: without end
	opened    bool   // the driver's Open has run
	inTable   bool   // it has an entry: it is inspected
	settled   bool   // setup_ok or setup_fail was counted
	busy      bool   // at rest inside a transaction: not idle
	expired   bool   // ended by the sweeper
	taken     bool   // its entry was taken while it ran
	unscanned bool   // bypassed, but a driver has to find the server
	relay     *relay // not nil: bytes are moved without inspection
	held      *Hold  // an object that is neither released nor discarded yet
	leak      stats.LeakReason
	up, down  int64 // payload bytes of servers that were let go before the end
	verdict   string
}

// ID is the session's number, unique while the program runs.
func (s *Session) ID() uint64 { return s.id }

// Client is the connection to the client.
func (s *Session) Client() *wire.Conn { return s.client }

// Server is the connection to the server, nil while there is none.
func (s *Session) Server() *wire.Conn { return s.server }

// Conn is the connection to one side.
func (s *Session) Conn(side wire.Side) *wire.Conn {
	if side == wire.Client {
		return s.client
	}
	return s.server
}

// ClientAddr is where the client connects from.
func (s *Session) ClientAddr() netip.AddrPort { return s.peer }

// Protocol is what the session speaks.
func (s *Session) Protocol() protocols.Protocol { return s.entry.Proto }

// Explicit tells that the client knows of the proxy and names the server in
// each request; otherwise Connect reaches the server the listener stands for.
func (s *Session) Explicit() bool { return s.policy.target == nil }

// Options are the protocol options in force when the session began.
func (s *Session) Options() *config.ProtocolOptions { return s.policy.options }

// AntiVirus is the antivirus profile in force when the session began.
func (s *Session) AntiVirus() *config.AVProfile { return s.policy.av }

// Stats are the counters of the session's VDOM.
func (s *Session) Stats() *stats.VDOM { return s.vdom.stats }

// Log is the log of the engine with the session's number.
func (s *Session) Log() *zap.Logger { return s.eng.log.With(zap.Uint64("session", s.id)) }

// Now is the engine's clock in nanoseconds.
func (s *Session) Now() int64 { return s.eng.now() }

// RestLimit sets how long the session may rest between exchanges; it holds from
// the next rest on. 0 means without end.
func (s *Session) RestLimit(ns int64) { s.restLimit = ns }

// Transaction marks the session as inside a transaction (on) or not: at rest,
// but not idle, however quiet the wire.
func (s *Session) Transaction(on bool) { s.busy = on }

// Note sets the verdict word of the session's log line.
func (s *Session) Note(verdict string) { s.verdict = verdict }

func (s *Session) nameOf(k *socket) wire.Side {
	if k == s.clt {
		return wire.Client
	}
	return wire.Server
}

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
	if woke || (flags&flagReadable == 0 && !k.has(flagRelay)) {
		return
	}
	k.sess.signal()
}

// clientGone ends what only the client was waiting for: a scan, and an answer of
// the server. What is relayed uninspected goes on as it would without a proxy.
func (s *Session) clientGone() {
	s.ctx.cancel(errClientGone)
	if k := s.srv.Load(); k != nil && !s.clt.has(flagRelay) {
		k.set(flagAborted)
	}
}

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
	case s.taken:
		return s.causeOr(ErrDropped)
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

func (s *Session) driver() Driver { return s.ln.driver }

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
		s.cause.CompareAndSwap(nil, &errShutdown)
		s.taken = true
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
	}
	if s.state.CompareAndSwap(stateRunning, stateResting) {
		if s.eng.draining.Load() { // since it was looked at above
			s.kill(ErrShutdown)
		}
		return true
	}
	s.restEnd.Store(0)
	s.taken = idle && !s.entry.Wake()
	return false
}

var errShutdown error = ErrShutdown

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
	for _, k := range [...]*socket{s.clt, s.srv.Load()} {
		if k != nil {
			k.set(flagAborted)
			k.conn.interrupt()
		}
	}
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
	s.settle(nil)
	s.closeSockets(err)
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
