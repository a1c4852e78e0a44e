package imapproxy

import (
	"context"
	"io"
	"strconv"

	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// letter reads what the spam filter looks at.
func (r *reader) letter(whole *scanner.Object) (*proxy.Letter, error) {
	l, err := mail.ReadLetter(whole.Body, whole.Size)
	if err != nil {
		return nil, err
	}
	return &proxy.Letter{
		Subject: l.Subject, From: l.From, Hops: l.Hops, Mark: l.Mark,
		EachText: mail.TextsOf(whole, proxy.MaxLetterText, r.walk),
	}, nil
}

// deliverSpam passes a message on that is spam. With a mark in it its literal has
// another size; what came in quotes goes on as a literal, because quotes have no room
// for a line end.
func (r *reader) deliverSpam(ctx context.Context, hold *proxy.Hold) error {
	r.s.Note("spam")
	if hold.Spam.Tagged() && r.source == &r.quoted {
		return r.sendMarked(ctx, hold)
	}
	if n := int64(hold.Inserted()); n > 0 {
		r.head = append(append(r.head[:r.mark], '{'), strconv.FormatInt(hold.Size()+n, 10)+"}\r\n"...)
		r.inspection.Head = r.head
	}
	r.begun = true
	if err := hold.Release(); err != nil {
		return cutShort(ctx, err)
	}
	return nil
}

// sendMarked sends a message that was held in the form of a literal, marked.
func (r *reader) sendMarked(ctx context.Context, hold *proxy.Hold) error {
	text, err := io.ReadAll(io.NewSectionReader(hold, 0, hold.Size()))
	if err == nil {
		text, err = mail.Marked(text, hold.Spam.Header, hold.Spam.Mark)
	}
	hold.Discard()
	if err != nil {
		return r.broken(ctx, err)
	}
	return r.send(ctx, "spam", text)
}
