package nntpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// fetch has an article judged that comes down behind line, and passes both on. Behind
// codeBody it has no head.
func (x *dialogue) fetch(ctx context.Context, line []byte, code int) error {
	t := x.driver.take()
	defer x.driver.giveBack(t)
	t.head = append(t.head, line...)
	t.bare = code == codeBody
	t.body.Reset(x.s.Server(), false)
	t.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Article}, Source: &t.body, Dir: stats.Down,
		Head: t.head, To: x.s.Client(), Split: t.split(x.limits()), Addresses: mail.Addresses, Every: true,
	}
	if !t.body.Buffered() {
		if err := x.flush(ctx); err != nil {
			return err
		}
	}
	hold, err := x.s.Inspect(ctx, &t.inspection)
	switch {
	case err != nil:
		return x.serverLost(ctx, err)
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning an article: %w", proxy.ErrReset)
	case hold.Blocked():
		return x.block(ctx, t, hold)
	}
	if err := hold.Release(); err != nil {
		return x.cutShort(ctx, err)
	}
	return nil
}

// split finds what is to be judged in the article. A fragment of one is judged as far
// as that goes.
func (t *transfer) split(limits mail.Limits) func(*scanner.Object) []scanner.Object {
	return func(whole *scanner.Object) []scanner.Object {
		walked, err := t.walk(whole, limits)
		if err != nil {
			return []scanner.Object{*whole} // the scanner will fail in the same way
		}
		t.walked = walked
		t.inspection.Fragment, t.inspection.Found, t.inspection.Nesting = walked.Partial != nil, walked.Found(), walked
		return walked.Objects()
	}
}

func (t *transfer) walk(whole *scanner.Object, limits mail.Limits) (*mail.Message, error) {
	if t.bare {
		return mail.WalkBody(whole, "", "", limits)
	}
	return mail.Walk(whole, limits)
}

// drain reads what is left of an article that is not passed on.
func (x *dialogue) drain(ctx context.Context, t *transfer) error {
	for {
		_, _, err := t.body.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err == nil:
			err = ctx.Err()
		}
		if err != nil {
			return x.cutShort(ctx, err)
		}
	}
}
