package failopen

import "utmsim/protocols"

// Scope is what a failopen state belongs to: one protocol of one VDOM.
type Scope struct {
	VDOM  uint16 // index of the VDOM, 0 for the first
	Proto protocols.Protocol
}

// Settings are the settings that decisions depend on.
type Settings struct {
	Session         bool   // av-failopen-session
	Policy          Policy // av-failopen
	FirstRefusal    bool   // switch enter: the session trigger starts with the first connection that found no room, not with the last free entry taken
	AnyChangeClears bool   // switch latch-clear: any change of av-failopen, and a restart of the proxy, clears latches
}

// Fullness says who has no room in the session table. VDOM is indexed by VDOM and
// may be shorter than their number: the rest have no limit of their own.
type Fullness struct {
	Pool  bool                  // no entry is free for anybody
	Proto [protocols.Count]bool // the protocol is at its own limit
	VDOM  []bool                // the VDOM is at its own limit
}

// Full says whether a newcomer of the scope would find no room.
func (f *Fullness) Full(s Scope) bool {
	return f.Pool || f.Proto[s.Proto] || (int(s.VDOM) < len(f.VDOM) && f.VDOM[s.VDOM])
}
