package failopen

import "fmt"

// Inputs are what a decision depends on, and all of it.
type Inputs struct {
	Memory  Memory
	Latched bool   // a latch covers the protocol
	Room    bool   // an entry is free for the protocol; looked at only in rows 7 to 12
	Session bool   // av-failopen-session is enabled
	Policy  Policy // av-failopen
}

// Decision is what becomes of one new connection, and why.
type Decision struct {
	Row     Row        // the row of the decision table that matched
	Action  Action     // what is done with the connection
	Trigger Trigger    // the cause that acts; NoTrigger in rows 2, 7 and 8
	Latch   LatchScope // how far the decision latches; LatchNone in most rows
}

// Row numbers a row of the decision table, 1 to 12. Row 0 stands for inputs that no
// row covers (a value outside its enum); they are refused.
type Row uint8

// Text says in one sentence what the row does and why.
func (r Row) Text() string {
	if int(r) > len(rows) || r == 0 {
		return "No row of the decision table covers the inputs: the connection is refused."
	}
	return rows[r-1].text
}

// String is the row as "row 11".
func (r Row) String() string { return fmt.Sprintf("row %d", uint8(r)) }

// Decide finds the first row of the decision table that matches.
func Decide(in Inputs) Decision {
	for i := range rows {
		r := &rows[i]
		if r.memory.has(uint8(in.Memory)) && r.latched.is(in.Latched) && r.room.is(in.Room) &&
			r.session.is(in.Session) && r.policy.has(uint8(in.Policy)) {
			return Decision{Row: Row(i + 1), Action: r.action, Trigger: r.trigger, Latch: r.latch}
		}
	}
	return Decision{Action: Refuse}
}
