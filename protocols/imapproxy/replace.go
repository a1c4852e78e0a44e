package imapproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	"utmsim/internal/replacemsg"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// nameless is what a part without a name is called.
const nameless = "Content of this message"

// block delivers notices in the place of what must not be delivered.
func (r *reader) block(ctx context.Context, hold *proxy.Hold) error {
	verdict := hold.Outcome.String()
	if hold.Outcome == proxy.Detected && r.walked != nil && !r.partial {
		c := mail.Cleaning{
			Limits: r.limits(), Notice: hold.Notice(replacemsg.MailNotices, nameless), Blocks: hold.Blocks, Body: r.section != sectionWhole, Encoding: r.encoding,
			Judge: func(parts []scanner.Object) ([]scanner.Verdict, error) { return hold.Judge(ctx, parts) },
		}
		text, err := c.Clean(hold, hold.Size(), r.walked, hold.Parts)
		if text != nil && hold.Spam.Tagged() {
			text, err = mail.Marked(text, hold.Spam.Header, hold.Spam.Mark)
		}
		if err == nil && text != nil {
			hold.Discard()
			return r.send(ctx, verdict, text)
		}
	}
	return r.replaceAll(ctx, hold, verdict, hold.SayWhole(replacemsg.MailNotices, nameless))
}

// replaceAll delivers a notice in the place of a whole content.
func (r *reader) replaceAll(ctx context.Context, hold *proxy.Hold, verdict, text string) error {
	content, err := r.inPlace(hold, text)
	hold.Discard()
	if err != nil {
		return r.broken(ctx, err)
	}
	return r.send(ctx, verdict, content)
}

// inPlace is a mail that says who sent the other one, and the notice; or the notice
// in the encoding of a section. What is too large may not be held at all.
func (r *reader) inPlace(hold *proxy.Hold, text string) ([]byte, error) {
	if r.section != sectionWhole {
		return mail.BodyInPlaceOf(r.encoding, text), nil
	}
	if hold.Size() > 0 {
		return mail.InPlaceOf(hold, hold.Size(), scanner.Mail, text)
	}
	top, err := r.top()
	if err != nil {
		return nil, err
	}
	return mail.InPlaceOf(bytes.NewReader(top), int64(len(top)), scanner.Mail, text)
}

// maxTop is how much is read of a mail that is too large, for its head.
const maxTop = 32 << 10

// top reads the beginning of a content.
func (r *reader) top() ([]byte, error) {
	var top []byte
	for len(top) < maxTop {
		b, isContent, err := r.source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return top, nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return nil, err
		}
		if isContent {
			top = append(top, b...)
		}
	}
	return top, nil
}

// send delivers a content in the place of the other, as a literal.
func (r *reader) send(ctx context.Context, verdict string, text []byte) error {
	r.s.Note(verdict)
	r.begun = true
	client := r.s.Client()
	head := append(r.head[:r.mark], '{')
	head = append(strconv.AppendInt(head, int64(len(text)), 10), "}\r\n"...)
	r.head = head
	if _, err := client.Write(head); err != nil {
		return err
	}
	if _, err := client.Write(text); err != nil {
		return err
	}
	for {
		_, _, err := r.source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			err = ctx.Err()
		}
		if err != nil && !errors.Is(err, wire.ErrWake) {
			return cutShort(ctx, err)
		}
	}
}
