package smtpproxy

import (
	"context"
	"strconv"
	"strings"

	"utmsim/proxy"
)

// What the proxy itself says (RFC 5321 section 4.2, codes of RFC 3463).
const (
	replyFarewell       = "421 4.3.2 The proxy has no room for this connection now, try again in a moment\r\n"
	replyUnreachable    = "421 4.4.1 The mail server can't be reached\r\n"
	replyLost           = "421 4.4.2 The connection to the mail server was lost\r\n"
	replySilent         = "421 4.4.2 The mail server does not answer\r\n"
	replyClientSilent   = "421 4.4.2 Nothing came for too long\r\n"
	replyNonsense       = "421 4.5.0 The mail server's answer makes no sense\r\n"
	replyAlone          = "421 4.3.2 Another mail needs another connection\r\n"
	replyGoodbye        = "221 2.0.0 Bye\r\n"
	replyOK             = "250 2.0.0 OK\r\n"
	replyChunk          = "250 2.0.0 Chunk taken\r\n"
	replyNotImplemented = "502 5.5.1 Command not implemented\r\n"
	replyNoTransaction  = "503 5.5.1 There is no mail with a valid recipient\r\n"
	replyChunkExpected  = "503 5.5.1 BDAT or RSET comes next\r\n"
	replyForged         = "554 5.6.0 A dot stands beside a line end that is not CR LF\r\n"
	replyFragment       = "554 5.7.1 Fragments of mails are not accepted\r\n"
	replyTooLarge       = "552 5.3.4 The mail is larger than the size limit\r\n"
	replyUnscanned      = "451 4.7.0 The mail could not be scanned, try again later\r\n"
	replyBacklog        = "451 4.3.2 Too many mails wait to be scanned, try again in a moment\r\n"
)

// maxShown bounds names in replies, in bytes: a line has 512 at most.
const maxShown = 120

// block refuses a message, or puts notices in the place of what is bad in it.
func (x *dialogue) block(ctx context.Context, t *transfer, hold *proxy.Hold) error {
	if hold.Outcome == proxy.Detected && !t.inspection.Splice {
		if done, err := x.replace(ctx, t, hold); done {
			return err
		}
	}
	return x.refuse(t, hold, hold.Outcome.String(), t.refusal(hold))
}

// blockFragment refuses a piece of a mail.
func (x *dialogue) blockFragment(t *transfer, hold *proxy.Hold) error {
	x.s.Stats().SMTP.Stat.FragmentedBlock.Inc()
	return x.refuse(t, hold, "fragment", replyFragment)
}

// refuse tells the client that its mail is not accepted. The server, which waits
// for the rest of it, is let go.
func (x *dialogue) refuse(t *transfer, hold *proxy.Hold, verdict, reply string) error {
	hold.Discard()
	x.s.Note(verdict)
	x.s.Stats().SMTP.Accounting.Reject.Inc()
	x.letGo()
	if err := t.source.Drain(); err != nil {
		if t.source.Forged() {
			reply = replyForged
		} else {
			return err
		}
	}
	x.tell(reply)
	return nil
}

// refusal is the reply to a mail that is not accepted.
func (t *transfer) refusal(hold *proxy.Hold) string {
	switch hold.Outcome {
	case proxy.TooLarge:
		return replyTooLarge
	case proxy.ScanFailed:
		return replyUnscanned
	case proxy.Backlog:
		return replyBacklog
	}
	file := t.badFile(hold)
	what := "The mail"
	if file != "" {
		what = `The file "` + shown(file) + `"`
	}
	if !hold.Verdict.Class.Detection() {
		return "554 5.7.1 " + what + " is blocked: " + hold.Verdict.Class.String() + "\r\n"
	}
	return "554 5.7.1 " + what + ` is infected with the virus "` + shown(hold.Verdict.Name) + "\"\r\n"
}

// badFile is the name of the first bad part that has one.
func (t *transfer) badFile(hold *proxy.Hold) string {
	if t.walked == nil || len(hold.Parts) != len(t.walked.Parts) {
		return ""
	}
	for i, v := range hold.Parts {
		if name := t.walked.Parts[i].Object.Name; name != "" && hold.Blocks(v) {
			return name
		}
	}
	return ""
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

func bdat(size int64, last bool) []byte {
	b := strconv.AppendInt([]byte("BDAT "), size, 10)
	if last {
		b = append(b, " LAST"...)
	}
	return append(b, "\r\n"...)
}
