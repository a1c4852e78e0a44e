package nntpproxy

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

// handIn handles the article that the server has asked for, of POST or IHAVE.
func (x *dialogue) handIn(ctx context.Context) error {
	t := x.driver.take()
	defer x.driver.giveBack(t)
	t.command = x.handing
	x.phase = phaseCommand
	server := x.s.Server()
	server.InterruptWrite(true)
	defer server.InterruptWrite(false)
	return x.transfer(ctx, t, x.options().Options.Has(config.Splice))
}

// takeThis handles an article that comes without being asked for (RFC 4644 section
// 2.5). It is held whatever the option splice says: the connection to the server,
// which would have to go with a bad article, has others under way. Where it can't be
// told that the server will read the article, it must not get the command.
func (x *dialogue) takeThis(ctx context.Context, line []byte) error {
	t := x.driver.take()
	defer x.driver.giveBack(t)
	t.command = verbTakeThis
	t.head, t.id = append(t.head, line...), append(t.id, takeThisID(line)...)
	if err := x.prepareStream(ctx, t); err != nil {
		return err
	}
	switch {
	case len(t.id) == 0:
		return x.discard(ctx, t, replyBadID)
	case !x.streaming:
		return x.discard(ctx, t, string(x.refusal))
	}
	return x.transfer(ctx, t, false)
}

// prepareStream settles what must not be under way while an article goes up, and
// finds out whether the server takes one.
func (x *dialogue) prepareStream(ctx context.Context, t *transfer) error {
	for _, e := range x.awaited {
		if e.own == "" && !e.verb.short() {
			if err := x.await(ctx); err != nil {
				return err
			}
			break
		}
	}
	if x.streaming || len(t.id) == 0 {
		return nil
	}
	const ask = "MODE STREAM\r\n"
	if _, err := x.s.Server().WriteString(ask); err != nil {
		return x.serverLost(ctx, err)
	}
	x.expect(verbProbe, len(ask))
	return x.await(ctx)
}

// discard reads an article that goes nowhere, and answers it: what stands in it must
// not be taken for commands.
func (x *dialogue) discard(ctx context.Context, t *transfer, reply string) error {
	if err := x.beginBody(ctx, t); err != nil {
		return err
	}
	if err := t.handed.Drain(); err != nil {
		return x.broken(ctx, t, err)
	}
	x.answer(reply)
	return nil
}

// beginBody comes to the article's first byte. Nothing that was said before waits for
// a client that may take its time.
func (x *dialogue) beginBody(ctx context.Context, t *transfer) error {
	t.handed.Begin(x.s.Client())
	return x.flush(ctx)
}

// transfer has an article judged, and gives it to the server or refuses it.
func (x *dialogue) transfer(ctx context.Context, t *transfer, splice bool) error {
	if err := x.beginBody(ctx, t); err != nil {
		return err
	}
	t.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Article}, Source: &t.handed, Dir: stats.Up,
		Head: t.head, To: x.s.Server(), Splice: splice, Split: t.split(x.limits()), Addresses: mail.Addresses, Every: true,
	}
	hold, err := x.s.Inspect(ctx, &t.inspection)
	switch {
	case err != nil:
		return x.broken(ctx, t, err)
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning an article: %w", proxy.ErrReset)
	case hold.Blocked():
		return x.refuse(ctx, t, hold)
	}
	if err := hold.Release(); err != nil {
		return x.broken(ctx, t, err)
	}
	if t.command == verbTakeThis {
		x.expect(verbTakeThis, len(t.head))
		return nil
	}
	if err := x.s.Server().Flush(); err != nil {
		return x.broken(ctx, t, err)
	}
	x.expect(verbContent, 0)
	return nil
}

// broken handles an article that did not come to its end. The server must not take
// what it has got for the whole.
func (x *dialogue) broken(ctx context.Context, t *transfer, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case t.handed.Forged():
		return x.refuseForged(ctx, t)
	case t.handed.Failure() == nil:
		return x.serverBroke(ctx, t, err)
	}
	if err := x.await(ctx); err != nil { // the articles before it
		return err
	}
	x.s.CloseServer()
	if errors.Is(err, proxy.ErrTimeout) {
		x.tell(replyClientSilent)
	}
	return fmt.Errorf("reading an article: %w", err)
}

// refuseForged refuses an article in which two servers could see two, and ends the
// session, because they would not agree about what follows either.
func (x *dialogue) refuseForged(ctx context.Context, t *transfer) error {
	if x.phase != phaseAlone {
		if err := x.await(ctx); err != nil {
			return err
		}
		x.s.CloseServer()
	}
	x.s.Note("refused")
	x.tell(t.reply(false, replyForged))
	return fmt.Errorf("reading an article: %w: %w", proxy.ErrProtocol, t.handed.Failure())
}

// serverBroke handles a server that has not taken the whole article: it is asked why.
// The client is told when it has sent the rest.
func (x *dialogue) serverBroke(ctx context.Context, t *transfer, cause error) error {
	if t.command == verbTakeThis {
		if err := x.await(ctx); err != nil {
			return err
		}
		return x.serverLost(ctx, cause)
	}
	x.s.Log().Debug("server took no more of an article", zap.Error(cause))
	words := []byte(replySilent)
	if !errors.Is(cause, proxy.ErrTimeout) {
		words = x.lastWords()
	}
	x.letGo()
	if err := t.handed.Drain(); err != nil {
		if t.handed.Forged() {
			return x.refuseForged(ctx, t)
		}
		return fmt.Errorf("reading an article: %w", err)
	}
	x.tell(string(words))
	x.s.Note("server broke off")
	return nil
}

// lastWords is what the server says about an article that it did not take to its
// end. It can't have accepted it.
func (x *dialogue) lastWords() []byte {
	for {
		line, err := x.s.Server().ReadLine(x.options().LineLimit)
		if errors.Is(err, wire.ErrWake) {
			continue
		}
		if err == nil {
			if code, err := parseStatus(line); err == nil && code >= 400 {
				return append([]byte(nil), line...)
			}
		}
		return []byte(replyLost)
	}
}
