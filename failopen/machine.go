package failopen

import "utmsim/protocols"

// Machine holds the failopen states of all scopes. It is driven by arrivals, by
// changes of the table's fullness, of the memory level and of the settings, and
// tells every change of state as an event. The events of one call come in order
// of VDOM and protocol. A nil emit discards them.
type Machine struct {
	settings Settings

	memory      Memory
	memorySince int64 // when memory last ceased to be Normal

	latched      bool // by row 5, for every scope
	latchedSince int64

	scopes []scopeState // VDOM-major, protocols.Count for each VDOM
}

type scopeState struct {
	full         bool // no room, as last told
	failopen     bool // the session trigger acts; implies full and Settings.Session
	latched      bool // by row 11
	since        int64
	latchedSince int64
}

// NewMachine returns a machine for n VDOMs, everything normal.
func NewMachine(n int, s Settings) *Machine {
	m := &Machine{settings: s}
	m.SetVDOMs(n)
	return m
}

// SetVDOMs changes the number of VDOMs. States of those that stay are kept; those
// that go are forgotten without an event.
func (m *Machine) SetVDOMs(n int) {
	scopes := make([]scopeState, n*protocols.Count)
	copy(scopes, m.scopes)
	m.scopes = scopes
}

// Forget makes the scopes of a VDOM normal, without an event: its index is to be
// used for another one.
func (m *Machine) Forget(vdom uint16) {
	first := int(vdom) * protocols.Count
	clear(m.scopes[first : first+protocols.Count])
}

// Arrive decides one new connection of scope s and takes the step of state that the
// matching row asks for. room says whether an entry is free for s; it is looked
// at only when memory is normal and no latch holds. It does not allocate.
func (m *Machine) Arrive(now int64, s Scope, room bool, emit func(Event)) Decision {
	st := m.at(s)
	d := Decide(m.inputs(st, room))
	if d.Row >= firstRoomRow {
		st.full = !room
		m.follow(now, s, st, d.Trigger == SessionTrigger, emit)
	}
	switch d.Latch {
	case LatchProtocol:
		st.latched, st.latchedSince = true, now
		m.send(emit, Event{Kind: LatchSet, Scope: s, Trigger: SessionTrigger, Action: Bypass, At: now, Since: now})
	case LatchAll:
		m.latched, m.latchedSince = true, now
		m.send(emit, Event{Kind: LatchSet, All: true, Trigger: MemoryTrigger, Action: Bypass, At: now, Since: now})
	}
	return d
}

// NeedsRoom says whether the next connection of scope s is decided by the room in
// the table. Where it is not, no entry needs to be taken before Arrive.
func (m *Machine) NeedsRoom(s Scope) bool {
	return m.memory == Normal && !m.latched && !m.at(s).latched
}

// firstRoomRow is the first row that looks at the room in the table.
const firstRoomRow Row = 7

// Occupancy tells the machine who has no room now. Call it whenever the answer for
// anybody has changed.
func (m *Machine) Occupancy(now int64, f Fullness, emit func(Event)) {
	for i := range m.scopes {
		s := scopeAt(i)
		if full := f.Full(s); full != m.scopes[i].full {
			m.scopes[i].full = full
			m.follow(now, s, &m.scopes[i], false, emit)
		}
	}
}

// SetMemory tells the machine the level of the memory conserve mode.
func (m *Machine) SetMemory(now int64, level Memory, emit func(Event)) {
	before := m.memory
	m.memory = level
	switch {
	case before == Normal && level != Normal:
		m.memorySince = now
		m.send(emit, Event{Kind: FailopenEntered, All: true, Trigger: MemoryTrigger, Action: m.memoryAction(level), At: now, Since: now})
	case before != Normal && level == Normal:
		m.send(emit, Event{Kind: FailopenLeft, All: true, Trigger: MemoryTrigger, Action: m.memoryAction(before), At: now, Since: m.memorySince})
	}
}

func (m *Machine) memoryAction(level Memory) Action {
	if level == Extreme {
		return Refuse
	}
	return m.settings.Policy.action()
}

// Configure puts new settings in force for the next connection. Setting the policy
// to pass or off clears latches; idledrop and one-shot leave them, unless
// AnyChangeClears. Disabling Session leaves session failopen.
func (m *Machine) Configure(now int64, s Settings, emit func(Event)) {
	before := m.settings.Policy
	m.settings = s
	if s.Policy == Pass || s.Policy == Off || (s.AnyChangeClears && s.Policy != before) {
		m.clearLatches(now, emit)
	}
	for i := range m.scopes {
		m.follow(now, scopeAt(i), &m.scopes[i], false, emit)
	}
}

// Restart is the restart of the proxy: the table is empty, so session failopen ends.
// Latches stay, unless AnyChangeClears; the memory level is not the table's to change.
func (m *Machine) Restart(now int64, emit func(Event)) {
	if m.settings.AnyChangeClears {
		m.clearLatches(now, emit)
	}
	m.Occupancy(now, Fullness{}, emit)
}

// follow brings the session trigger of one scope in line with its fullness and the
// settings. refused says that a connection has just found no room, which is what
// FirstRefusal waits for.
func (m *Machine) follow(now int64, s Scope, st *scopeState, refused bool, emit func(Event)) {
	possible := st.full && m.settings.Session
	e := Event{Scope: s, Trigger: SessionTrigger, Action: m.settings.Policy.action(), At: now}
	switch {
	case st.failopen && !possible:
		st.failopen = false
		e.Kind, e.Since = FailopenLeft, st.since
		m.send(emit, e)
	case !st.failopen && possible && (refused || !m.settings.FirstRefusal):
		st.failopen, st.since = true, now
		e.Kind, e.Since = FailopenEntered, now
		m.send(emit, e)
	}
}

func (m *Machine) clearLatches(now int64, emit func(Event)) {
	if m.latched {
		m.latched = false
		m.send(emit, Event{Kind: LatchCleared, All: true, Trigger: MemoryTrigger, Action: Bypass, At: now, Since: m.latchedSince})
	}
	for i := range m.scopes {
		st := &m.scopes[i]
		if !st.latched {
			continue
		}
		st.latched = false
		m.send(emit, Event{Kind: LatchCleared, Scope: scopeAt(i), Trigger: SessionTrigger, Action: Bypass, At: now, Since: st.latchedSince})
	}
}

func (m *Machine) inputs(st *scopeState, room bool) Inputs {
	return Inputs{
		Memory:  m.memory,
		Latched: m.latched || st.latched,
		Room:    room,
		Session: m.settings.Session,
		Policy:  m.settings.Policy,
	}
}

// at is the state of a scope; its VDOM must have been registered.
func (m *Machine) at(s Scope) *scopeState {
	return &m.scopes[int(s.VDOM)*protocols.Count+int(s.Proto)]
}

func scopeAt(i int) Scope {
	return Scope{VDOM: uint16(i / protocols.Count), Proto: protocols.Protocol(i % protocols.Count)}
}

func (m *Machine) send(emit func(Event), e Event) {
	if emit == nil {
		return
	}
	e.Policy = m.settings.Policy
	emit(e)
}
