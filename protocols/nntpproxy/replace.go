package nntpproxy

import (
	"context"
	"fmt"

	"utmsim/internal/replacemsg"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// What the proxy itself says (RFC 3977 section 3.2.1).
const (
	replyFarewell     = "400 The proxy has no room for this connection now, try again in a moment\r\n"
	replyUnreachable  = "400 The news server can't be reached\r\n"
	replyLost         = "400 The connection to the news server was lost\r\n"
	replySilent       = "400 The news server does not answer\r\n"
	replyClientSilent = "400 Nothing came for too long\r\n"
	replyNonsense     = "400 The news server's answer makes no sense\r\n"
	replyAlone        = "400 The news server was let go with the last article, connect again\r\n"
	replyPutOff       = "400 Articles can't be scanned now, offer this one again\r\n"
	replyGoodbye      = "205 Bye\r\n"
	replyUnknown      = "500 Unknown command\r\n"
	replyNotAvailable = "500 Not available: the proxy has to read this session\r\n"
	replyBadID        = "501 Malformed message-id\r\n"

	// behind the code of a refused article
	replyForged = "A dot stands between line ends that are not CR LF"
)

// What an article, or a part of one, without a name is called.
const (
	namelessPart    = "Content of this article"
	namelessArticle = "The article"
)

// block gives the client notices in the place of what it must not get. An article
// without a verdict is not replaced, because whoever keeps articles would keep the
// notice; it can be asked for again.
func (x *dialogue) block(ctx context.Context, t *transfer, hold *proxy.Hold) error {
	x.s.Note(hold.Outcome.String())
	switch hold.Outcome {
	case proxy.TooLarge:
		return x.replaceAll(ctx, t, hold, hold.SayWhole(replacemsg.NewsNotices, namelessPart))
	case proxy.ScanFailed, proxy.Backlog:
		reply := "403 " + hold.Say(replacemsg.NewsReplies, namelessArticle) + "\r\n"
		hold.Discard()
		return x.insteadOf(t, reply)
	}
	if t.walked != nil {
		c := mail.Cleaning{
			Limits: x.limits(), Body: t.bare, Notice: hold.Notice(replacemsg.NewsNotices, namelessPart), Blocks: hold.Blocks,
			Judge: func(parts []scanner.Object) ([]scanner.Verdict, error) { return hold.Judge(ctx, parts) },
		}
		text, err := c.Clean(hold, hold.Size(), t.walked, hold.Parts)
		if err == nil && text != nil {
			return x.send(ctx, t, hold, text)
		}
	}
	return x.replaceAll(ctx, t, hold, hold.SayWhole(replacemsg.NewsNotices, namelessPart))
}

// insteadOf gives the client a reply in the place of an article. Behind a line that
// the client has got already there is no place for one.
func (x *dialogue) insteadOf(t *transfer, reply string) error {
	if len(t.head) == 0 {
		return fmt.Errorf("scanning an article: %w", proxy.ErrBlocked)
	}
	x.tell(reply)
	return nil
}

// replaceAll gives the client a notice in the place of a whole article.
func (x *dialogue) replaceAll(ctx context.Context, t *transfer, hold *proxy.Hold, text string) error {
	if t.bare {
		return x.send(ctx, t, hold, mail.BodyInPlaceOf("", text))
	}
	article, err := mail.InPlaceOf(hold, hold.Size(), scanner.Article, text)
	if err != nil {
		hold.Discard()
		return x.serverLost(ctx, err)
	}
	return x.send(ctx, t, hold, article)
}

// send gives the client an article in the place of the one that was held, in its
// framing.
func (x *dialogue) send(ctx context.Context, t *transfer, hold *proxy.Hold, text []byte) error {
	hold.Discard()
	client := x.s.Client()
	if _, err := client.Write(t.head); err != nil {
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
	return x.drain(ctx, t)
}

// refuse tells the client that its article is not accepted. A server that waits for
// the article is let go; one that has not heard of it stays.
func (x *dialogue) refuse(ctx context.Context, t *transfer, hold *proxy.Hold) error {
	why := hold.Say(replacemsg.NewsReplies, namelessArticle)
	hold.Discard()
	x.s.Note(hold.Outcome.String())
	if t.command != verbTakeThis {
		x.letGo()
	}
	if err := t.handed.Drain(); err != nil {
		if t.handed.Forged() {
			return x.refuseForged(ctx, t)
		}
		return fmt.Errorf("reading an article: %w", err)
	}
	later := hold.Outcome == proxy.ScanFailed || hold.Outcome == proxy.Backlog
	if t.command == verbTakeThis && later {
		// 439 would mean never (RFC 4644 section 2.5.2).
		if err := x.await(ctx); err != nil {
			return err
		}
		x.tell(replyPutOff)
		return fmt.Errorf("scanning an article: %w", proxy.ErrBlocked)
	}
	x.answer(t.reply(later, why))
	return nil
}

// reply refuses an article that was handed in, for good or until later.
func (t *transfer) reply(later bool, why string) string {
	switch {
	case t.command == verbTakeThis:
		return "439 " + string(t.id) + "\r\n"
	case t.command == verbPost:
		return "441 " + why + "\r\n"
	case later:
		return "436 " + why + "\r\n"
	}
	return "437 " + why + "\r\n"
}
