package smtpproxy

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// message is where a message comes from.
type message interface {
	proxy.Source
	// Drain reads what the client sends of it and forgets it.
	Drain() error
	// Forged tells that the message was refused for what it looks like.
	Forged() bool
	// Failure is why the source did not come to its end, nil when it may still.
	Failure() error
}

// transfer is one message on its way, with the memory it needs. Between two
// messages it lies in a pool.
type transfer struct {
	content    wire.StrictBody
	chunked    chunked
	source     message // one of the above
	inspection proxy.Inspection
	walked     *mail.Message
}

func (d *Driver) take(x *dialogue) *transfer {
	t, ok := d.transfers.Get().(*transfer)
	if !ok {
		t = new(transfer)
	}
	return t
}

func (d *Driver) giveBack(t *transfer) {
	if t.walked != nil {
		t.walked.Release()
	}
	*t = transfer{}
	d.transfers.Put(t)
}

// data handles the message behind DATA.
func (x *dialogue) data(ctx context.Context) error {
	t := x.driver.take(x)
	defer x.driver.giveBack(t)
	t.content.Begin(x.s.Client())
	t.source = &t.content
	x.phase = phaseCommand
	if err := x.flush(ctx); err != nil {
		return err
	}
	return x.transfer(ctx, t)
}

// transfer has a message judged, and gives it to the server or refuses it.
func (x *dialogue) transfer(ctx context.Context, t *transfer) error {
	splice := x.splices() && !x.s.TagsSpam()
	t.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Mail, ContentType: "message/rfc822"},
		Source: t.source, Dir: stats.Up, To: x.s.Server(), Splice: splice, Every: true,
		Split: t.split(x.options()), Addresses: mail.Addresses, Letter: t.letter(x),
	}
	if t.isChunked() && splice {
		t.sendAlong(0)
	}
	server := x.s.Server()
	server.OnEarlyReply(t.early)
	defer server.OnEarlyReply(nil)
	hold, err := x.s.Inspect(ctx, &t.inspection)
	switch {
	case err != nil:
		return x.broken(ctx, t, err)
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning a mail: %w", proxy.ErrReset)
	case hold.Blocked():
		return x.block(ctx, t, hold)
	case t.inspection.Fragment:
		if !x.options().Options.Has(config.Fragmail) {
			return x.blockFragment(t, hold)
		}
		x.s.Stats().SMTP.Stat.FragmentedPass.Inc()
	}
	return x.deliver(ctx, t, hold)
}

// splices tells that what is detected is refused, and a message that is not to be
// changed sent along while it is read.
func (x *dialogue) splices() bool { return x.options().Options.Has(config.Splice) }

// split finds what is to be judged in the message.
func (t *transfer) split(o *config.SMTPOptions) func(*scanner.Object) []scanner.Object {
	return func(whole *scanner.Object) []scanner.Object {
		if _, err := t.walk(whole, o); err != nil {
			return []scanner.Object{*whole} // the scanner will fail in the same way
		}
		t.inspection.Fragment = t.walked.Partial != nil
		t.inspection.Found, t.inspection.Nesting = t.walked.Found(), t.walked
		return t.walked.Objects()
	}
}

// walk takes the message apart, once.
func (t *transfer) walk(whole *scanner.Object, o *config.SMTPOptions) (_ *mail.Message, err error) {
	if t.walked == nil {
		t.walked, err = mail.Walk(whole, t.limits(o))
	}
	return t.walked, err
}

// limits leave room for everything in a message that is not too large itself.
func (t *transfer) limits(o *config.SMTPOptions) mail.Limits {
	return mail.Limits{Decoded: max(o.UncompressedOversizeLimit, o.OversizeLimit)}
}

// early looks at what the server says while it takes no more of the message. Its
// answers to chunks that it has are no reason to stop.
func (t *transfer) early() error {
	if t.isChunked() {
		return t.chunked.early()
	}
	return wire.ErrEarlyReply
}

func (t *transfer) isChunked() bool { return t.source == &t.chunked }

