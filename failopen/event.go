package failopen

// Kind is what an event reports.
type Kind uint8

// The kinds of events.
const (
	FailopenEntered Kind = iota + 1 // a trigger began to act
	FailopenLeft                    // a trigger ceased to act
	LatchSet                        // one-shot fired
	LatchCleared                    // an administrator or a restart cleared a latch
)

// String is the kind in words.
func (k Kind) String() string {
	return word([]string{"none", "failopen entered", "failopen left", "latch set", "latch cleared"}, uint8(k), "Kind")
}

// Event is one change of state.
type Event struct {
	Kind    Kind
	All     bool    // the event concerns every protocol of every VDOM; Scope is then empty
	Scope   Scope   // the protocol and VDOM it concerns
	Trigger Trigger // the cause: of failopen, or the one that set the latch
	Action  Action  // what new connections of the scope get from this trigger or latch while it acts
	Policy  Policy  // av-failopen in force
	At      int64   // when it happened, nanoseconds
	Since   int64   // for FailopenLeft and LatchCleared, when the state began; otherwise equal to At
}
