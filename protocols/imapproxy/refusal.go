package imapproxy

import (
	"context"
	"strings"

	"utmsim/proxy"
)

// maxShown bounds names in answers, in bytes.
const maxShown = 120

// block refuses a message; unasked as in reject.
func (u *upload) block(ctx context.Context, hold *proxy.Hold, unasked bool) error {
	text := u.refusal(hold)
	u.s.Note(hold.Outcome.String())
	hold.Discard()
	return u.reject(ctx, unasked, text)
}

// refusal is the answer to a message that is not accepted.
func (u *upload) refusal(hold *proxy.Hold) string {
	switch hold.Outcome {
	case proxy.TooLarge:
		return noTooLarge
	case proxy.ScanFailed:
		return noUnscanned
	case proxy.Backlog:
		return noBacklog
	}
	what := "the message"
	if file := u.badFile(hold); file != "" {
		what = `the file "` + shown(file) + `"`
	}
	if !hold.Verdict.Class.Detection() {
		return "NO [CANNOT] " + what + " is blocked: " + hold.Verdict.Class.String() + "\r\n"
	}
	return "NO [CANNOT] " + what + ` is infected with the virus "` + shown(hold.Verdict.Name) + "\"\r\n"
}

// badFile is the name of the first bad part that has one.
func (u *upload) badFile(hold *proxy.Hold) string {
	if u.walked == nil || len(hold.Parts) != len(u.walked.Parts) {
		return ""
	}
	for i, v := range hold.Parts {
		if name := u.walked.Parts[i].Object.Name; name != "" && hold.Blocks(v) {
			return name
		}
	}
	return ""
}

// shown is a name as it may stand in an answer.
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
