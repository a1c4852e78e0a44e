package proxy

import (
	"net/netip"
	"sync/atomic"

	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/scanner"
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
	srv     atomic.Pointer[socket]   // nil while no server is connected
	data    atomic.Pointer[attached] // nil while it never had a data connection
	client  *wire.Conn
	server  *wire.Conn
	peer    netip.AddrPort
	target  netip.AddrPort // the server's address, once known
	ctx     sessionContext
	state   atomic.Uint32
	restEnd atomic.Int64 // when a session at rest has rested too long; 0: never
	cause   atomic.Pointer[error]
	gone    atomic.Int64 // until when the server is waited for, its client being gone; 0: it is there

	bytesIn, bytesOut *stats.Counter
	transport         *stats.Transport
	counts            *stats.SessionCounters
	bypass            failopen.Row // the row that bypassed it; 0: none
	leakBytes         int64        // delivered unscanned
	recorded          int64        // of these, recorded to be audited
	leaks             uint32       // reasons under which it was counted as leaking
	shown             shown
	dossier           *dossier // what is known of its content; nil: it is not audited
	vdom              *vdomState
	policy            *route

	// The fields below are the owner's.
	restLimit int64   // how long it may rest, ns; 0: without end
	opened    bool    // the driver's Open has run
	inTable   bool    // it has an entry: it is inspected
	settled   bool    // setup_ok or setup_fail was counted
	busy      bool    // at rest inside a transaction: not idle
	expired   bool    // ended by the sweeper
	drained   bool    // came to rest while the engine shuts down
	unscanned bool    // bypassed, but a driver has to find the server
	relay     *relay  // not nil: bytes are moved without inspection
	record    *record // what is kept of a relayed session to be audited; nil: nothing
	held      *Hold   // an object that is neither released nor discarded yet
	leak      stats.LeakReason
	sender    *opinion // what the spam filter says about its client; nil: not asked yet
}

// shown is what others than the owner may look at while the session lives.
type shown struct {
	admitted           atomic.Uint32 // the failopen.Row that let it in to be inspected; 0: none, or not told yet
	up, down           atomic.Int64  // bytes to and from its servers
	cltHeard, srvHeard atomic.Uint32 // events that the reactor has counted
	held               atomic.Int64  // bytes in its spool
	scanning           atomic.Bool   // an object of it waits for a verdict
	rating             atomic.Bool   // a request of it waits for the category of its host
	rested             atomic.Int64  // when one without an entry came to rest; the table knows of the others
	verdict            atomic.Pointer[string]
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

// Door is where the listener accepts that the client has come through.
func (s *Session) Door() netip.AddrPort { return s.ln.addr }

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

// WaitLimit sets how long one wait for the server may last inside an exchange (ns),
// where a protocol gives it more time than the setting; it holds from the next wait
// on, for the server that is connected. 0 goes back to the setting.
func (s *Session) WaitLimit(ns int64) {
	if k := s.srv.Load(); k != nil {
		k.limit = max(ns, s.eng.settings().exchangeTimeout)
	}
}

// Transaction marks the session as inside a transaction (on) or not: at rest,
// but not idle, however quiet the wire.
func (s *Session) Transaction(on bool) { s.busy = on }

// Note sets the verdict word of the session's log line.
func (s *Session) Note(verdict string) { s.shown.verdict.Store(&verdict) }

// noted is the verdict word, "" as long as there is none.
func (s *Session) noted() string {
	if v := s.shown.verdict.Load(); v != nil {
		return *v
	}
	return ""
}

// Scans tells that objects are judged: not in a bypassed session, and not where the
// profiles say nothing about the protocol.
func (s *Session) Scans() bool { return s.policy.judges && !s.unscanned }

// Blocks tells whether objects of this session are judged, and one with the verdict v
// is not delivered.
func (s *Session) Blocks(v scanner.Verdict) bool { return s.Scans() && s.policy.blocks(v) }

// VDOM is the name of the session's VDOM.
func (s *Session) VDOM() string { return s.vdom.name }

// ServerDataMode is how data connections with the server are made.
func (s *Session) ServerDataMode() config.DataMode { return s.policy.serverData }

// nameOf is what a socket is called in errors.
func (s *Session) nameOf(k *socket) string {
	switch {
	case k == s.clt:
		return wire.Client.String()
	case !k.attached:
		return wire.Server.String()
	case k == s.dataSocket(wire.Client):
		return "client's data connection"
	case k == s.dataSocket(wire.Server):
		return "server's data connection"
	}
	return "listener for data"
}
