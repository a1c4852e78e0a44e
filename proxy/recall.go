package proxy

import (
	"net/netip"
	"sync"
	"time"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

// remembered is how many decisions, drops and leaking sessions are remembered: the
// newest of each.
const remembered = 1000

// Circumstances are what a decision was made from.
type Circumstances struct {
	At      time.Time
	Row     failopen.Row // of the decision table
	Trigger failopen.Trigger
	Policy  failopen.Policy // av-failopen
	Session bool            // av-failopen-session
	Occupancy
}

// Occupancy is how many entries there are, and how many there may be, where there is
// the least room for a newcomer: in its protocol, or with a limit of its own in its
// VDOM.
type Occupancy struct {
	Entries int // the decision included
	Limit   int
	OfVDOM  bool // of the VDOM, over all protocols; otherwise of the protocol
}

// occupancy is that for a scope now.
func (e *Engine) occupancy(s failopen.Scope) Occupancy {
	use := Occupancy{Entries: e.table.Current(s.Proto), Limit: e.table.Limit(s.Proto)}
	limits := e.settings().limits.VDOM
	if int(s.VDOM) >= len(limits) || limits[s.VDOM] == 0 {
		return use
	}
	if own, limit := e.table.CurrentVDOM(s.VDOM), limits[s.VDOM]; limit-own <= use.Limit-use.Entries {
		return Occupancy{Entries: own, Limit: limit, OfVDOM: true}
	}
	return use
}

// TurnedAway is a session that was refused or let in uninspected.
type TurnedAway struct {
	Circumstances
	Session uint64
	VDOM    string
	Proto   protocols.Protocol
	Client  netip.AddrPort
	Refused bool          // otherwise bypassed
	Style   config.Refuse // how a refused client was sent away
}

// DropRecord is an idle session that was dropped for a newcomer.
type DropRecord struct {
	Circumstances
	Number   uint64 // of the drop, from 1
	Session  uint64 // the victim; 0 for a phantom
	Entry    uint32
	VDOM     string
	Proto    protocols.Protocol
	Client   netip.Addr
	Held     int           // entries that the client had, the victim's included
	Rank     int           // of the client in the order of victims, from 1
	Idle     time.Duration // how long the victim had rested
	Newcomer uint64        // session that got the place
	For      netip.AddrPort
}

// LeakRecord is a session of the leak ledger that has ended.
type LeakRecord struct {
	Ended   time.Time
	Session uint64
	VDOM    string
	Proto   protocols.Protocol
	Client  netip.AddrPort
	Server  netip.AddrPort // not valid when there was none
	Row     failopen.Row   // that let it in uninspected; 0 for one that was inspected
	Reasons []stats.LeakReason
	Bytes   int64 // delivered unscanned
	Verdict string
	Close   CloseReason
	Audit   Audit // what is known of the content by now; of bypassed sessions alone

	dossier *dossier
}

// recall is what the engine remembers of sessions that are gone, or that it will be
// asked about.
type recall struct {
	mu     sync.Mutex // guards the fields below
	away   ring[TurnedAway]
	drops  ring[DropRecord]
	leaks  ring[LeakRecord]
	dropNo uint64
}

// ring keeps the newest values.
type ring[T any] struct {
	kept []T
	next int // where the oldest is, once the ring is full
}

func (r *ring[T]) add(v T) {
	if len(r.kept) < remembered {
		r.kept = append(r.kept, v)
		return
	}
	r.kept[r.next] = v
	r.next = (r.next + 1) % remembered
}

// newestFirst visits what is kept.
func (r *ring[T]) newestFirst(yield func(*T) bool) {
	for i := range r.kept {
		if !yield(&r.kept[(r.next+len(r.kept)-1-i)%len(r.kept)]) {
			return
		}
	}
}

// circumstances are those of a decision that has just been made.
func (e *Engine) circumstances(s failopen.Scope, d failopen.Decision) Circumstances {
	set := e.settings()
	return Circumstances{
		At: time.Now(), Row: d.Row, Trigger: d.Trigger, Policy: set.failopen.Policy, Session: set.failopen.Session,
		Occupancy: e.occupancy(s),
	}
}

// turnedAway remembers a session that was refused or bypassed.
func (e *Engine) turnedAway(s *Session, a admission, refused bool) Circumstances {
	c := e.circumstances(failopen.Scope{VDOM: s.entry.VDOM, Proto: s.entry.Proto}, a.Decision)
	e.recall.mu.Lock()
	defer e.recall.mu.Unlock()
	e.recall.away.add(TurnedAway{
		Circumstances: c, Session: s.id, VDOM: s.vdom.name, Proto: s.entry.Proto, Client: s.peer, Refused: refused, Style: e.settings().refuse,
	})
	return c
}

// remember remembers a drop and gives it a number.
func (e *Engine) remember(d DropRecord) DropRecord {
	e.recall.mu.Lock()
	defer e.recall.mu.Unlock()
	e.recall.dropNo++
	d.Number = e.recall.dropNo
	e.recall.drops.add(d)
	return d
}

// rememberLeak remembers a session of which bytes were delivered unscanned.
func (e *Engine) rememberLeak(s *Session, close CloseReason) {
	if s.leaks == 0 {
		return
	}
	rec := LeakRecord{
		Ended: time.Now(), Session: s.id, VDOM: s.vdom.name, Proto: s.entry.Proto, Client: s.peer, Server: s.target,
		Row: s.bypass, Bytes: s.leakBytes, Verdict: s.verdictWord(), Close: close, dossier: s.dossier,
	}
	for r := range stats.LeakReasons {
		if s.leaks&(1<<r) != 0 {
			rec.Reasons = append(rec.Reasons, stats.LeakReason(r))
		}
	}
	e.recall.mu.Lock()
	defer e.recall.mu.Unlock()
	e.recall.leaks.add(rec)
}

// Leaked are the ended sessions of the leak ledger that are remembered, at most n,
// newest first.
func (e *Engine) Leaked(n int) []LeakRecord {
	e.recall.mu.Lock()
	defer e.recall.mu.Unlock()
	var out []LeakRecord
	e.recall.leaks.newestFirst(func(r *LeakRecord) bool {
		out = append(out, *r)
		out[len(out)-1].Audit = r.dossier.look()
		return len(out) < n
	})
	return out
}

// FindLeaked finds a session of the ledger by its number.
func (e *Engine) FindLeaked(session uint64) (LeakRecord, bool) {
	r, ok := find(e, &e.recall.leaks, func(r *LeakRecord) bool { return r.Session == session })
	r.Audit = r.dossier.look()
	return r, ok
}

// FindTurnedAway finds a refused or bypassed session by its number.
func (e *Engine) FindTurnedAway(session uint64) (TurnedAway, bool) {
	return find(e, &e.recall.away, func(r *TurnedAway) bool { return r.Session == session })
}

// FindDrop finds a drop by its number.
func (e *Engine) FindDrop(number uint64) (DropRecord, bool) {
	return find(e, &e.recall.drops, func(r *DropRecord) bool { return r.Number == number })
}

// FindDropped finds the drop that ended a session.
func (e *Engine) FindDropped(session uint64) (DropRecord, bool) {
	return find(e, &e.recall.drops, func(r *DropRecord) bool { return r.Session == session })
}

func find[T any](e *Engine, in *ring[T], is func(*T) bool) (found T, ok bool) {
	e.recall.mu.Lock()
	defer e.recall.mu.Unlock()
	in.newestFirst(func(r *T) bool {
		if ok = is(r); ok {
			found = *r
		}
		return !ok
	})
	return found, ok
}
