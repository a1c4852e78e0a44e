package imapproxy

import (
	"context"

	"utmsim/internal/replacemsg"
	"utmsim/proxy"
)

// block refuses a message; unasked as in reject.
func (u *upload) block(ctx context.Context, hold *proxy.Hold, unasked bool) error {
	text := refusal(hold)
	u.s.Note(hold.Outcome.String())
	hold.Discard()
	return u.reject(ctx, unasked, text)
}

// refusal is the answer to a message that is not accepted.
func refusal(hold *proxy.Hold) string {
	code := "NO [CANNOT] "
	switch hold.Outcome {
	case proxy.Backlog:
		return noBacklog
	case proxy.TooLarge:
		code = "NO [TOOBIG] "
	case proxy.ScanFailed:
		code = "NO [UNAVAILABLE] "
	}
	return code + hold.Say(replacemsg.MailReplies, "The message") + "\r\n"
}
