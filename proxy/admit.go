package proxy

import (
	"net/netip"
	"sync"
	"time"

	"utmsim/failopen"
	"utmsim/internal/stats"
	"utmsim/protocols/wire"
	"utmsim/sessiontable"
)

// gate is where new connections are decided: the failopen rules and the session
// table move together under one lock, so that a decision and what it does to the
// table are one step.
type gate struct {
	mu       sync.Mutex // guards the fields below
	machine  *failopen.Machine
	conserve failopen.ConserveMode
	epoch    uint64 // of the table's fullness, as the machine knows it
	full     sessiontable.Fullness
	events   []failopen.Event
	levels   []levelChange
}

// levelChange is one change of the memory level.
type levelChange struct {
	from, to    failopen.Memory
	used, total int64
}

// admission is what became of a new connection.
type admission struct {
	failopen.Decision
	action failopen.Action // Inspect, Bypass or Refuse: what is done after all
	victim sessiontable.Victim
	drops  bool // victim is to be ended
}

// admit decides about a new session and takes its entry.
func (e *Engine) admit(now int64, s *Session) (a admission) {
	scope := failopen.Scope{VDOM: s.entry.VDOM, Proto: s.entry.Proto}
	g := &e.gate
	g.mu.Lock()
	e.checkMemoryLocked(now)
	room := false
	if g.machine.NeedsRoom(scope) {
		room = e.table.Admit(now, &s.entry)
	}
	a.Decision = g.machine.Arrive(now, scope, room, e.note)
	a.action = a.Action
	if a.Action == failopen.Drop {
		a.action = failopen.Refuse
		if a.victim, a.drops = e.replaceLocked(now, s); a.drops {
			a.action = failopen.Inspect
		}
	}
	e.followTableLocked(now)
	e.unlockGate()
	if s.inTable = a.action == failopen.Inspect; s.inTable {
		s.shown.admitted.Store(uint32(a.Row)) // its entry may be looked at already
	}
	return a
}

// replaceLocked drops one idle session and gives its place to s. Under memory
// pressure one session has to go even if a place is free.
func (e *Engine) replaceLocked(now int64, s *Session) (sessiontable.Victim, bool) {
	rule := e.settings().drop
	rule.Always = e.gate.machine.Memory() != failopen.Normal
	v, out := e.table.AdmitDropping(now, &s.entry, rule)
	return v, out == sessiontable.Replaced
}

// release gives the session's entry back, unless somebody has taken it.
func (e *Engine) release(s *Session) {
	if !s.inTable {
		return
	}
	now := e.now()
	e.gate.mu.Lock()
	e.table.Release(&s.entry)
	e.checkMemoryLocked(now)
	e.followTableLocked(now)
	e.unlockGate()
}

// followTableLocked tells the machine when somebody has run out of room or has
// found some.
func (e *Engine) followTableLocked(now int64) {
	epoch := e.table.Epoch()
	if epoch == e.gate.epoch {
		return
	}
	e.gate.epoch = epoch
	e.table.Fullness(&e.gate.full)
	e.gate.machine.Occupancy(now, failopen.Fullness(e.gate.full), e.note)
}

// checkMemory looks at conserve mode after the accounted memory has changed.
func (e *Engine) checkMemory() {
	now := e.now()
	e.gate.mu.Lock()
	e.checkMemoryLocked(now)
	e.unlockGate()
}

func (e *Engine) checkMemoryLocked(now int64) {
	used, total := e.memory.used(), e.memory.total.Load()
	before := e.gate.conserve.Level()
	level, changed := e.gate.conserve.Update(used, total)
	if !changed {
		return
	}
	e.gate.levels = append(e.gate.levels, levelChange{before, level, used, total})
	e.gate.machine.SetMemory(now, level, e.note)
}

// unlockGate unlocks and then reports what has happened meanwhile.
func (e *Engine) unlockGate() {
	events, levels := e.gate.events, e.gate.levels
	if events != nil {
		e.gate.events = nil
	}
	if levels != nil {
		e.gate.levels = nil
	}
	e.gate.mu.Unlock()
	for _, ev := range events {
		e.failopenEvent(ev)
	}
	for _, l := range levels {
		e.memoryEvent(l)
	}
}

