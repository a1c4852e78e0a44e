package ftpproxy

import (
	"strings"

	"utmsim/proxy"
)

// maxShown bounds names in replies, in bytes.
const maxShown = 120

// refusal is what the client hears of a file that was not delivered.
func refusal(hold *proxy.Hold, name string) string {
	switch hold.Outcome {
	case proxy.TooLarge:
		return replyTooLarge
	case proxy.ScanFailed:
		return replyUnscanned
	case proxy.Backlog:
		return replyBacklog
	}
	what := "550 Transfer failed. The file"
	if name != "" {
		what += ` "` + shown(name) + `"`
	}
	if !hold.Verdict.Class.Detection() {
		return what + " is blocked: " + hold.Verdict.Class.String() + "\r\n"
	}
	return what + ` is infected with the virus "` + shown(hold.Verdict.Name) + "\"\r\n"
}

// shown is a name as it may stand in a reply.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' {
			return '?'
		}
		return r
	}, name)
	if len(name) > maxShown {
		name = name[:maxShown-3] + "..."
	}
	return name
}
