package failopen

// Memory is the level of the memory conserve mode.
type Memory uint8

// The memory levels, from good to bad.
const (
	Normal   Memory = iota // conserve mode is off
	Conserve               // conserve mode is on: av-failopen applies to every protocol
	Extreme                // no new session at all, whatever av-failopen says
)

// String is the level in small letters.
func (m Memory) String() string {
	return word([]string{"normal", "conserve", "extreme"}, uint8(m), "Memory")
}

// Action is what is done with one new connection.
type Action uint8

// The actions.
const (
	Inspect Action = iota // admit it; it takes an entry and is scanned
	Refuse                // do not admit it
	Bypass                // pass it on unscanned; it takes no entry
	Drop                  // drop one idle session and inspect; where nobody is idle, refuse
)

// String is the action in small letters.
func (a Action) String() string {
	return word([]string{"inspect", "refuse", "bypass", "idledrop"}, uint8(a), "Action")
}

// Trigger is a cause of failopen. The two causes are never merged.
type Trigger uint8

// The triggers.
const (
	NoTrigger      Trigger = iota
	SessionTrigger         // the protocol has no room in the session table
	MemoryTrigger          // memory conserve mode, system-wide
)

// String is the trigger in small letters.
func (t Trigger) String() string {
	return word([]string{"none", "session", "memory"}, uint8(t), "Trigger")
}

// LatchScope is how far a one-shot latch reaches when it is set.
type LatchScope uint8

// The reaches of a latch.
const (
	LatchNone     LatchScope = iota
	LatchProtocol            // the (VDOM, protocol) that found no room
	LatchAll                 // every protocol of every VDOM
)

// String is the reach in small letters.
func (l LatchScope) String() string {
	return word([]string{"none", "protocol", "all"}, uint8(l), "LatchScope")
}
