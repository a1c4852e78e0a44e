package pop3proxy

import (
	"context"

	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// replyReplaced stands before a mail that was changed. The server's own line may
// say how long the mail was.
const replyReplaced = "+OK message follows\r\n"

// Notices for a whole mail.
const (
	noticeTooLarge  = "This message has been removed because it is larger than the size limit for mails.\n"
	noticeUnscanned = "This message has been removed because it could not be scanned.\n"
	noticeFragment  = "This message has been removed because it is a piece of a message that was cut into several.\nPieces can't be scanned.\n"
)

// notice is what the reader finds in the place of a part.
func notice(file string, v scanner.Verdict) string {
	what := "Content of this message"
	if file != "" {
		what = `The file "` + file + `"`
	}
	if v.Class.Detection() {
		return what + " has been removed because of a virus.\nIt was infected with \"" + v.Name + "\".\n"
	}
	return what + " has been removed because archives of this kind are blocked: " + v.Class.String() + ".\n"
}

// block delivers notices in the place of what must not be delivered.
func (x *exchange) block(ctx context.Context, hold *proxy.Hold) error {
	verdict := hold.Outcome.String()
	switch hold.Outcome {
	case proxy.TooLarge:
		return x.replaceAll(ctx, hold, verdict, noticeTooLarge)
	case proxy.ScanFailed:
		return x.replaceAll(ctx, hold, verdict, noticeUnscanned)
	}
	if x.walked != nil {
		c := mail.Cleaning{
			Limits: x.limits(), Notice: notice, Blocks: hold.Blocks,
			Judge: func(parts []scanner.Object) ([]scanner.Verdict, error) { return hold.Judge(ctx, parts) },
		}
		text, err := c.Clean(hold, hold.Size(), x.walked, hold.Parts)
		if err == nil && text != nil {
			return x.send(ctx, hold, verdict, text)
		}
	}
	return x.replaceAll(ctx, hold, verdict, notice("", hold.Verdict))
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
