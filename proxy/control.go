package proxy

import (
	"fmt"
	"net/netip"
	"time"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/sessiontable"
)

// Report is the image of all counters now.
func (e *Engine) Report() *stats.Report {
	r := stats.Sum(time.Now(), e.worker, e.vdoms.Load().stats()...)
	set := e.settings()
	if !set.limits.PerProtocol {
		r.Pool = set.limits.Pool
	}
	for _, p := range protocols.All {
		r.Common[p] = stats.Common{Current: e.table.Current(p), Limit: set.limits.Pool, Peak: e.table.Peak(p)}
		if set.snap.Simulator.MaxConcurrent == config.MaxLimit {
			r.Common[p].Peak = e.table.Limit(p)
		}
	}
	return r
}

// ReportVDOM is the image of the counters of one VDOM, and nil when there is none
// with that name. The blocks of the worker, which serves all, are empty.
func (e *Engine) ReportVDOM(name string) *stats.Report {
	set := e.settings()
	v := set.vdom(name)
	if v == nil {
		return nil
	}
	r := stats.SumVDOM(time.Now(), v.stats)
	own := set.limitOf(v)
	if r.Pool = own; own == 0 && !set.limits.PerProtocol {
		r.Pool = set.limits.Pool
	}
	for _, p := range protocols.All {
		c := &r.Common[p]
		c.Current, c.Peak = e.table.InVDOM(v.index, p)
		c.Limit = atMost(set.limits.Pool, own)
		if set.snap.Simulator.MaxConcurrent == config.MaxLimit {
			c.Peak = atMost(e.table.Limit(p), own)
		}
	}
	return r
}

// atMost is the smaller of a limit and a further one, where 0 is none.
func atMost(limit, further int) int {
	if further > 0 {
		return min(limit, further)
	}
	return limit
}

// DropAll ends all inspected sessions (level 2) and tells how many.
func (e *Engine) DropAll() int {
	e.gate.mu.Lock()
	owners := e.table.DropAll(nil)
	return e.endTaken(owners, ErrCleared)
}

// DropAllIdle ends all idle sessions (level 222) and tells how many.
func (e *Engine) DropAllIdle() int {
	now := e.now()
	e.gate.mu.Lock()
	owners := e.table.DropIdle(now, e.settings().drop.Idle, nil)
	return e.endTaken(owners, ErrCleared)
}

// DropMaxIdle is one round of idledrop by hand (level 22). ok is false when
// nobody is idle.
func (e *Engine) DropMaxIdle() (v sessiontable.Victim, ok bool) {
	now := e.now()
	e.gate.mu.Lock()
	v, ok = e.table.DropIdlest(now, e.settings().drop)
	if !ok {
		e.unlockGate()
		return v, false
	}
	e.endTaken([]*sessiontable.Entry{v.Entry}, ErrCleared)
	return v, true
}

// Restart is level 99: every inspected session is closed, counters and running
// time return to zero; configuration and latch stay and listeners keep
// accepting. It tells how many sessions were closed.
func (e *Engine) Restart() int {
	e.rounds.reset(e.vdoms.Load().stats()) // first: whoever comes while others are being closed counts
	now := e.now()
	e.gate.mu.Lock()
	owners := e.table.DropAll(nil)
	e.table.ResetPeaks()
	e.gate.machine.Restart(now, e.note)
	return e.endTaken(owners, ErrRestart)
}

// endTaken unlocks the gate and ends the sessions whose entries were taken.
func (e *Engine) endTaken(entries []*sessiontable.Entry, cause error) int {
	now := e.now()
	e.checkMemoryLocked(now)
	e.followTableLocked(now)
	e.unlockGate()
	for _, en := range entries {
		if s, ok := en.Owner.(*Session); ok && s != nil {
			s.kill(cause)
		}
	}
	return len(entries)
}

// FailopenState is the failopen state of one protocol of one VDOM.
type FailopenState struct {
	failopen.State
	VDOM           string
	Proto          protocols.Protocol
	Entries, Limit int
}

// Failopen is the state of every protocol of every VDOM, in print order.
func (e *Engine) Failopen() []FailopenState {
	e.gate.mu.Lock()
	defer e.gate.mu.Unlock()
	set := e.settings()
	out := make([]FailopenState, 0, len(set.vdoms)*protocols.Count)
	for _, v := range set.vdoms {
		for _, p := range protocols.All {
			entries, _ := e.table.InVDOM(v.index, p)
			out = append(out, FailopenState{
				State: e.gate.machine.State(failopen.Scope{VDOM: v.index, Proto: p}), VDOM: v.name, Proto: p,
				Entries: entries, Limit: atMost(e.table.Limit(p), set.limitOf(v)),
			})
		}
	}
	return out
}

// Age is how long ago t was, a time of the engine's clock as in FailopenState.
func (e *Engine) Age(t int64) time.Duration { return time.Duration(e.now() - t) }

// MemoryState is the memory model at one moment, in bytes.
type MemoryState struct {
	Level                        failopen.Memory
	Total, Used                  int64
	Base, Sessions, Spools, Dial int64
	Thresholds                   failopen.Thresholds
}

// Memory is the memory model now.
func (e *Engine) Memory() MemoryState {
	m := &e.memory
	e.gate.mu.Lock()
	level := e.gate.conserve.Level()
	e.gate.mu.Unlock()
	return MemoryState{
		Level: level, Total: m.total.Load(), Used: m.used(), Base: m.base.Load(),
		Sessions: m.entries() * m.perEntry.Load(), Spools: m.spools.Load(), Dial: m.dial.Load(),
		Thresholds: e.settings().thresholds,
	}
}

// SetMemory turns the operator's dial so that percent of the total is in use
// now; what sessions and spools take later comes on top.
func (e *Engine) SetMemory(percent int) error {
	if !e.memory.dialTo(percent) {
		m := e.Memory()
		return fmt.Errorf("base, sessions and spools use %d of %d MB already, more than %d %%", (m.Used-m.Dial)>>20, m.Total>>20, percent)
	}
	return nil
}

// AutoMemory turns the dial off.
func (e *Engine) AutoMemory() { e.memory.undial() }

// Fill puts n phantom sessions of a client, idle for the given time, into the
// table, as sessions of a VDOM; "" is root. It tells how many found room.
func (e *Engine) Fill(vdom string, p protocols.Protocol, n int, client netip.Addr, idle time.Duration) int {
	v := e.settings().vdom(vdom)
	if v == nil {
		return 0
	}
	now := e.now()
	e.gate.mu.Lock()
	done := e.table.FillPhantoms(now, sessiontable.Key{Client: client, Proto: p, VDOM: v.index}, n, now-int64(idle))
	e.endTaken(nil, nil)
	return done
}

// Drain takes all phantom sessions out and tells how many there were.
func (e *Engine) Drain() int {
	e.gate.mu.Lock()
	done := e.table.DrainPhantoms()
	e.endTaken(nil, nil)
	return done
}

// Scans is how many scans run and how many wait for a slot now.
func (e *Engine) Scans() (running, waiting int) { return e.scans.load() }

// Sessions is how many sessions are open now, bypassed ones included.
func (e *Engine) Sessions() int { return int(e.alive.Load()) }

// ConnectPorts are the ports that CONNECT may reach.
func (s *Session) ConnectPorts() []uint16 { return s.policy.connectPorts }
