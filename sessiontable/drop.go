package sessiontable

import (
	"math"
	"time"

	"utmsim/protocols"
)

// DropRule is how a victim is chosen.
type DropRule struct {
	Idle   time.Duration // how long a session must have been at rest, at least
	Any    bool          // older wording: the client with the most entries loses a session, idle or not; Idle is not looked at
	Always bool          // drop one session even if there is room: it is memory that is short
}

// Victim is a session that idledrop took out of the table, and the reasons.
type Victim struct {
	Entry      *Entry
	Key        Key
	Number     uint32
	Client     int           // entries of the client among the candidates, the victim's included
	Rank       int           // of the client: one more than the clients that have more entries among the candidates
	IdleFor    time.Duration // how long it had been at rest; 0 for an active session
	Active     bool          // it was active, which only DropRule.Any allows
	Candidates Candidates
	Of         int // how many candidates there were
}

// Outcome is what became of a newcomer.
type Outcome uint8

// The outcomes.
const (
	Refused  Outcome = iota // there is no room, and nobody whose end makes room may be dropped
	Admitted                // there was room
	Replaced                // it was admitted, and a victim dropped
)

// String is the outcome in small letters.
func (o Outcome) String() string {
	switch o {
	case Refused:
		return "refused"
	case Admitted:
		return "admitted"
	default:
		return "replaced"
	}
}

// AdmitDropping is Admit, except that a newcomer without room takes the place of a
// victim, in one critical section. The victim's entry is out of the table; its
// session is the caller's to close. One victim must be enough: a limit exceeded
// since it was lowered refuses.
func (t *Table) AdmitDropping(now int64, e *Entry, rule DropRule) (Victim, Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heedLocked()
	e.short = t.shortageLocked(e.Key)
	if e.short == 0 && !rule.Always {
		t.insertLocked(now, e, never)
		t.refreshLocked(e.Key)
		return Victim{}, Admitted
	}
	if t.exceededLocked(e.Key) {
		return Victim{}, Refused
	}
	victim, ok := t.dropLocked(now, e.short.candidates(), e.Key, rule)
	if !ok {
		return Victim{}, Refused
	}
	t.insertLocked(now, e, never)
	t.refreshLocked(victim.Key)
	t.refreshLocked(e.Key)
	return victim, Replaced
}

// DropIdlest drops one session of the whole table: a round of idledrop by hand.
func (t *Table) DropIdlest(now int64, rule DropRule) (Victim, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropByHandLocked(now, AnyEntry, Key{}, rule)
}

// DropIdlestOf drops one session of a protocol. Where the protocol has no limit of
// its own, its order is worked out for the occasion: the cost grows with the table.
func (t *Table) DropIdlestOf(now int64, p protocols.Protocol, rule DropRule) (Victim, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := Key{Proto: p}
	if t.domain(OfProtocol, k) == nil {
		t.buildLocked(OfProtocol, k)
		defer t.keepLocked(OfProtocol, k)
	}
	return t.dropByHandLocked(now, OfProtocol, k, rule)
}

func (t *Table) dropByHandLocked(now int64, c Candidates, k Key, rule DropRule) (Victim, bool) {
	t.heedLocked()
	victim, ok := t.dropLocked(now, c, k, rule)
	if ok {
		t.refreshLocked(victim.Key)
	}
	return victim, ok
}

// exceededLocked says whether a limit that counts the key is not only reached.
func (t *Table) exceededLocked(k Key) bool {
	if !t.limits.PerProtocol && t.used.total.now > t.limits.Pool {
		return true
	}
	if bound, ok := t.limits.proto(k.Proto); ok && t.used.proto[k.Proto].now > bound {
		return true
	}
	bound, ok := t.limits.vdom(k.VDOM)
	return ok && t.used.vdom(k.VDOM).total.now > bound
}

// dropLocked takes the victim out of the table.
func (t *Table) dropLocked(now int64, c Candidates, k Key, rule DropRule) (Victim, bool) {
	d := t.domain(c, k)
	limit := idleSince(now, rule)
	for {
		it, entries, above, ok := d.head(limit)
		if !ok {
			return Victim{}, false
		}
		e := t.rows[it.ref]
		if !t.claimLocked(e, it.rest) {
			continue
		}
		v := Victim{
			Entry: e, Key: e.Key, Number: e.number, Client: entries, Rank: int(above) + 1,
			Active: it.rest == never, Candidates: c, Of: d.size,
		}
		if !v.Active {
			v.IdleFor = time.Duration(now - it.rest)
		}
		t.removeLocked(e)
		return v, true
	}
}

// idleSince is the latest rest that makes a session a victim.
func idleSince(now int64, rule DropRule) int64 {
	if rule.Any {
		return never
	}
	return max(now, math.MinInt64+int64(rule.Idle)) - int64(rule.Idle)
}

// claimLocked takes e away from its owner if the index is right about it. Otherwise
// it corrects the index.
func (t *Table) claimLocked(e *Entry, rest int64) bool {
	w := e.word.Load()
	switch {
	case rest == never:
		// Active, or at rest since a moment ago and not announced yet: the drop came first.
		e.word.Store(wordOut)
		return true
	case w == restWord(rest):
		return e.word.CompareAndSwap(w, wordOut)
	case w == wordStale:
		if e.word.CompareAndSwap(wordStale, wordActive) {
			t.rekeyLocked(e, never)
		}
	default:
		t.rekeyLocked(e, restSince(w))
	}
	return false
}
