package proxy

import (
	"net/netip"
	"time"

	"utmsim/failopen"
	"utmsim/protocols"
	"utmsim/sessiontable"
)

// RowState is what a session is doing.
type RowState uint8

// The states of a session.
const (
	RowActive      RowState = iota // in an exchange; a bypassed one: moving bytes
	RowScan                        // in an exchange, waiting for a verdict
	RowURLFilter                   // in an exchange, waiting for the category of a host
	RowTransaction                 // at rest inside a transaction: not idle
	RowIdle                        // at rest between two exchanges
)

var rowStateWords = [...]string{"active", "scan", "urlfilter", "transaction", "idle"}

func (s RowState) String() string { return rowStateWords[s] }

// Row is one session as it is now: what levels 44 and 44444 of "get test
// proxyworker" are about (fidelity page, section 1.7).
type Row struct {
	Session uint64 // number of the session, 0 for a phantom
	Entry   uint32 // number of its entry in the table, 0 for a bypassed session
	VDOM    string
	Proto   protocols.Protocol
	State   RowState
	Client  netip.AddrPort // port 0 for a phantom
	Door    netip.AddrPort // the listener it came through; not valid for a phantom
	Policy  int            // id of the firewall policy; 0 for the explicit proxy and for a phantom
	Server  netip.AddrPort // not valid while there is none
	Age     time.Duration  // since it was accepted
	Idle    time.Duration  // how long it has been idle; 0 in any other state
	Expires time.Duration  // how long it may go on resting; 0 while it does not rest, or without end
	Up      int64          // bytes to its servers so far
	Down    int64          // bytes from its servers so far
	// ClientEvents and ServerEvents are what it has added to clt and srv of its
	// protocol's accounting.
	ClientEvents, ServerEvents uint32
	Held                       int64 // bytes in its spool
	// Verdict is what its log line would say by now, "" as long as all was clean.
	Verdict string
	// Bypass is the row of the decision table that let it in uninspected, 0 for a
	// session that is inspected, or that no policy wants inspected.
	Bypass failopen.Row
	// Admitted is the row that let it in to be inspected, 0 otherwise.
	Admitted failopen.Row
}

// Entries is how many entries the table has now and had at most, all protocols
// together.
func (e *Engine) Entries() (now, peak int) { return e.table.Total(), e.table.PeakTotal() }

// Rows visits all sessions without stopping traffic, in no particular order: those
// that have an entry, phantoms included, and then those that are bypassed. A
// session that is there during the whole visit is seen once. No lock is held while
// yield runs.
func (e *Engine) Rows(yield func(Row) bool) {
	now, more := e.now(), true
	e.table.Rows(func(r sessiontable.Row) bool {
		more = yield(e.entryRow(r, now))
		return more
	})
	if !more {
		return
	}
	e.eachSession(func(s *Session) {
		if !s.inTable && more && s.state.Load() != stateEnded { // one that is refused never lived
			more = yield(s.bypassedRow(now))
		}
	})
}

// entryRow is the row of an entry.
func (e *Engine) entryRow(r sessiontable.Row, now int64) (out Row) {
	if s, ok := r.Owner.(*Session); ok {
		out = s.row(now)
	} else {
		out = Row{VDOM: e.vdomAt(r.VDOM).name, Proto: r.Proto, Client: netip.AddrPortFrom(r.Client, 0), Age: time.Duration(now - r.Admitted)}
	}
	out.Entry = r.Number
	if r.Resting {
		out.State, out.Idle = RowIdle, since(r.Since, now)
	}
	return out
}

// bypassedRow is the row of a session without an entry.
func (s *Session) bypassedRow(now int64) Row {
	r := s.row(now)
	if r.State == RowTransaction { // at rest: it has no transactions, nobody looks into it
		r.State, r.Idle = RowIdle, since(s.shown.rested.Load(), now)
	}
	return r
}

// row is what a session itself knows; that it is idle the table does.
func (s *Session) row(now int64) Row {
	r := Row{
		Session: s.id, VDOM: s.vdom.name, Proto: s.entry.Proto, State: RowActive, Client: s.peer, Door: s.ln.addr, Policy: s.policy.policy, Age: since(s.began, now),
		Up: s.shown.up.Load(), Down: s.shown.down.Load(), Held: s.shown.held.Load(),
		ClientEvents: s.shown.cltHeard.Load(), ServerEvents: s.shown.srvHeard.Load(),
		Verdict: s.noted(), Bypass: s.bypass, Admitted: failopen.Row(s.shown.admitted.Load()),
	}
	if k := s.srv.Load(); k != nil {
		r.Server = k.peer
	}
	switch {
	case s.shown.scanning.Load():
		r.State = RowScan
	case s.shown.rating.Load():
		r.State = RowURLFilter
	case s.state.Load() == stateResting:
		r.State = RowTransaction
		if end := s.restEnd.Load(); end != 0 {
			r.Expires = since(now, end)
		}
	}
	return r
}

// since is the time from then to now. A session may have come to rest since now
// was read.
func since(then, now int64) time.Duration { return time.Duration(max(0, now-then)) }
