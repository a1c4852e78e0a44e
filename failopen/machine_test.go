package failopen

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

// recorder collects events.
type recorder struct{ events []Event }

func (r *recorder) emit(e Event) { r.events = append(r.events, e) }

// take returns the events since the last take.
func (r *recorder) take() []Event {
	e := r.events
	r.events = nil
	return e
}

func enabled(p Policy) Settings { return Settings{Session: true, Policy: p} }

var (
	http = Scope{Proto: protocols.HTTP}
	pop3 = Scope{Proto: protocols.POP3}
)

func fullProto(p ...protocols.Protocol) (f Fullness) {
	for _, p := range p {
		f.Proto[p] = true
	}
	return f
}

func TestSessionFailopenBeginsWithTheLastFreeEntryAndEndsWithOneFree(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		action Action
	}{{Pass, Bypass}, {Off, Refuse}, {IdleDrop, Drop}} {
		t.Run(c.policy.String(), func(t *testing.T) {
			m, r := NewMachine(1, enabled(c.policy)), recorder{}

			m.Occupancy(10, fullProto(protocols.POP3), r.emit)
			assert.Equal(t, []Event{{Kind: FailopenEntered, Scope: pop3, Trigger: SessionTrigger, Action: c.action, Policy: c.policy, At: 10, Since: 10}}, r.take())
			st := m.State(pop3)
			assert.True(t, st.Failopen && st.Session && st.Full)
			assert.EqualValues(t, 10, st.Since)
			assert.Equal(t, c.action, st.Action)
			assert.False(t, m.State(http).Failopen, "other protocols work normally")

			assert.Equal(t, c.action, m.Arrive(11, pop3, false, r.emit).Action)
			assert.Equal(t, Inspect, m.Arrive(11, http, true, r.emit).Action)
			assert.Empty(t, r.take())

			m.Occupancy(20, Fullness{}, r.emit)
			assert.Equal(t, []Event{{Kind: FailopenLeft, Scope: pop3, Trigger: SessionTrigger, Action: c.action, Policy: c.policy, At: 20, Since: 10}}, r.take())
			assert.Equal(t, State{Row: 7, Action: Inspect, Policy: c.policy}, m.State(pop3))
		})
	}
}

func TestPoolAndVDOMFullness(t *testing.T) {
	m, r := NewMachine(3, enabled(Pass)), recorder{}
	m.Occupancy(1, Fullness{VDOM: []bool{false, true}}, r.emit)
	require.Len(t, r.take(), protocols.Count, "every protocol of the VDOM")
	for _, p := range protocols.All {
		assert.False(t, m.State(Scope{0, p}).Failopen)
		assert.True(t, m.State(Scope{1, p}).Failopen)
		assert.False(t, m.State(Scope{2, p}).Failopen, "no limit of its own")
	}
	m.Occupancy(2, Fullness{Pool: true, VDOM: []bool{false, true}}, r.emit)
	events := r.take()
	require.Len(t, events, 2*protocols.Count)
	assert.Equal(t, Scope{0, protocols.HTTP}, events[0].Scope)
	assert.Equal(t, Scope{2, protocols.NNTP}, events[len(events)-1].Scope)
	assert.EqualValues(t, 1, m.State(Scope{1, protocols.FTP}).SessionSince, "goes on since the VDOM filled up")
}

func TestFirstRefusal(t *testing.T) {
	s := enabled(Pass)
	s.FirstRefusal = true
	m, r := NewMachine(1, s), recorder{}
	m.Occupancy(1, fullProto(protocols.HTTP), r.emit)
	assert.Empty(t, r.take())
	st := m.State(http)
	assert.False(t, st.Failopen)
	assert.Equal(t, Row(10), st.Row, "the next connection will find no room")

	assert.Equal(t, Bypass, m.Arrive(2, http, false, r.emit).Action)
	require.Len(t, r.events, 1)
	assert.Equal(t, FailopenEntered, r.take()[0].Kind)
	m.Arrive(3, http, false, r.emit)
	assert.Empty(t, r.take())
	m.Occupancy(4, Fullness{}, r.emit)
	assert.Equal(t, FailopenLeft, r.take()[0].Kind)
}

func TestSessionDisabled(t *testing.T) {
	for _, p := range Policies {
		m, r := NewMachine(1, Settings{Policy: p}), recorder{}
		m.Occupancy(1, Fullness{Pool: true}, r.emit)
		assert.Equal(t, Decision{Row: 8, Action: Refuse}, m.Arrive(2, http, false, r.emit))
		assert.Empty(t, r.take(), "no failopen state, no failopen event")
		assert.Equal(t, State{Row: 8, Action: Refuse, Policy: p, Full: true}, m.State(http))
	}
}

