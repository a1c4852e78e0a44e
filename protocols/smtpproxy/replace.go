package smtpproxy

import (
	"context"
	"strconv"

	"utmsim/internal/replacemsg"
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
	replyBacklog        = "451 4.3.2 Too many mails wait to be scanned, try again in a moment\r\n"
)

// block refuses a message, or puts notices in the place of what is bad in it.
func (x *dialogue) block(ctx context.Context, t *transfer, hold *proxy.Hold) error {
	if hold.Outcome == proxy.Detected && !x.splices() {
		if done, err := x.replace(ctx, t, hold); done {
			return err
		}
	}
	return x.refuse(t, hold, hold.Outcome.String(), x.refusal(hold))
}

// blockFragment refuses a piece of a mail.
func (x *dialogue) blockFragment(t *transfer, hold *proxy.Hold) error {
	x.s.Stats().SMTP.Stat.FragmentedBlock.Inc()
	return x.refuse(t, hold, "fragment", "554 5.7.1 "+x.s.Message(replacemsg.SMTPPartial, hold.About("The mail"))+"\r\n")
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
func (x *dialogue) refusal(hold *proxy.Hold) string {
	code := "554 5.7.1 "
	switch hold.Outcome {
	case proxy.Spammed:
		return x.spamReply(hold.Spam)
	case proxy.Backlog:
		return replyBacklog
	case proxy.TooLarge:
		code = "552 5.3.4 "
	case proxy.ScanFailed:
		code = "451 4.7.0 "
	}
	return code + hold.Say(replacemsg.MailReplies, "The mail") + "\r\n"
}

func bdat(size int64, last bool) []byte {
	b := strconv.AppendInt([]byte("BDAT "), size, 10)
	if last {
		b = append(b, " LAST"...)
	}
	return append(b, "\r\n"...)
}
