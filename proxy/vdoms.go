package proxy

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"utmsim/internal/config"
	"utmsim/internal/stats"
)

// vdomState is what belongs to one VDOM.
type vdomState struct {
	name  string
	index uint16 // in the session table and of failopen states
	stats *stats.VDOM

	rating atomic.Int64 // requests that wait for a category
}

// vdoms are the states of VDOMs. A VDOM that is removed from the configuration keeps
// its state until its sessions have ended; if it comes back before, it goes on with
// what it has counted.
type vdoms struct {
	byIndex []*vdomState // nil where the index is free
	// retired is when those that are not in the configuration any more were removed.
	retired map[*vdomState]int64
	// past is what the VDOMs had counted that are gone for good; nil before the first.
	past *stats.VDOM
}

// retireFor is how long a VDOM is at least kept after it was removed: a connection
// may have been accepted for it just before and not be in the table yet.
const retireFor = 10 * time.Second

// clone is a copy that can be changed without being seen.
func (v *vdoms) clone() *vdoms {
	c := &vdoms{byIndex: slices.Clone(v.byIndex), retired: make(map[*vdomState]int64, len(v.retired)), past: v.past}
	for s, at := range v.retired {
		c.retired[s] = at
	}
	return c
}

// find is the state of a VDOM; nil when it has none.
func (v *vdoms) find(name string) *vdomState {
	for _, s := range v.byIndex {
		if s != nil && s.name == name {
			return s
		}
	}
	return nil
}

// add gives a VDOM a state.
func (v *vdoms) add(name string) (*vdomState, error) {
	i := slices.Index(v.byIndex, nil)
	if i < 0 {
		if i = len(v.byIndex); i > math.MaxUint16 {
			return nil, fmt.Errorf("VDOM %s: too many VDOMs were removed a moment ago", name)
		}
		v.byIndex = append(v.byIndex, nil)
	}
	v.byIndex[i] = &vdomState{name: name, index: uint16(i), stats: stats.NewVDOM(name)}
	return v.byIndex[i], nil
}

// stats are the counters of all, those of the past included.
func (v *vdoms) stats() []*stats.VDOM {
	var list []*stats.VDOM
	for _, s := range v.byIndex {
		if s != nil {
			list = append(list, s.stats)
		}
	}
	if v.past != nil {
		list = append(list, v.past)
	}
	return list
}

// planVDOMs finds the states for a configuration. in are those of its VDOMs, in the
// order of the configuration; all are in force with it.
func (e *Engine) planVDOMs(snap *config.Snapshot) (in []*vdomState, all *vdoms, err error) {
	all = e.vdoms.Load().clone()
	for name := range snap.Domains() {
		s := all.find(name)
		if s == nil {
			if s, err = all.add(name); err != nil {
				return nil, nil, err
			}
		}
		delete(all.retired, s)
		in = append(in, s)
	}
	now := e.now()
	for _, s := range all.byIndex {
		if _, known := all.retired[s]; s != nil && !known && !slices.Contains(in, s) {
			all.retired[s] = now
		}
	}
	return in, all, nil
}

// reapVDOMs forgets the VDOMs that were removed and have no session any more, except
// for what they have counted.
func (e *Engine) reapVDOMs() {
	if len(e.vdoms.Load().retired) == 0 {
		return
	}
	all, now := e.vdoms.Load().clone(), e.now()
	for s, at := range all.retired {
		if now-at < int64(retireFor) || e.counts(s) || !e.forgetVDOM(s.index) {
			continue
		}
		if all.past == nil {
			all.past = stats.NewVDOM("")
		}
		delete(all.retired, s)
		all.byIndex[s.index] = nil
		all.past.Absorb(s.stats)
	}
	e.vdoms.Store(all)
}

// counts tells that something of a VDOM may still count: a session, a socket that has
// outlived its session, or a recording that waits to be scanned.
func (e *Engine) counts(v *vdomState) (found bool) {
	e.reg.each(func(k *socket) { found = found || k.sess.vdom == v })
	return found || e.audits.waitsFor(v)
}

// forgetVDOM frees the index of a VDOM in the table and in the failopen states. It
// reports false while the VDOM has entries.
func (e *Engine) forgetVDOM(index uint16) bool {
	e.gate.mu.Lock()
	defer e.unlockGate()
	if !e.table.Forget(index) {
		return false
	}
	e.gate.machine.Forget(index)
	return true
}

// at is the state at an index. Where there is none any more, what was there counts
// for the past.
func (v *vdoms) at(index uint16) *vdomState {
	if s := v.byIndex[index]; s != nil {
		return s
	}
	return &vdomState{index: index, stats: v.past}
}

// vdomAt is the VDOM of an entry.
func (e *Engine) vdomAt(index uint16) *vdomState { return e.vdoms.Load().at(index) }

// has tells whether a VDOM is in the configuration.
func (s *settings) has(v *vdomState) bool { return slices.Contains(s.vdoms, v) }

// added are the indices that have another VDOM than before.
func (v *vdoms) added(before *vdoms) (list []uint16) {
	for i, s := range v.byIndex {
		if s != nil && (i >= len(before.byIndex) || before.byIndex[i] != s) {
			list = append(list, uint16(i))
		}
	}
	return list
}

// vdom is the VDOM of the configuration with that name; root for "".
func (s *settings) vdom(name string) *vdomState {
	for _, v := range s.vdoms {
		if v.name == name || name == "" {
			return v
		}
	}
	return nil
}

// limitOf is the most entries that a VDOM may have: its own limit, or 0 for none.
func (s *settings) limitOf(v *vdomState) int {
	if int(v.index) < len(s.limits.VDOM) {
		return s.limits.VDOM[v.index]
	}
	return 0
}

// VDOMs are the names of the VDOMs in the order of the configuration, root first.
func (e *Engine) VDOMs() []string {
	var names []string
	for _, v := range e.settings().vdoms {
		names = append(names, v.name)
	}
	return names
}