func TestSessionSwitchedWhileFull(t *testing.T) {
	m, r := NewMachine(1, enabled(Off)), recorder{}
	m.Occupancy(1, fullProto(protocols.HTTP), r.emit)
	r.take()
	m.Configure(2, Settings{Policy: Off}, r.emit)
	assert.Equal(t, []Event{{Kind: FailopenLeft, Scope: http, Trigger: SessionTrigger, Action: Refuse, Policy: Off, At: 2, Since: 1}}, r.take())
	m.Configure(3, enabled(Pass), r.emit)
	assert.Equal(t, []Event{{Kind: FailopenEntered, Scope: http, Trigger: SessionTrigger, Action: Bypass, Policy: Pass, At: 3, Since: 3}}, r.take())
}

func TestOneShotLatchesTheProtocolThatFoundNoRoom(t *testing.T) {
	m, r := NewMachine(2, enabled(OneShot)), recorder{}
	m.Occupancy(1, fullProto(protocols.POP3), r.emit)
	r.take()
	assert.False(t, m.State(pop3).Latched, "a full table alone does not fire one-shot")

	assert.Equal(t, Decision{11, Bypass, SessionTrigger, LatchProtocol}, m.Arrive(2, pop3, false, r.emit))
	assert.Equal(t, []Event{{Kind: LatchSet, Scope: pop3, Trigger: SessionTrigger, Action: Bypass, Policy: OneShot, At: 2, Since: 2}}, r.take())
	assert.Equal(t, Row(2), m.Arrive(3, pop3, false, r.emit).Row)

	m.Occupancy(4, Fullness{}, r.emit)
	assert.Equal(t, FailopenLeft, r.take()[0].Kind)
	assert.Equal(t, Row(2), m.Arrive(5, pop3, true, r.emit).Row, "bypassed though there is room")
	assert.Equal(t, State{Failopen: true, Row: 2, Action: Bypass, Policy: OneShot, Latched: true,
		LatchScope: LatchProtocol, Since: 2, LatchSince: 2}, m.State(pop3))

	assert.Equal(t, Inspect, m.Arrive(6, http, true, r.emit).Action, "another protocol")
	assert.Equal(t, Inspect, m.Arrive(6, Scope{1, protocols.POP3}, true, r.emit).Action, "the same protocol of another VDOM")
	assert.Empty(t, r.take())
}

func TestOneShotInConserveModeLatchesEverything(t *testing.T) {
	m, r := NewMachine(2, Settings{Policy: OneShot}), recorder{}
	m.SetMemory(1, Conserve, r.emit)
	assert.Equal(t, []Event{{Kind: FailopenEntered, All: true, Trigger: MemoryTrigger, Action: Bypass, Policy: OneShot, At: 1, Since: 1}}, r.take())
	assert.Equal(t, Decision{5, Bypass, MemoryTrigger, LatchAll}, m.Arrive(2, http, true, r.emit))
	assert.Equal(t, []Event{{Kind: LatchSet, All: true, Trigger: MemoryTrigger, Action: Bypass, Policy: OneShot, At: 2, Since: 2}}, r.take())
	m.SetMemory(3, Normal, r.emit)
	assert.Equal(t, []Event{{Kind: FailopenLeft, All: true, Trigger: MemoryTrigger, Action: Bypass, Policy: OneShot, At: 3, Since: 1}}, r.take())

	m.SetVDOMs(3)
	for v := range uint16(3) {
		assert.Equal(t, Row(2), m.Arrive(4, Scope{v, protocols.NNTP}, true, r.emit).Row, "VDOM %d", v)
	}
}

