package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/protocols/wire"
	"utmsim/scanner"
)

// note collects what the failopen machine says while the gate is locked.
func (e *Engine) note(ev failopen.Event) { e.gate.events = append(e.gate.events, ev) }

// eventKind names the events that a busy proxy would repeat thousands of times
// a second: they are logged one by one up to a point and summed up after that.
type eventKind uint8

const (
	eventRefused eventKind = iota
	eventDropped
	eventState
	eventScanFailed
	eventOversize
	eventDescriptors
	eventAccept
	eventSpam
	eventListFailed
	eventURL
	eventQuarantine
	eventPoll      // of the worker: it is of no protocol, and has the place of the first
	eventKinds int = iota
)

var eventNames = [eventKinds]string{"sessions refused", "sessions dropped", "failopen changes", "scan errors", "oversize objects", "connections without a descriptor", "failed accepts", "spam mails", "block list failures", "filtered URLs", "files not quarantined", "failed polls"}

// eventsPerSecond is how many events of one kind and protocol are logged one by
// one in a second.
const eventsPerSecond = 10

// eventLimiter bounds the log: the counters stay exact, the lines do not.
type eventLimiter struct {
	mu     sync.Mutex // guards the field below
	counts [eventKinds][protocols.Count]int
}

// allow tells whether one more line may be written in this second.
func (l *eventLimiter) allow(k eventKind, p protocols.Protocol) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[k][p]++
	return l.counts[k][p] <= eventsPerSecond
}

// flush begins a new second and logs how much the last one left out.
func (l *eventLimiter) flush(log *zap.Logger) {
	l.mu.Lock()
	counts := l.counts
	l.counts = [eventKinds][protocols.Count]int{}
	l.mu.Unlock()
	for k := range counts {
		for p, n := range counts[k] {
			if n > eventsPerSecond {
				fields := []zap.Field{zap.String("events", eventNames[k]), zap.Int("in the last second", n), zap.Int("not logged", n-eventsPerSecond)}
				if eventKind(k) != eventPoll {
					fields = append(fields, zap.Stringer("protocol", protocols.Protocol(p)))
				}
				log.Warn("more of the same", fields...)
			}
		}
	}
}

// failopenEvent logs a change of failopen state, but for that of a VDOM which is not
// there any more.
func (e *Engine) failopenEvent(ev failopen.Event) {
	vdom := e.vdomAt(ev.Scope.VDOM)
	if !ev.All && !e.settings().has(vdom) {
		return
	}
	if !e.events.allow(eventState, ev.Scope.Proto) {
		return
	}
	fields := []zap.Field{zap.Stringer("trigger", ev.Trigger), zap.Stringer("action", ev.Action), zap.Stringer("av-failopen", ev.Policy)}
	if ev.All {
		fields = append(fields, zap.String("protocol", "all"))
	} else {
		use := e.occupancy(ev.Scope)
		fields = append(fields, zap.Stringer("protocol", ev.Scope.Proto), zap.String("vdom", vdom.name),
			zap.Int("entries", use.Entries), zap.Int("limit", use.Limit))
	}
	if ev.Since != ev.At {
		fields = append(fields, zap.Duration("lasted", time.Duration(ev.At-ev.Since)))
	}
	e.log.Warn(ev.Kind.String(), fields...)
}

// memoryEvent logs a change of the memory level.
func (e *Engine) memoryEvent(l levelChange) {
	th := e.settings().thresholds
	levels := th.Of(l.total)
	e.log.Warn("memory conserve mode", zap.Stringer("from", l.from), zap.Stringer("to", l.to),
		zap.Int64("total MB", l.total>>20), zap.Int64("used MB", l.used>>20),
		zap.Int64("red MB", levels.Red), zap.Int64("green MB", levels.Green), zap.Int64("extreme MB", levels.Extreme))
}

// refused counts and logs a connection that was turned away.
func (e *Engine) refused(s *Session, a admission) {
	s.vdom.stats.Ledger(s.entry.Proto).Refused.Inc()
	c := e.turnedAway(s, a, true)
	if !e.events.allow(eventRefused, s.entry.Proto) {
		return
	}
	e.log.Warn("session refused", zap.Uint64("session", s.id), zap.Stringer("protocol", s.entry.Proto), zap.String("vdom", s.vdom.name),
		zap.Stringer("client", s.peer), zap.Uint8("row", uint8(a.Row)), zap.Stringer("trigger", a.Trigger),
		zap.Int("entries", c.Entries), zap.Int("limit", c.Limit), zap.Stringer("style", e.settings().refuse))
}

// bypassed counts a session that takes no entry because of failopen.
func (e *Engine) bypassed(s *Session, a admission) {
	s.bypass = a.Row
	s.vdom.stats.Ledger(s.entry.Proto).Bypassed.Sessions.Inc()
	e.turnedAway(s, a, false)
}