// sendAlong begins to send a message in chunks before it is complete, with so many
// bytes inserted into what was read so far.
func (t *transfer) sendAlong(inserted int) {
	t.inspection.Head = t.chunked.command(inserted)
	t.chunked.along = true
	t.chunked.owed++
}

// deliver gives the server the message, or what is left of it, and leaves the last
// word to it.
func (x *dialogue) deliver(ctx context.Context, t *transfer, hold *proxy.Hold) error {
	if t.isChunked() && !t.chunked.along {
		t.sendAlong(hold.Inserted()) // what was read is one chunk; what was not follows as it comes
	}
	if err := hold.Release(); err != nil {
		return x.broken(ctx, t, err)
	}
	return x.conclude(ctx, t)
}

// conclude waits for the server's word on a message that was sent to its end.
func (x *dialogue) conclude(ctx context.Context, t *transfer) error {
	if err := x.s.Server().Flush(); err != nil {
		return x.broken(ctx, t, err)
	}
	x.expectChunks(t.chunked.owed - 1)
	x.expect(verbContent)
	x.s.RestLimit(max(int64(contentRest), int64(x.options().IdleTimeout)))
	x.s.WaitLimit(int64(contentRest)) // where the client has sent more behind it
	return nil
}

// broken handles a message that did not come to its end. The server must not take
// what it has got for the whole.
func (x *dialogue) broken(ctx context.Context, t *transfer, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case t.source.Forged():
		return x.refuseForged(t)
	case errors.Is(err, errAborted):
		return x.abort(ctx, t)
	case t.source.Failure() == nil:
		return x.serverBroke(t, err)
	}
	x.s.CloseServer()
	switch {
	case x.refused != nil:
		x.tell(string(x.refused)) // the client has not heard it yet
	case errors.Is(err, wire.ErrTooLong):
		x.tell(string(faultLength))
		err = fmt.Errorf("%w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replyClientSilent)
	}
	return fmt.Errorf("reading a mail: %w", err)
}

// refuseForged refuses a message in which two servers could see two.
func (x *dialogue) refuseForged(t *transfer) error {
	x.s.CloseServer()
	x.s.Stats().SMTP.Accounting.Reject.Inc()
	x.s.Note("refused")
	reply := replyForged
	if t.isChunked() {
		reply = string(faultChunk)
	}
	x.tell(reply)
	return fmt.Errorf("reading a mail: %w: %w", proxy.ErrProtocol, t.source.Failure())
}

// abort forgets a message that the client gave up between two chunks, and handles
// the command that did it. A server that has some of it is let go.
func (x *dialogue) abort(ctx context.Context, t *transfer) error {
	line := t.chunked.line
	if t.chunked.along {
		x.letGo()
		return x.alone(ctx, line)
	}
	return x.command(ctx, line)
}

// serverBroke handles a server that has not taken the whole message: it is asked
// why. The client is told when it has sent the rest.
func (x *dialogue) serverBroke(t *transfer, cause error) error {
	x.s.Log().Debug("server took no more of a mail", zap.Error(cause))
	reply := replySilent
	switch {
	case x.refused != nil:
		reply = string(x.refused) // of a chunk, which the client has not heard yet
	case !errors.Is(cause, proxy.ErrTimeout):
		reply = x.lastWords()
	}
	x.letGo()
	if err := t.source.Drain(); err != nil {
		if t.source.Forged() {
			return x.refuseForged(t)
		}
		return fmt.Errorf("reading a mail: %w", err)
	}
	x.tell(reply)
	x.s.Note("server broke off")
	return nil
}

// lastWords is what the server says about a message that it did not take to its
// end. It can't have accepted it.
func (x *dialogue) lastWords() string {
	for {
		reply, err := wire.ReadReply(x.s.Server(), wire.EveryLine, maxReply)
		switch {
		case errors.Is(err, wire.ErrWake):
		case err == nil && reply.Code >= 400:
			return string(reply.Raw)
		default:
			return replyLost
		}
	}
}
