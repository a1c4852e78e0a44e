// Package wire gives the drivers buffered connections that hold no memory
// while they rest: the read and the write buffer come from a pool when bytes
// move and go back when nothing is left in them. It keeps bytes exactly as they
// came and bounds whatever it collects.
//
// It knows the framing that several protocols share - lines, bodies that end with
// a dot, bodies of a known length, literals, replies - but no command, no session
// and no socket option, and it does not decide how long a read may block: that is
// the Stream's business.
package wire

import "fmt"

// Side is one of the two ends of a session.
type Side uint8

// The two ends.
const (
	Client Side = iota
	Server
)

// Other is the opposite end.
func (s Side) Other() Side { return 1 - s }

func (s Side) String() string {
	switch s {
	case Client:
		return "client"
	case Server:
		return "server"
	}
	return fmt.Sprintf("Side(%d)", uint8(s))
}
