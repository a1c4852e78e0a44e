package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync/atomic"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// Flags of a socket. The reactor, the sweeper and whoever ends a session set
// them; the goroutine that runs the session clears them.
const (
	flagReadable    uint32 = 1 << iota // bytes or the end of the stream may be waiting
	flagWritable                       // there may be room again
	flagHangup                         // the peer has ended its direction (RDHUP)
	flagDead                           // both directions are gone (ERR, HUP)
	flagAborted                        // the session was ended from outside
	flagTimedOut                       // nothing moved for as long as the exchange may wait
	flagNudged                         // a read is to be interrupted with wire.ErrWake
	flagWaitRead                       // the running goroutine waits to read
	flagWaitWrite                      // the running goroutine waits to write
	flagInterrupt                      // a waiting write also ends when bytes arrive
	flagWantWrite                      // the reactor reports room to write
	flagRelay                          // room to write is an event for the session
	flagUrgent                         // the peer sends urgent data, at which every read stops short
	flagLingering                      // the session is over, the socket waits for its peer
	flagOverheard                      // another socket has something new; see Session.Attend
	flagWaiting     = flagWaitRead | flagWaitWrite
	flagReadReasons = flagReadable | flagHangup | flagDead | flagAborted | flagTimedOut | flagNudged
	flagWakesReader = flagReadReasons | flagOverheard
)

// socket is one TCP connection of a session: a descriptor, the flags that say
// what may be done with it, and what has gone through it. Reads and writes
// block the goroutine, never a thread, and never try what the reactor has not
// announced. It implements wire.Stream.
type socket struct {
	sess     *Session
	peer     netip.AddrPort // of a server: where it is
	events   *stats.Counter // what the reactor counts an event under, nil: nothing
	heard    *atomic.Uint32 // the same, of this session; nil: nothing
	flags    atomic.Uint32
	slot     uint32
	gen      uint32
	woken    chan struct{} // one token a wait; made at the first wait
	wakeAt   atomic.Int64  // when flagNudged is due, 0: never
	until    atomic.Int64  // how long the goroutine waits at most, 0: it doesn't wait
	limit    int64         // how long one wait may last (ns); by the owner only
	due      int64         // when the wait that was nudged is over, 0: there is none; by the owner only
	ended    bool          // the peer's end of stream was read; by the owner only
	quick    bool          // small writes leave at once (TCP_NODELAY); by the owner only
	wrote    bool          // something was written since the last read; by the owner only
	trying   bool          // Read does not wait; by the owner only
	attached bool          // a data connection, or a listener for one
	early    func() error  // what a write that waits calls when the peer speaks; by the owner only
	unread   error         // what an attempt found and the next Read returns; by the owner only
	conn     netConn       // the descriptor itself, by platform
}

// count counts an event that the reactor has seen.
func (s *socket) count() {
	s.events.Inc()
	if s.heard != nil {
		s.heard.Add(1)
	}
}

// set raises flags and wakes the goroutine that waits for one of them. It tells
// whether somebody was waiting.
func (s *socket) set(bits uint32) bool {
	for {
		old := s.flags.Load()
		now := old | bits
		wake := (old&flagWaitRead != 0 && bits&flagWakesReader != 0) ||
			(old&flagWaitWrite != 0 && bits&^(flagReadable|flagHangup|flagNudged) != 0) ||
			(old&flagWaitWrite != 0 && old&flagInterrupt != 0 && bits&flagReadable != 0)
		if wake {
			now &^= flagWaiting
		}
		if now == old {
			return false
		}
		if s.flags.CompareAndSwap(old, now) {
			if wake {
				s.woken <- struct{}{}
			}
			return wake
		}
	}
}

// clear takes flags back.
func (s *socket) clear(bits uint32) {
	if s.flags.Load()&bits != 0 {
		s.flags.And(^bits)
	}
}

func (s *socket) has(bits uint32) bool { return s.flags.Load()&bits != 0 }

// wait blocks until one of the flags in reasons is up. A nudge does not end the
// time allowed: a peer that says nothing is given up however often the engine has
// something to do meanwhile.
func (s *socket) wait(waiting, reasons uint32) error {
	for {
		f := s.flags.Load()
		switch {
		case f&flagAborted != 0:
			return s.sess.causeOr(errClientGone)
		case f&flagTimedOut != 0 && s.sess.clt.has(flagDead):
			return s.sess.causeOr(errClientGone)
		case f&flagTimedOut != 0:
			return fmt.Errorf("waiting for the %s: %w", s.sess.nameOf(s), ErrTimeout)
		case f&flagOverheard != 0 && !s.trying && f&reasons&flagDead == 0: // else the call says why it is dead
			s.clear(flagOverheard)
			if err := s.sess.listenTo(); err != nil {
				return err
			}
			continue
		case f&reasons != 0:
			if f&flagNudged == 0 {
				s.due = 0
			}
			return nil
		}
		if s.woken == nil {
			s.woken = make(chan struct{}, 1)
		}
		if s.due == 0 {
			s.due = s.sess.eng.now() + s.limit
		}
		s.until.Store(s.due)
		if s.sess.clt.has(flagDead) { // looked at after the store: see clientGone
			s.until.Store(min(s.due, s.sess.goneBy(s.sess.eng.now())))
		}
		if s.flags.CompareAndSwap(f, f|waiting) {
			<-s.woken
		}
		s.until.Store(0)
	}
}

