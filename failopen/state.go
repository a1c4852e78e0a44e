package failopen

// State explains one scope at one moment. Both triggers and the latch are shown
// side by side, since any of them may hold while another does. The times are
// meaningful only where the state they belong to holds; all are in nanoseconds.
type State struct {
	Failopen bool   // a trigger acts or a latch holds
	Row      Row    // the row that the next connection would meet
	Action   Action // what the next connection would get
	Policy   Policy // av-failopen in force
	Memory   Memory // level of the memory conserve mode
	Full     bool   // no entry is free for the scope
	Session  bool   // the session trigger acts
	Latched  bool   // a latch covers the scope

	LatchScope LatchScope // how far the latch reaches; LatchAll where both kinds hold

	Since        int64 // the earliest of the causes in force
	SessionSince int64 // when the session trigger began to act
	MemorySince  int64 // when memory ceased to be normal
	LatchSince   int64 // when the latch was set, the earlier one where both kinds hold
}

// State is the state of scope s, whose VDOM must have been registered.
func (m *Machine) State(s Scope) State {
	st := m.at(s)
	d := Decide(m.inputs(st, !st.full))
	out := State{
		Row: d.Row, Action: d.Action, Policy: m.settings.Policy, Memory: m.memory,
		Full: st.full, Session: st.failopen, Latched: m.latched || st.latched,
	}
	if st.failopen {
		out.SessionSince = st.since
		out.begin(st.since)
	}
	if m.memory != Normal {
		out.MemorySince = m.memorySince
		out.begin(m.memorySince)
	}
	if out.Latched {
		out.LatchScope, out.LatchSince = m.latchOf(st)
		out.begin(out.LatchSince)
	}
	return out
}

// begin counts in one cause of failopen and when it began.
func (s *State) begin(since int64) {
	if !s.Failopen || since < s.Since {
		s.Since = since
	}
	s.Failopen = true
}

func (m *Machine) latchOf(st *scopeState) (LatchScope, int64) {
	switch {
	case m.latched && st.latched:
		return LatchAll, min(m.latchedSince, st.latchedSince)
	case m.latched:
		return LatchAll, m.latchedSince
	default:
		return LatchProtocol, st.latchedSince
	}
}

// Settings are the settings in force.
func (m *Machine) Settings() Settings { return m.settings }

// Memory is the level of the memory conserve mode as last told.
func (m *Machine) Memory() Memory { return m.memory }
