package failopen

// row is one row of the decision table: what it matches, what it does.
type row struct {
	memory  set
	latched want
	room    want
	session want
	policy  set

	action  Action
	trigger Trigger
	latch   LatchScope
	text    string
}

// set holds values of a small enum, a bit each.
type set uint8

func (s set) has(v uint8) bool { return v < 8 && s&(1<<v) != 0 }

// want is what a row asks of a yes-or-no input.
type want uint8

const (
	either want = iota
	yes
	no
)

func (w want) is(v bool) bool { return w == either || (w == yes) == v }

const (
	normal     set = 1 << Normal
	conserve   set = 1 << Conserve
	extreme    set = 1 << Extreme
	notExtreme     = normal | conserve

	pass      set = 1 << Pass
	off       set = 1 << Off
	oneShot   set = 1 << OneShot
	idleDrop  set = 1 << IdleDrop
	anyPolicy     = pass | off | oneShot | idleDrop
)

// rows is the decision table. Exactly one row matches any inputs.
var rows = [12]row{
	{extreme, either, either, either, anyPolicy, Refuse, MemoryTrigger, LatchNone,
		"Memory is above the extreme threshold: every new session is refused, whatever av-failopen says."},
	{notExtreme, yes, either, either, anyPolicy, Bypass, NoTrigger, LatchNone,
		"The one-shot latch is set: new sessions bypass scanning, with or without room, until the latch is cleared."},
	{conserve, no, either, either, off, Refuse, MemoryTrigger, LatchNone,
		"Memory conserve mode is on and av-failopen is off: new sessions are refused."},
	{conserve, no, either, either, pass, Bypass, MemoryTrigger, LatchNone,
		"Memory conserve mode is on and av-failopen is pass: new sessions bypass scanning until memory is free again."},
	{conserve, no, either, either, oneShot, Bypass, MemoryTrigger, LatchAll,
		"Memory conserve mode is on and av-failopen is one-shot: the session bypasses scanning and the latch is set for all protocols."},
	{conserve, no, either, either, idleDrop, Drop, MemoryTrigger, LatchNone,
		"Memory conserve mode is on and av-failopen is idledrop: one idle session is dropped for each new session, which is inspected; with nobody idle it is refused."},
	{normal, no, yes, either, anyPolicy, Inspect, NoTrigger, LatchNone,
		"There is memory and the session table has room: the session is inspected."},
	{normal, no, no, no, anyPolicy, Refuse, NoTrigger, LatchNone,
		"The session table has no room for the protocol and av-failopen-session is disabled: the session is refused, without failopen."},
	{normal, no, no, yes, off, Refuse, SessionTrigger, LatchNone,
		"The session table has no room for the protocol and av-failopen is off: new sessions are refused until an entry is free."},
	{normal, no, no, yes, pass, Bypass, SessionTrigger, LatchNone,
		"The session table has no room for the protocol and av-failopen is pass: new sessions bypass scanning until an entry is free."},
	{normal, no, no, yes, oneShot, Bypass, SessionTrigger, LatchProtocol,
		"The session table has no room for the protocol and av-failopen is one-shot: the session bypasses scanning and the latch is set for this protocol."},
	{normal, no, no, yes, idleDrop, Drop, SessionTrigger, LatchNone,
		"The session table has no room for the protocol and av-failopen is idledrop: one idle session is dropped for each new session, which is inspected; with nobody idle it is refused."},
}