// Read: see wire.Stream.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.unread; err != nil {
		s.unread = nil
		return 0, err
	}
	for {
		if s.trying && !s.has(flagReadReasons) {
			return 0, errWouldBlock
		}
		if err := s.wait(flagWaitRead, flagReadable|flagHangup|flagDead|flagNudged); err != nil {
			return 0, err
		}
		if s.has(flagNudged) {
			s.clear(flagNudged)
			if s.wakeAt.Load() == 0 {
				continue // taken back while the sweeper was at it
			}
			return 0, wire.ErrWake
		}
		s.clear(flagReadable)
		n, err := s.conn.read(p)
		switch {
		case n > 0:
			if n == len(p) || s.has(flagHangup|flagUrgent) {
				s.set(flagReadable) // more, or the end, may be there already
			}
			s.received(n)
			return n, nil
		case err == errWouldBlock:
			if s.has(flagHangup | flagDead) {
				s.clear(flagHangup | flagDead)
			}
			continue
		case err == nil:
			s.ended = true
			return 0, io.EOF
		}
		s.failed(stats.Read, err)
		return 0, fmt.Errorf("reading from the %s: %w", s.sess.nameOf(s), err)
	}
}

// ready tells whether c, the Conn over this socket, has something for its
// driver: bytes, which are in its buffer then, or the end of the stream. An event
// alone is not enough: what it announced may have been read already.
func (s *socket) ready(c *wire.Conn) bool {
	if len(c.Buffered()) > 0 || s.unread != nil {
		return true
	}
	if !s.has(flagReadable) {
		return false
	}
	s.trying = true
	err := c.Fill(1)
	s.trying = false
	if err == errWouldBlock {
		return false
	}
	s.unread = err
	return true
}

// Write: see wire.Stream. It returns when everything is with the kernel.
func (s *socket) Write(p []byte) (int, error) {
	s.hurry()
	done := 0
	for done < len(p) {
		s.clear(flagWritable) // before the attempt, so that no report is lost
		n, err := s.conn.write(p[done:])
		if n > 0 {
			done += n
			s.sent(n)
			continue
		}
		if err == errWouldBlock {
			if err = s.waitWritable(); err == nil {
				continue
			}
			return done, err
		}
		s.failed(stats.Write, err)
		return done, fmt.Errorf("writing to the %s: %w", s.sess.nameOf(s), err)
	}
	return done, nil
}

// hurry comes before each write. A second write without a read in between would
// wait for the peer's delayed acknowledgement; most sessions never have one, and
// are spared the call.
func (s *socket) hurry() {
	if s.wrote && !s.quick {
		s.quick = true
		s.conn.noDelay()
	}
	s.wrote = true
}

// waitWritable waits for room. The first time it asks the reactor to report it.
func (s *socket) waitWritable() error {
	if err := s.wantWrite(); err != nil {
		return err
	}
	reasons := flagWritable | flagDead
	if s.has(flagInterrupt) {
		reasons |= flagReadable
	}
	for {
		if err := s.wait(flagWaitWrite, reasons); err != nil {
			return err
		}
		if !s.has(flagInterrupt) || !s.has(flagReadable) || s.has(flagWritable) {
			return nil
		}
		if err := s.hearEarly(); err != nil {
			return err
		}
	}
}

// hearEarly lets the driver look at what the peer says instead of taking more.
func (s *socket) hearEarly() error {
	if s.early == nil {
		return wire.ErrEarlyReply
	}
	s.trying = true
	defer func() { s.trying = false }()
	return s.early()
}

// OnEarlyReply: see wire.EarlyReplier.
func (s *socket) OnEarlyReply(f func() error) {
	s.early = f
	s.InterruptWrite(f != nil)
}

// wantWrite makes the reactor report room to write, from now on for good.
// Asking anew reports at once when there is room already, so none is missed.
func (s *socket) wantWrite() error {
	if s.has(flagWantWrite) {
		return nil
	}
	s.set(flagWantWrite)
	if err := s.sess.eng.reactor.watchWrites(s); err != nil {
		return fmt.Errorf("watching the %s for writing: %w", s.sess.nameOf(s), err)
	}
	return nil
}

// InterruptWrite: see wire.Stream.
func (s *socket) InterruptWrite(on bool) {
	if on {
		s.set(flagInterrupt)
		return
	}
	s.clear(flagInterrupt)
}

// CloseWrite: see wire.Stream.
func (s *socket) CloseWrite() error { return s.conn.closeWrite() }

// nudgeAt makes a blocked or coming read end with wire.ErrWake at time t
// (nanoseconds of the engine's clock); 0 takes that back.
func (s *socket) nudgeAt(t int64) {
	s.wakeAt.Store(t)
	if t == 0 {
		s.clear(flagNudged)
	}
}

func (s *socket) received(n int) {
	s.wrote = false
	if s.peer.IsValid() {
		s.sess.shown.down.Add(int64(n))
	}
	s.sess.bytesIn.Add(int64(n))
}

func (s *socket) sent(n int) {
	if s.peer.IsValid() {
		s.sess.shown.up.Add(int64(n))
	}
	s.sess.bytesOut.Add(int64(n))
}

// failed counts an error of the socket under its protocol. A peer that resets
// is an error of the network and counts like any other.
func (s *socket) failed(kind stats.ErrorKind, err error) { s.sess.transport.Fail(kind, err) }

// isTimeout tells time-outs of every kind.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool } // context.DeadlineExceeded has it too
	return errors.As(err, &t) && t.Timeout()
}
