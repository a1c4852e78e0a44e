package failopen

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestDecideRows writes the documented table out once more, one case for each row
// and each kind of input that the row leaves open.
func TestDecideRows(t *testing.T) {
	bools := []bool{false, true}
	for _, c := range []struct {
		row     Row
		memory  []Memory
		latched []bool
		room    []bool
		session []bool
		policy  []Policy
		action  Action
		trigger Trigger
		latch   LatchScope
	}{
		{1, []Memory{Extreme}, bools, bools, bools, Policies[:], Refuse, MemoryTrigger, LatchNone},
		{2, []Memory{Normal, Conserve}, []bool{true}, bools, bools, Policies[:], Bypass, NoTrigger, LatchNone},
		{3, []Memory{Conserve}, []bool{false}, bools, bools, []Policy{Off}, Refuse, MemoryTrigger, LatchNone},
		{4, []Memory{Conserve}, []bool{false}, bools, bools, []Policy{Pass}, Bypass, MemoryTrigger, LatchNone},
		{5, []Memory{Conserve}, []bool{false}, bools, bools, []Policy{OneShot}, Bypass, MemoryTrigger, LatchAll},
		{6, []Memory{Conserve}, []bool{false}, bools, bools, []Policy{IdleDrop}, Drop, MemoryTrigger, LatchNone},
		{7, []Memory{Normal}, []bool{false}, []bool{true}, bools, Policies[:], Inspect, NoTrigger, LatchNone},
		{8, []Memory{Normal}, []bool{false}, []bool{false}, []bool{false}, Policies[:], Refuse, NoTrigger, LatchNone},
		{9, []Memory{Normal}, []bool{false}, []bool{false}, []bool{true}, []Policy{Off}, Refuse, SessionTrigger, LatchNone},
		{10, []Memory{Normal}, []bool{false}, []bool{false}, []bool{true}, []Policy{Pass}, Bypass, SessionTrigger, LatchNone},
		{11, []Memory{Normal}, []bool{false}, []bool{false}, []bool{true}, []Policy{OneShot}, Bypass, SessionTrigger, LatchProtocol},
		{12, []Memory{Normal}, []bool{false}, []bool{false}, []bool{true}, []Policy{IdleDrop}, Drop, SessionTrigger, LatchNone},
	} {
		t.Run(c.row.String(), func(t *testing.T) {
			want := Decision{Row: c.row, Action: c.action, Trigger: c.trigger, Latch: c.latch}
			for _, memory := range c.memory {
				for _, latched := range c.latched {
					for _, room := range c.room {
						for _, session := range c.session {
							for _, policy := range c.policy {
								in := Inputs{memory, latched, room, session, policy}
								assert.Equal(t, want, Decide(in), "%+v", in)
							}
						}
					}
				}
			}
		})
	}
}

// TestDecideUnambiguous checks that the order of the rows does not matter.
func TestDecideUnambiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInputs(t)
		matches := 0
		for _, r := range rows {
			if r.memory.has(uint8(in.Memory)) && r.latched.is(in.Latched) && r.room.is(in.Room) &&
				r.session.is(in.Session) && r.policy.has(uint8(in.Policy)) {
				matches++
			}
		}
		require.Equal(t, 1, matches, "%+v", in)
	})
}

// TestDecideAgainstProse checks the table against the documented behaviour put in
// sentences instead of rows.
func TestDecideAgainstProse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInputs(t)
		d := Decide(in)
		starved := in.Memory == Conserve || (in.Memory == Normal && !in.Room)
		applies := starved && (in.Memory == Conserve || in.Session) // av-failopen has a say

		wantAction := Inspect
		switch {
		case in.Memory == Extreme:
			wantAction = Refuse
		case in.Latched:
			wantAction = Bypass
		case applies:
			wantAction = map[Policy]Action{Pass: Bypass, OneShot: Bypass, Off: Refuse, IdleDrop: Drop}[in.Policy]
		case starved:
			wantAction = Refuse
		}
		require.Equal(t, wantAction, d.Action)

		latches := applies && !in.Latched && in.Policy == OneShot
		require.Equal(t, latches, d.Latch != LatchNone)
		if latches {
			require.Equal(t, in.Memory == Conserve, d.Latch == LatchAll, "the memory trigger latches everything")
		}
		require.Equal(t, in.Memory == Extreme || (in.Memory == Conserve && !in.Latched), d.Trigger == MemoryTrigger)
		require.Equal(t, applies && !in.Latched && in.Memory == Normal, d.Trigger == SessionTrigger)

		if in.Policy == Off || in.Policy == IdleDrop {
			require.True(t, d.Action != Bypass || in.Latched, "no unscanned byte passes because of idledrop or off")
		}
	})
}

func TestDecideOutsideTheEnums(t *testing.T) {
	for _, in := range []Inputs{{Policy: 4}, {Policy: 200}, {Memory: 3, Room: true}, {Memory: 9, Latched: true}} {
		assert.Equal(t, Decision{Action: Refuse}, Decide(in), "%+v", in)
	}
}

func TestRowText(t *testing.T) {
	seen := map[string]Row{}
	for r := Row(0); r <= 12; r++ {
		text := r.Text()
		assert.NotEmpty(t, text)
		assert.NotContains(t, seen, text, "%v", r)
		seen[text] = r
	}
	assert.Equal(t, Row(0).Text(), Row(13).Text())
	assert.Equal(t, "row 12", Row(12).String())
}

func TestPolicyWords(t *testing.T) {
	for i, want := range []string{"idledrop", "off", "one-shot", "pass"} {
		p, err := ParsePolicy(want)
		require.NoError(t, err)
		assert.Equal(t, Policies[i], p)
		assert.Equal(t, want, p.String())
	}
	for _, bad := range []string{"", "PASS", "oneshot", "pass ", "idle"} {
		_, err := ParsePolicy(bad)
		assert.ErrorContains(t, err, fmt.Sprintf("%q", bad))
	}
	assert.Equal(t, "pass", Policy(0).String(), "the default")
	assert.Equal(t, "Policy(7)", Policy(7).String())
}

func TestEnumWords(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"normal": Normal, "conserve": Conserve, "extreme": Extreme, "Memory(3)": Memory(3),
		"inspect": Inspect, "refuse": Refuse, "bypass": Bypass, "idledrop": Drop,
		"none": NoTrigger, "session": SessionTrigger, "memory": MemoryTrigger,
		"protocol": LatchProtocol, "all": LatchAll,
		"failopen entered": FailopenEntered, "failopen left": FailopenLeft, "latch set": LatchSet, "latch cleared": LatchCleared,
	} {
		assert.Equal(t, want, v.String())
	}
}

func drawInputs(t *rapid.T) Inputs {
	return Inputs{
		Memory:  rapid.SampledFrom([]Memory{Normal, Conserve, Extreme}).Draw(t, "memory"),
		Latched: rapid.Bool().Draw(t, "latched"),
		Room:    rapid.Bool().Draw(t, "room"),
		Session: rapid.Bool().Draw(t, "session"),
		Policy:  rapid.SampledFrom(Policies[:]).Draw(t, "policy"),
	}
}

func BenchmarkDecideLastRow(b *testing.B) {
	b.ReportAllocs()
	in := Inputs{Session: true, Policy: IdleDrop}
	for b.Loop() {
		Decide(in)
	}
}