func TestWhatClearsTheLatch(t *testing.T) {
	for _, c := range []struct {
		name      string
		anyChange bool
		do        func(*Machine, func(Event))
		clears    bool
	}{
		{"pass", false, func(m *Machine, emit func(Event)) { m.Configure(9, enabled(Pass), emit) }, true},
		{"off", false, func(m *Machine, emit func(Event)) { m.Configure(9, enabled(Off), emit) }, true},
		{"idledrop", false, func(m *Machine, emit func(Event)) { m.Configure(9, enabled(IdleDrop), emit) }, false},
		{"one-shot again", false, func(m *Machine, emit func(Event)) { m.Configure(9, enabled(OneShot), emit) }, false},
		{"session disabled", false, func(m *Machine, emit func(Event)) { m.Configure(9, Settings{Policy: OneShot}, emit) }, false},
		{"level 99", false, func(m *Machine, emit func(Event)) { m.Restart(9, emit) }, false},
		{"free entries", false, func(m *Machine, emit func(Event)) { m.Occupancy(9, Fullness{}, emit) }, false},
		{"leaving conserve mode", false, func(m *Machine, emit func(Event)) {
			m.SetMemory(8, Conserve, emit)
			m.SetMemory(9, Normal, emit)
		}, false},
		{"idledrop, any change", true, func(m *Machine, emit func(Event)) {
			m.Configure(9, Settings{Session: true, Policy: IdleDrop, AnyChangeClears: true}, emit)
		}, true},
		{"one-shot again, any change", true, func(m *Machine, emit func(Event)) {
			m.Configure(9, Settings{Session: true, Policy: OneShot, AnyChangeClears: true}, emit)
		}, false},
		{"level 99, any change", true, func(m *Machine, emit func(Event)) { m.Restart(9, emit) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, memory := range []bool{false, true} {
				s := enabled(OneShot)
				s.AnyChangeClears = c.anyChange
				m, r := NewMachine(1, s), recorder{}
				latch(m, memory)
				c.do(m, r.emit)
				assert.Equal(t, !c.clears, m.State(http).Latched, "latched by memory: %v", memory)
				var cleared []Event
				for _, e := range r.take() {
					if e.Kind == LatchCleared {
						cleared = append(cleared, e)
					}
				}
				if !c.clears {
					assert.Empty(t, cleared)
					continue
				}
				require.Len(t, cleared, 1)
				assert.Equal(t, memory, cleared[0].All)
				assert.EqualValues(t, 9, cleared[0].At)
				assert.EqualValues(t, 2, cleared[0].Since)
			}
		})
	}
}

// latch makes one-shot fire for HTTP at time 2, by either trigger.
func latch(m *Machine, memory bool) {
	if memory {
		m.SetMemory(1, Conserve, nil)
		m.Arrive(2, http, true, nil)
		m.SetMemory(3, Normal, nil)
		return
	}
	m.Occupancy(1, fullProto(protocols.HTTP), nil)
	m.Arrive(2, http, false, nil)
}

func TestIdledropKeepsALatchAndPassThenClearsIt(t *testing.T) {
	m, r := NewMachine(1, enabled(OneShot)), recorder{}
	latch(m, false)
	m.Configure(5, enabled(IdleDrop), r.emit)
	assert.Equal(t, Row(2), m.Arrive(6, http, false, r.emit).Row)
	m.Configure(7, enabled(Pass), r.emit)
	assert.Equal(t, Row(10), m.Arrive(8, http, false, r.emit).Row)
}

func TestBothTriggersStandSideBySide(t *testing.T) {
	m := NewMachine(1, enabled(IdleDrop))
	m.Occupancy(1, fullProto(protocols.HTTP), nil)
	m.SetMemory(2, Conserve, nil)
	st := m.State(http)
	assert.True(t, st.Session)
	assert.Equal(t, Conserve, st.Memory)
	assert.EqualValues(t, 1, st.Since)
	assert.EqualValues(t, 2, st.MemorySince)
	assert.Equal(t, Row(6), st.Row)

	m.SetMemory(3, Extreme, nil)
	st = m.State(http)
	assert.Equal(t, Row(1), st.Row)
	assert.EqualValues(t, 2, st.MemorySince, "conserve mode goes on")
	assert.Equal(t, Refuse, m.Arrive(3, pop3, true, nil).Action)

	m.SetMemory(4, Normal, nil)
	st = m.State(http)
	assert.Equal(t, Row(12), st.Row)
	assert.True(t, st.Session)
	assert.Equal(t, State{Row: 7, Policy: IdleDrop}, m.State(pop3))
}

func TestRestartEmptiesTheTable(t *testing.T) {
	m, r := NewMachine(1, enabled(Pass)), recorder{}
	m.Occupancy(1, fullProto(protocols.HTTP), nil)
	m.SetMemory(1, Conserve, nil)
	m.Restart(2, r.emit)
	assert.Equal(t, []Event{{Kind: FailopenLeft, Scope: http, Trigger: SessionTrigger, Action: Bypass, Policy: Pass, At: 2, Since: 1}}, r.take())
	assert.Equal(t, Conserve, m.Memory())
	assert.Equal(t, enabled(Pass), m.Settings())
}

func TestArriveDoesNotAllocate(t *testing.T) {
	m, r := NewMachine(4, enabled(OneShot)), recorder{events: make([]Event, 0, 1<<10)}
	emit := r.emit
	now := int64(0)
	assert.Zero(t, testing.AllocsPerRun(50, func() {
		now++
		m.Arrive(now, http, now%3 == 0, emit)
		m.Occupancy(now, Fullness{Pool: now%2 == 0}, emit)
		m.State(pop3)
		r.events = r.events[:0]
	}))
}

func BenchmarkArrive(b *testing.B) {
	m := NewMachine(1, enabled(Pass))
	b.ReportAllocs()
	for b.Loop() {
		m.Arrive(1, http, true, nil)
	}
}
