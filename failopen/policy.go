package failopen

import "fmt"

// Policy is the setting av-failopen: what to do with new connections when there is
// no room or no memory. The zero value is the appliance's default.
type Policy uint8

// The policies. The first three never touch a session that is already open.
const (
	Pass     Policy = iota // bypass, until the cause has gone
	Off                    // refuse, until the cause has gone
	OneShot                // bypass, until an administrator sets pass or off
	IdleDrop               // drop an idle session and inspect the newcomer in its place
)

// Policies lists the policies in the order in which the CLI offers them.
var Policies = [...]Policy{IdleDrop, Off, OneShot, Pass}

var policyWords = [...]string{Pass: "pass", Off: "off", OneShot: "one-shot", IdleDrop: "idledrop"}

// String is the policy as the CLI writes it.
func (p Policy) String() string { return word(policyWords[:], uint8(p), "Policy") }

// ParsePolicy reads a policy as the CLI writes it, in small letters.
func ParsePolicy(s string) (Policy, error) {
	for i, w := range policyWords {
		if s == w {
			return Policy(i), nil
		}
	}
	return 0, fmt.Errorf("unknown failopen policy %q: want idledrop, off, one-shot or pass", s)
}

// action is what the policy does with new connections once a trigger acts.
func (p Policy) action() Action {
	switch p {
	case Pass, OneShot:
		return Bypass
	case IdleDrop:
		return Drop
	default:
		return Refuse
	}
}

// word names value i of an enum whose words are ws.
func word(ws []string, i uint8, kind string) string {
	if int(i) >= len(ws) {
		return fmt.Sprintf("%s(%d)", kind, i)
	}
	return ws[i]
}
