package config

// Persona is the release whose behaviour is simulated.
type Persona uint8

// The personas.
const (
	Persona52 Persona = iota // classic conserve rule, idledrop
	Persona56                // memory-use-threshold settings, no idledrop
)

func (Persona) choices() []Choice {
	return []Choice{
		{Word: "5.2", Help: "5.0 to 5.4: conserve mode at less than 20 % free memory, idledrop."},
		{Word: "5.6", Help: "5.6 and later: conserve mode by memory-use-threshold, no idledrop."},
	}
}

// String is the setting's word.
func (e Persona) String() string { return word(e.choices(), uint8(e)) }

// Pool says how the protocols share the session table.
type Pool uint8

// The readings of the session table.
const (
	PoolShared      Pool = iota // one table for all protocols
	PoolPerProtocol             // each protocol its own table of the same size
)

func (Pool) choices() []Choice {
	return []Choice{
		{Word: "shared", Help: "One table for all protocols together."},
		{Word: "per-protocol", Help: "A table of the same size for each protocol."},
	}
}

// String is the setting's word.
func (e Pool) String() string { return word(e.choices(), uint8(e)) }

// MaxConcurrent is what the line Max Concurrent Connections shows.
type MaxConcurrent uint8

// The readings of Max Concurrent Connections.
const (
	MaxPeak  MaxConcurrent = iota // most entries since the start
	MaxLimit                      // the limit in force
)

func (MaxConcurrent) choices() []Choice {
	return []Choice{
		{Word: "peak", Help: "The most connections since the start."},
		{Word: "limit", Help: "The limit in force."},
	}
}

// String is the setting's word.
func (e MaxConcurrent) String() string { return word(e.choices(), uint8(e)) }

// Enter says when a protocol enters session failopen.
type Enter uint8

// The readings of the session trigger.
const (
	EnterZeroFree     Enter = iota // with the last free entry taken
	EnterFirstRefusal              // with the first connection that finds no room
)

func (Enter) choices() []Choice {
	return []Choice{
		{Word: "zero-free", Help: "As soon as the last free entry is taken."},
		{Word: "first-refusal", Help: "With the first connection that finds no room."},
	}
}

// String is the setting's word.
func (e Enter) String() string { return word(e.choices(), uint8(e)) }

// LatchClear says what clears the latch of one-shot.
type LatchClear uint8

// The readings of the latch.
const (
	LatchDocumented LatchClear = iota // av-failopen set to pass or off
	LatchAnyChange                    // any change of av-failopen, or a restart of the proxy
)

func (LatchClear) choices() []Choice {
	return []Choice{
		{Word: "documented", Help: "Setting av-failopen to pass or off."},
		{Word: "any-change", Help: "Any change of av-failopen, or a restart of the proxy."},
	}
}

// String is the setting's word.
func (e LatchClear) String() string { return word(e.choices(), uint8(e)) }

// IdleDrop says which sessions idledrop may take.
type IdleDrop uint8

// The readings of idledrop.
const (
	IdleDropIdle IdleDrop = iota // idle sessions only
	IdleDropAny                  // the top client's longest-resting session, idle or not
)

func (IdleDrop) choices() []Choice {
	return []Choice{
		{Word: "idle", Help: "Idle sessions only."},
		{Word: "any", Help: "The longest-resting session of the client with the most, idle or not."},
	}
}

// String is the setting's word.
func (e IdleDrop) String() string { return word(e.choices(), uint8(e)) }

// Refuse is what a refused or dropped client sees.
type Refuse uint8

// The refusal styles.
const (
	RefuseReset  Refuse = iota // accepted, then reset
	RefuseClose                // accepted, then closed
	RefuseHang                 // held open in silence for a while, then reset
	RefusePolite               // told in the protocol's own words
)

func (Refuse) choices() []Choice {
	return []Choice{
		{Word: "reset", Help: "The connection is reset."},
		{Word: "close", Help: "The connection is closed."},
		{Word: "hang", Help: "The connection is held open in silence, then reset."},
		{Word: "polite", Help: "The refusal is told in the protocol's own words."},
	}
}

// String is the setting's word.
func (e Refuse) String() string { return word(e.choices(), uint8(e)) }
