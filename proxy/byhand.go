package proxy

import (
	"time"

	"utmsim/protocols"
	"utmsim/sessiontable"
)

// DropAllOf is DropAll for one protocol.
func (e *Engine) DropAllOf(p protocols.Protocol) int {
	e.gate.mu.Lock()
	owners := e.table.DropAll(func(k sessiontable.Key) bool { return k.Proto == p })
	return e.endTaken(owners, ErrCleared)
}

// DropAllIdleOf is DropAllIdle for one protocol.
func (e *Engine) DropAllIdleOf(p protocols.Protocol) int {
	now := e.now()
	e.gate.mu.Lock()
	owners := e.table.DropIdle(now, e.settings().drop.Idle, func(k sessiontable.Key) bool { return k.Proto == p })
	return e.endTaken(owners, ErrCleared)
}

// DropMaxIdleOf is DropMaxIdle among the sessions of one protocol.
func (e *Engine) DropMaxIdleOf(p protocols.Protocol) (v sessiontable.Victim, ok bool) {
	now := e.now()
	e.gate.mu.Lock()
	v, ok = e.table.DropIdlestOf(now, p, e.settings().drop)
	if !ok {
		e.unlockGate()
		return v, false
	}
	e.endTaken([]*sessiontable.Entry{v.Entry}, ErrCleared)
	return v, true
}

// End ends the sessions that match, bypassed ones included, and tells how many.
// Phantoms are no sessions: Drain takes them out.
func (e *Engine) End(match func(Row) bool) int {
	now, n := e.now(), 0
	e.eachSession(func(s *Session) {
		if s.state.Load() != stateEnded && match(s.row(now)) {
			s.kill(ErrCleared)
			n++
		}
	})
	return n
}

// IdleAfter is how long a session is at rest before it counts as idle.
func (e *Engine) IdleAfter() time.Duration { return e.settings().drop.Idle }
