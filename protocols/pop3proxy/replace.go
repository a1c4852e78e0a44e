package pop3proxy

import (
	"context"

	"utmsim/internal/replacemsg"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// replyReplaced stands before a mail that was changed. The server's own line may
// say how long the mail was.
const replyReplaced = "+OK message follows\r\n"

// nameless is what a part without a name is called.
const nameless = "Content of this message"

// block delivers notices in the place of what must not be delivered.
func (x *exchange) block(ctx context.Context, hold *proxy.Hold) error {
	verdict := hold.Outcome.String()
	if hold.Outcome == proxy.Detected && x.walked != nil {
		c := mail.Cleaning{
			Limits: x.limits(), Notice: hold.Notice(replacemsg.MailNotices, nameless), Blocks: hold.Blocks,
			Judge: func(parts []scanner.Object) ([]scanner.Verdict, error) { return hold.Judge(ctx, parts) },
		}
		text, err := c.Clean(hold, hold.Size(), x.walked, hold.Parts)
		if text != nil && hold.Spam.Tagged() {
			text, err = mail.Marked(text, hold.Spam.Header, hold.Spam.Mark)
		}
		if err == nil && text != nil {
			return x.send(ctx, hold, verdict, text)
		}
	}
	return x.replaceAll(ctx, hold, verdict, hold.SayWhole(replacemsg.MailNotices, nameless))
}

// replaceAll delivers a notice in the place of a whole mail.
func (x *exchange) replaceAll(ctx context.Context, hold *proxy.Hold, verdict, text string) error {
	m, err := mail.InPlaceOf(hold, hold.Size(), scanner.Mail, text)
	if err != nil {
		hold.Discard()
		return x.serverFailed(ctx, err)
	}
	return x.send(ctx, hold, verdict, m)
}

// send delivers a mail in the place of the one that was held, in its framing.
func (x *exchange) send(ctx context.Context, hold *proxy.Hold, verdict string, text []byte) error {
	hold.Discard()
	x.s.Note(verdict)
	client := x.s.Client()
	if _, err := client.WriteString(replyReplaced); err != nil {
		return err
	}
	w := wire.NewDotWriter(client)
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := client.Flush(); err != nil {
		return err
	}
	return x.drain(ctx)
}
