package sessiontable

import "utmsim/protocols"

// Limits are the bounds of a table, in entries.
type Limits struct {
	Pool        int                  // the entries of the table
	PerProtocol bool                 // switch pool: every protocol has Pool entries of its own, and there is no combined bound
	Proto       [protocols.Count]int // tighter bounds by protocol; 0: none
	VDOM        []int                // bounds by index of the VDOM, over all protocols; 0, or beyond the slice: none
}

// proto is the bound that holds for a protocol by itself.
func (l *Limits) proto(p protocols.Protocol) (bound int, ok bool) {
	own := l.Proto[p]
	switch {
	case l.PerProtocol && own > 0:
		return min(own, l.Pool), true
	case l.PerProtocol:
		return l.Pool, true
	default:
		return own, own > 0
	}
}

func (l *Limits) vdom(v uint16) (bound int, ok bool) {
	if int(v) >= len(l.VDOM) {
		return 0, false
	}
	return l.VDOM[v], l.VDOM[v] > 0
}

// clone is a copy that shares nothing.
func (l Limits) clone() Limits {
	l.VDOM = append([]int(nil), l.VDOM...)
	return l
}

// Fullness says who has no room now.
type Fullness struct {
	Pool  bool                  // no entry is free for anybody
	Proto [protocols.Count]bool // the protocol is at its own limit
	VDOM  []bool                // the VDOM is at its limit; by index, as long as Limits.VDOM
}

// Shortage says which limits leave no room for a newcomer, a bit each. None set is
// room.
type Shortage uint8

// The limits that can be short. The first two also name the kinds of candidates.
const (
	ShortProtocol Shortage = 1 << iota // the protocol is at its own limit
	ShortVDOM                          // the VDOM is at its limit
	ShortPool                          // the pool has no free entry
)

// Candidates says among which entries a victim was sought. It numbers the kinds of
// domains.
type Candidates uint8

// The kinds of candidates.
const (
	AnyEntry   Candidates = 0                                     // the whole table
	OfProtocol            = Candidates(ShortProtocol)             // the newcomer's protocol
	OfVDOM                = Candidates(ShortVDOM)                 // the newcomer's VDOM
	OfBoth                = Candidates(ShortProtocol | ShortVDOM) // the newcomer's protocol in its VDOM
	kinds                 = 4
)

// candidates are the entries whose end makes room: those that count against every
// limit that is short.
func (s Shortage) candidates() Candidates { return Candidates(s &^ ShortPool) }

// index numbers the domain of a key among those of its kind.
func (c Candidates) index(k Key) int {
	i := 0
	if c&OfVDOM != 0 {
		i = int(k.VDOM)
	}
	if c&OfProtocol != 0 {
		i = i*protocols.Count + int(k.Proto)
	}
	return i
}
