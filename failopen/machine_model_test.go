package failopen

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols"
)

// model is the machine once more, as sets: what holds for which scope since when.
// It knows no events; a change of state is the difference between two snapshots.
type model struct {
	vdoms    int
	gone     int // the VDOM that the last step has forgotten; -1 for none
	settings Settings
	memory   Memory
	full     map[Scope]bool
	holds    map[cause]int64
}

// cause is one reason for failopen. A latch or memory that covers everything has an
// empty scope and all set.
type cause struct {
	what  string // "session", "memory", "latch"
	all   bool
	scope Scope
}

func newModel(n int, s Settings) *model {
	return &model{vdoms: n, settings: s, full: map[Scope]bool{}, holds: map[cause]int64{}}
}

func (m *model) scopes() []Scope {
	var out []Scope
	for v := range m.vdoms {
		for _, p := range protocols.All {
			out = append(out, Scope{uint16(v), p})
		}
	}
	return out
}

func (m *model) is(c cause) bool { _, ok := m.holds[c]; return ok }

func (m *model) set(c cause, now int64, on bool) {
	switch {
	case !on:
		delete(m.holds, c)
	case !m.is(c):
		m.holds[c] = now
	}
}

// settle makes the session causes what fullness and settings say. found is the scope
// where a connection has just found no room.
func (m *model) settle(now int64, found ...Scope) {
	for _, s := range m.scopes() {
		c := cause{what: "session", scope: s}
		on := m.settings.Session && m.full[s]
		if m.settings.FirstRefusal {
			on = on && (m.is(c) || (len(found) > 0 && found[0] == s))
		}
		m.set(c, now, on)
	}
}

func (m *model) clearLatches() {
	for c := range m.holds {
		if c.what == "latch" {
			delete(m.holds, c)
		}
	}
}

func (m *model) latched(s Scope) bool {
	return m.is(cause{what: "latch", all: true}) || m.is(cause{what: "latch", scope: s})
}

func (m *model) arrive(now int64, s Scope, room bool) Action {
	conserve := m.memory == Conserve
	switch {
	case m.memory == Extreme:
		return Refuse
	case m.latched(s):
		return Bypass
	case !conserve:
		m.full[s] = !room
		if room {
			m.settle(now)
			return Inspect
		}
		m.settle(now, s)
		if !m.settings.Session {
			return Refuse
		}
	}
	if m.settings.Policy == OneShot {
		c := cause{what: "latch", all: conserve, scope: s}
		if conserve {
			c.scope = Scope{}
		}
		m.set(c, now, true)
	}
	return [...]Action{Pass: Bypass, Off: Refuse, OneShot: Bypass, IdleDrop: Drop}[m.settings.Policy]
}

func (m *model) configure(now int64, s Settings) {
	changed := s.Policy != m.settings.Policy
	m.settings = s
	if s.Policy == Pass || s.Policy == Off || (changed && s.AnyChangeClears) {
		m.clearLatches()
	}
	m.settle(now)
}

// expected is the set of events that leads from before to the model's causes.
func (m *model) expected(before map[cause]int64, now int64) map[Event]bool {
	out := map[Event]bool{}
	add := func(c cause, began bool, since int64) {
		e := Event{All: c.all, Scope: c.scope, At: now, Since: since, Policy: m.settings.Policy}
		e.Kind = map[bool]Kind{true: FailopenEntered, false: FailopenLeft}[began]
		e.Trigger = SessionTrigger
		if c.all {
			e.Trigger = MemoryTrigger
		}
		e.Action = map[Policy]Action{Pass: Bypass, OneShot: Bypass, Off: Refuse, IdleDrop: Drop}[m.settings.Policy]
		if c.what == "latch" {
			e.Kind = map[bool]Kind{true: LatchSet, false: LatchCleared}[began]
			e.Action = Bypass
		}
		out[e] = true
	}
	for c, since := range m.holds {
		if _, ok := before[c]; !ok {
			add(c, true, since)
		}
	}
	for c, since := range before {
		if !m.is(c) {
			add(c, false, since)
		}
	}
	return out
}

// check compares every scope's state.
func (m *model) check(t *rapid.T, real *Machine) {
	for _, s := range m.scopes() {
		st := real.State(s)
		var since []int64
		for _, c := range []cause{{what: "session", scope: s}, {what: "memory", all: true}, {what: "latch", all: true}, {what: "latch", scope: s}} {
			if at, ok := m.holds[c]; ok {
				since = append(since, at)
			}
		}
		require.Equal(t, len(since) > 0, st.Failopen)
		if len(since) > 0 {
			earliest := since[0]
			for _, at := range since {
				earliest = min(earliest, at)
			}
			require.Equal(t, earliest, st.Since)
		}
		require.Equal(t, m.is(cause{what: "session", scope: s}), st.Session)
		require.Equal(t, m.latched(s), st.Latched)
		require.Equal(t, m.full[s], st.Full)
		require.Equal(t, m.memory, st.Memory)
		if m.settings.Policy == Pass || m.settings.Policy == Off {
			require.False(t, st.Latched)
		}
		d := Decide(Inputs{Memory: m.memory, Latched: m.latched(s), Room: !m.full[s], Session: m.settings.Session, Policy: m.settings.Policy})
		require.Equal(t, d.Row, st.Row)
		require.Equal(t, d.Row >= 7, real.NeedsRoom(s))
		require.Equal(t, d.Action, st.Action)
	}
}

func TestMachineAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSettings(t)
		vdoms := rapid.IntRange(1, 3).Draw(t, "vdoms")
		real, want := NewMachine(vdoms, s), newModel(vdoms, s)
		now := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += rapid.Int64Range(0, 3).Draw(t, "dt")
			before := map[cause]int64{}
			for c, at := range want.holds {
				before[c] = at
			}
			var r recorder
			want.gone = -1
			extremes := takeStep(t, now, real, want, r.emit)
			for c := range before {
				if v := int(c.scope.VDOM); !c.all && (v >= want.vdoms || v == want.gone) {
					delete(before, c) // a VDOM that goes is forgotten without an event
				}
			}
			got := map[Event]bool{}
			for _, e := range r.take() {
				if extremes && e.Trigger == MemoryTrigger && e.Kind != LatchSet {
					require.Equal(t, Refuse, e.Action)
					e.Action = want.settings.Policy.action()
				}
				require.False(t, got[e], "an event twice")
				got[e] = true
			}
			require.Equal(t, want.expected(before, now), got)
			want.check(t, real)
		}
	})
}

// takeStep applies one random operation to both, and says whether it went into or out of
// the extreme level.
func takeStep(t *rapid.T, now int64, real *Machine, want *model, emit func(Event)) (extremes bool) {
	switch rapid.SampledFrom([]string{"arrive", "arrive", "arrive", "occupancy", "occupancy", "memory", "configure", "restart", "vdoms", "forget"}).Draw(t, "op") {
	case "arrive":
		s := rapid.SampledFrom(want.scopes()).Draw(t, "scope")
		room := rapid.Bool().Draw(t, "room")
		require.Equal(t, want.arrive(now, s, room), real.Arrive(now, s, room, emit).Action)
	case "occupancy":
		f := drawFullness(t)
		real.Occupancy(now, f, emit)
		for _, s := range want.scopes() {
			want.full[s] = f.Full(s)
		}
		want.settle(now)
	case "memory":
		level := rapid.SampledFrom([]Memory{Normal, Conserve, Extreme}).Draw(t, "level")
		extremes = level == Extreme || (want.memory == Extreme && level == Normal)
		real.SetMemory(now, level, emit)
		want.memory = level
		want.set(cause{what: "memory", all: true}, now, level != Normal)
	case "configure":
		s := drawSettings(t)
		real.Configure(now, s, emit)
		want.configure(now, s)
	case "restart":
		real.Restart(now, emit)
		if want.settings.AnyChangeClears {
			want.clearLatches()
		}
		clear(want.full)
		want.settle(now)
	case "vdoms":
		want.resize(rapid.IntRange(1, 3).Draw(t, "vdoms"))
		real.SetVDOMs(want.vdoms)
	case "forget":
		want.gone = rapid.IntRange(0, want.vdoms-1).Draw(t, "vdom")
		want.forget(func(s Scope) bool { return int(s.VDOM) == want.gone })
		real.Forget(uint16(want.gone))
	}
	return extremes
}

// resize forgets what the removed VDOMs had.
func (m *model) resize(n int) {
	m.vdoms = n
	m.forget(func(s Scope) bool { return int(s.VDOM) >= n })
}

// forget makes scopes normal.
func (m *model) forget(is func(Scope) bool) {
	for s := range m.full {
		if is(s) {
			delete(m.full, s)
		}
	}
	for c := range m.holds {
		if !c.all && is(c.scope) {
			delete(m.holds, c)
		}
	}
}

func drawSettings(t *rapid.T) Settings {
	return Settings{
		Session:         rapid.Bool().Draw(t, "session"),
		Policy:          rapid.SampledFrom([]Policy{OneShot, OneShot, IdleDrop, Pass, Off}).Draw(t, "policy"),
		FirstRefusal:    rapid.Bool().Draw(t, "first-refusal"),
		AnyChangeClears: rapid.Bool().Draw(t, "any-change"),
	}
}

func drawFullness(t *rapid.T) (f Fullness) {
	f.Pool = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "pool")
	for p := range f.Proto {
		f.Proto[p] = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "proto")
	}
	f.VDOM = rapid.SliceOfN(rapid.Bool(), 0, 3).Draw(t, "vdom")
	return f
}