// arrive takes a connection that was accepted: it is admitted, bypassed or
// refused. The caller has given conn away.
func (e *Engine) arrive(ln *listener, conn netConn, peer netip.AddrPort) {
	now := e.now()
	rt := ln.route.Load()
	s := e.newSession(ln, rt, conn, peer, now)
	e.worker.Stat.AcceptorRead.Inc()
	e.rounds.one(e.worker.AcceptorEvent)
	if !rt.inspect {
		e.start(s, stats.LeakPolicy)
		return
	}
	a := e.admit(now, s)
	switch a.action {
	case failopen.Inspect:
		if a.drops {
			e.drop(a, s)
		}
		e.start(s, 0)
	case failopen.Bypass:
		e.bypassed(s, a)
		e.start(s, leakOf(a.Decision))
	default:
		e.refuse(s, a)
	}
}

// leakOf is why a bypassed session's bytes go unscanned.
func leakOf(d failopen.Decision) stats.LeakReason {
	if d.Row == latchedRow || d.Latch != failopen.LatchNone {
		return stats.LeakOneShot
	}
	return stats.LeakFailopen
}

// latchedRow is the row of the decision table that a latch makes.
const latchedRow failopen.Row = 2

func (e *Engine) newSession(ln *listener, rt *route, conn netConn, peer netip.AddrPort, now int64) *Session {
	s := &Session{eng: e, ln: ln, policy: rt, vdom: rt.vdom, id: e.nextID.Add(1), began: now, peer: peer}
	s.entry.Key = sessiontable.Key{Client: peer.Addr(), Proto: rt.proto, VDOM: rt.vdom.index}
	s.entry.Owner = s
	s.transport = s.vdom.stats.Transport(rt.proto)
	s.counts = s.vdom.stats.Session(rt.proto)
	s.bytesOut, s.bytesIn = s.vdom.stats.Bytes(rt.proto)
	s.clt = &socket{sess: s, conn: conn, quick: true, limit: e.settings().exchangeTimeout}
	s.client = wire.NewConn(s.clt)
	s.restLimit = int64(rt.rest)
	if _, ok := rt.driver.(Attaching); ok {
		conn.keepUrgent()
	}
	s.state.Store(stateRunning)
	return s
}

// start lets a session live: its client socket joins the reactor, and it rests
// until the client says something, or runs at once when it has to connect.
func (e *Engine) start(s *Session, leak stats.LeakReason) {
	e.sessions.Add(1)
	e.alive.Add(1)
	e.worker.Stat.AcceptorWrite.Inc()
	if s.inTable {
		s.clt.events, s.clt.heard = s.counts.Clt, &s.shown.cltHeard
	} else {
		s.leak = leak
		s.beginAudit()
		_, attaches := s.driver().(Attaching)
		if s.unscanned = s.Explicit() || attaches; !s.unscanned {
			s.relay, s.record = newRelay(s), s.newRecord()
			s.clt.set(flagRelay)
		}
	}
	if err := e.reactor.add(s.clt, false); err != nil {
		e.worker.Fail(stats.Poll, err)
		s.transport.Fail(stats.Poll, err)
		s.finish(err)
		return
	}
	if _, ok := s.driver().(ClientFirst); ok && s.relay == nil {
		if s.rest() {
			return
		}
	}
	e.workers.run(s)
}

// refuse turns a connection away in the refusal style.
func (e *Engine) refuse(s *Session, a admission) {
	s.counts.SetupFail.Inc()
	e.refused(s, a)
	e.worker.Stat.AcceptorWrite.Inc()
	e.turnAway(s)
}

// drop ends idledrop's victim, whose place s has taken.
func (e *Engine) drop(a admission, s *Session) {
	e.dropped(a, s)
	if v, ok := a.victim.Entry.Owner.(*Session); ok && v != nil {
		v.kill(ErrDropped)
	}
}

// idleFor is how long an entry has rested, for log lines.
func idleFor(v sessiontable.Victim) time.Duration { return v.IdleFor.Truncate(time.Millisecond) }
