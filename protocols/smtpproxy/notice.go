package smtpproxy

import (
	"context"

	"utmsim/internal/replacemsg"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// replace delivers the message with notices in the place of its bad parts. done is
// false when that can't be done, and nothing has happened then.
func (x *dialogue) replace(ctx context.Context, t *transfer, hold *proxy.Hold) (done bool, err error) {
	if t.walked == nil {
		return false, nil
	}
	c := mail.Cleaning{
		Limits: t.limits(x.options()), Notice: hold.Notice(replacemsg.MailNotices, "An attachment"), Blocks: hold.Blocks,
		Judge: func(parts []scanner.Object) ([]scanner.Verdict, error) { return hold.Judge(ctx, parts) },
	}
	text, err := c.Clean(hold, hold.Size(), t.walked, hold.Parts)
	if text != nil && hold.Spam.Tagged() {
		text, err = mail.Marked(text, hold.Spam.Header, hold.Spam.Mark)
	}
	if err != nil || text == nil {
		return false, nil // the sender is told that the mail is not accepted
	}
	hold.Discard()
	x.s.Note("replaced")
	return true, x.deliverText(ctx, t, text)
}

// deliverText gives the server a message in the place of the client's.
func (x *dialogue) deliverText(ctx context.Context, t *transfer, text []byte) error {
	if err := t.writeText(x.s.Server(), text); err != nil {
		return x.broken(ctx, t, err)
	}
	return x.conclude(ctx, t)
}

// writeText writes a message in the framing of the client's.
func (t *transfer) writeText(server *wire.Conn, text []byte) error {
	if t.isChunked() {
		t.chunked.owed++
		if _, err := server.Write(bdat(int64(len(text)), true)); err != nil {
			return err
		}
		_, err := server.Write(text)
		return err
	}
	w := wire.NewDotWriter(server)
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}
