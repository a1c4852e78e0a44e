package pop3proxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// deliver has a mail judged and passes it on. line is the server's +OK before it.
func (x *exchange) deliver(ctx context.Context, line []byte) error {
	x.head = append(x.head[:0], line...)
	x.body.Reset(x.s.Server(), false)
	x.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Mail}, Source: &x.body, Dir: stats.Down,
		Head: x.head, To: x.s.Client(), Split: x.split, Addresses: mail.Addresses, Every: true,
	}
	if x.s.FiltersSpam() {
		x.inspection.Letter = x.letter
	}
	defer x.release()
	hold, err := x.s.Inspect(ctx, &x.inspection)
	if err != nil {
		return x.serverFailed(ctx, err)
	}
	switch {
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning a mail: %w", proxy.ErrReset)
	case hold.Outcome == proxy.Backlog:
		return x.putOff(hold)
	case hold.Blocked():
		return x.block(ctx, hold)
	case x.inspection.Fragment && !x.options.Options.Has(config.Fragmail):
		x.s.Stats().POP3.Stat.FragmentedBlock.Inc()
		return x.replaceAll(ctx, hold, "fragment", x.s.Message(replacemsg.EmailPartial, hold.About(nameless)))
	case x.inspection.Fragment:
		x.s.Stats().POP3.Stat.FragmentedPass.Inc()
	}
	if hold.Spam != nil {
		x.s.Note("spam")
	}
	if err := hold.Release(); err != nil {
		return x.cutShort(ctx, err)
	}
	return nil
}

// split takes a mail apart for the scanner.
func (x *exchange) split(whole *scanner.Object) []scanner.Object {
	if _, err := x.walk(whole); err != nil {
		return []scanner.Object{*whole} // the scanner will fail in the same way
	}
	x.inspection.Fragment, x.inspection.Found, x.inspection.Nesting = x.walked.Partial != nil, x.walked.Found(), x.walked
	return x.walked.Objects()
}

// walk takes a mail apart, once.
func (x *exchange) walk(whole *scanner.Object) (_ *mail.Message, err error) {
	if x.walked == nil {
		x.walked, err = mail.Walk(whole, x.limits())
	}
	return x.walked, err
}

// letter reads what the spam filter looks at.
func (x *exchange) letter(whole *scanner.Object) (*proxy.Letter, error) {
	l, err := mail.ReadLetter(whole.Body, whole.Size)
	if err != nil {
		return nil, err
	}
	return &proxy.Letter{
		Subject: l.Subject, From: l.From, Hops: l.Hops, Mark: l.Mark,
		EachText: mail.TextsOf(whole, proxy.MaxLetterText, x.walk),
	}, nil
}

// limits leave room for everything in a mail that is not too large itself.
func (x *exchange) limits() mail.Limits {
	return mail.Limits{Decoded: max(x.options.UncompressedOversizeLimit, x.options.OversizeLimit)}
}

// release gives the memory of a mail back that was taken apart.
func (x *exchange) release() {
	if x.walked != nil {
		x.walked.Release()
		x.walked = nil
	}
}

// putOff tells the client that a mail can't be judged now, and ends the session:
// without the client's QUIT the server removes nothing (RFC 1939 section 6), so
// that the mail is there the next time.
func (x *exchange) putOff(hold *proxy.Hold) error {
	hold.Discard()
	x.s.Note(hold.Outcome.String())
	// A failure shows when the engine flushes.
	_, _ = x.s.Client().WriteString(trouble("too many mails wait to be scanned, try again in a moment"))
	return fmt.Errorf("scanning a mail: %w", proxy.ErrBlocked)
}

// drain reads what is left of a mail that is not passed on.
func (x *exchange) drain(ctx context.Context) error {
	for {
		_, _, err := x.body.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err == nil:
			err = ctx.Err()
		}
		if err != nil {
			return x.cutShort(ctx, err)
		}
	}
}