// dropped counts and logs idledrop's victim.
func (e *Engine) dropped(a admission, newcomer *Session) {
	v := a.victim
	vdom := e.vdomAt(v.Key.VDOM)
	vdom.stats.Ledger(v.Key.Proto).Dropped.Inc()
	d := DropRecord{
		Circumstances: e.circumstances(failopen.Scope{VDOM: newcomer.vdom.index, Proto: v.Key.Proto}, a.Decision), Entry: v.Number, VDOM: vdom.name, Proto: v.Key.Proto, Client: v.Key.Client,
		Held: v.Client, Rank: v.Rank, Idle: idleFor(v), Newcomer: newcomer.id, For: newcomer.peer,
	}
	if s, ok := v.Entry.Owner.(*Session); ok && s != nil {
		d.Session = s.id
	}
	d = e.remember(d)
	if !e.events.allow(eventDropped, v.Key.Proto) {
		return
	}
	e.log.Warn("session dropped", zap.Uint64("drop", d.Number), zap.Uint32("entry", v.Number), zap.Stringer("protocol", v.Key.Proto), zap.String("vdom", vdom.name), zap.Stringer("client", v.Key.Client),
		zap.Int("entries of the client", v.Client), zap.Int("rank", v.Rank), zap.Duration("idle", idleFor(v)),
		zap.Uint8("row", uint8(a.Row)), zap.Stringer("trigger", a.Trigger),
		zap.Uint64("taken by session", newcomer.id), zap.Stringer("taken by client", newcomer.peer))
}

// outOfDescriptors counts a connection that had to be closed at once.
func (e *Engine) outOfDescriptors(l *listener) {
	rt := l.route.Load()
	rt.vdom.stats.Session(rt.proto).SetupFail.Inc()
	rt.vdom.stats.Transport(rt.proto).Fail(stats.Alloc, errNoDescriptor)
	e.worker.Fail(stats.Alloc, errNoDescriptor)
	if e.events.allow(eventDescriptors, rt.proto) {
		e.log.Error("out of descriptors", zap.String("advice", "raise the limit on open files (ulimit -n)"), zap.Stringer("listener", l.addr), zap.Int("limit", e.opts.OpenFiles))
	}
}

// pollFailed logs a poll call that failed; sessions learn nothing of their sockets
// until one succeeds.
func (e *Engine) pollFailed(err error) {
	if e.events.allow(eventPoll, 0) {
		e.log.Error("poll failed", zap.Error(err))
	}
}

// ended writes the session's one log line.
func (e *Engine) ended(s *Session, err error) {
	defer e.sessions.Done()
	defer e.alive.Add(-1)
	reason := reasonOf(err)
	e.rememberLeak(s, reason)
	if s.policy.log == config.LogNone || (s.policy.log == config.LogUTM && s.noted() == "" && reason == "done") {
		return
	}
	fields := []zap.Field{
		zap.Uint64("session", s.id), zap.Stringer("protocol", s.entry.Proto), zap.String("vdom", s.vdom.name), zap.Int("policy", s.policy.policy),
		zap.Stringer("client", s.peer), zap.Stringer("server", serverAddr(s.target)),
		zap.Int64("up", s.shown.up.Load()), zap.Int64("down", s.shown.down.Load()),
		zap.Duration("duration", time.Duration(e.now()-s.began)), zap.String("verdict", s.verdictWord()), zap.String("close", string(reason)),
	}
	if s.bypass != 0 {
		fields = append(fields, zap.Uint8("row", uint8(s.bypass)))
	}
	if err != nil && reason != "done" {
		fields = append(fields, zap.String("why", err.Error()))
	}
	e.log.Info("session", fields...)
}

// serverAddr prints "none" for a session that never had a server.
type serverAddr netip.AddrPort

func (a serverAddr) String() string {
	if p := netip.AddrPort(a); p.IsValid() {
		return p.String()
	}
	return "none"
}

func (s *Session) verdictWord() string {
	if v := s.noted(); v != "" {
		return v
	}
	if s.inTable {
		return "clean"
	}
	return "bypassed: " + s.leak.String()
}

// leaked counts bytes that were delivered and no scanner saw.
func (s *Session) leaked(why stats.LeakReason, n int64) {
	if n == 0 {
		return
	}
	ledger := s.vdom.stats.Ledger(s.entry.Proto)
	leak := ledger.Leak(why)
	leak.Bytes.Add(n)
	s.leakBytes += n
	if s.leaks&(1<<why) == 0 {
		s.leaks |= 1 << why
		leak.Sessions.Inc()
	}
	if s.bypass != 0 {
		ledger.Bypassed.Bytes.Add(n)
	}
}

func (s *Session) verdicts(dir stats.Direction) *stats.Verdicts {
	return s.vdom.stats.Verdicts(s.entry.Proto, dir)
}

// count moves the counter of a detection's class.
func count(v *stats.Verdicts, c scanner.Class) {
	switch c {
	case scanner.Worm:
		v.Worm()
	case scanner.Suspicious:
		v.Suspicious()
	default:
		v.Virus()
	}
}

// startTunnel turns the session into a relay: what waits in the buffers goes on
// its way, the rest moves uninspected.
func (s *Session) startTunnel() error {
	if s.server == nil {
		return errors.New("a tunnel needs a server")
	}
	s.leak = stats.LeakUninspectable
	for _, side := range [...]wire.Side{wire.Client, wire.Server} {
		from, to := s.Conn(side), s.Conn(side.Other())
		b := from.Buffered()
		if _, err := to.Write(b); err != nil {
			return fmt.Errorf("starting the tunnel: %w", err)
		}
		s.leaked(s.leak, int64(len(b)))
		from.Skip(len(b))
		if err := to.Flush(); err != nil {
			return fmt.Errorf("starting the tunnel: %w", err)
		}
	}
	s.closeAttached()
	s.client.Release()
	s.server.Release()
	s.relay = newRelay(s)
	s.clt.set(flagRelay)
	s.srv.Load().set(flagRelay)
	if s.noted() == "" {
		s.Note("uninspectable")
	}
	return nil
}
