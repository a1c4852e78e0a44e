package imapproxy

import (
	"bytes"
	"context"
	"fmt"

	"utmsim/internal/config"
	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// upload is a command that brings messages to the server: APPEND (RFC 9051 section
// 6.3.12), with several messages (RFC 3502), and REPLACE (RFC 8508). The server
// hears of it when the first message was judged, and of each further message when
// that was.
type upload struct {
	*dialogue
	tag        []byte
	verb       verb
	number     uint64 // of the command at the server; 0: it has not heard of it
	said       []saying
	name       []byte // of a folder, when it is a literal that belongs to the next saying
	inspection proxy.Inspection
	walked     *mail.Message // nil: the message was not taken apart
}

// saying is a stretch of the command up to the announcement of a literal.
type saying struct {
	text []byte
	wait bool // for the server's go-ahead behind it
}

// upload handles a command that brings messages. What was sent before is answered
// first, so that the server's next words are about this.
func (x *dialogue) upload(ctx context.Context, c command, line []byte, lit wire.Literal, announced bool) error {
	u := &upload{dialogue: x, tag: bytes.Clone(c.tag), verb: c.verb}
	if err := x.settle(ctx); err != nil {
		return err
	}
	args := arguments{needed: 1}
	if c.verb == verbReplace {
		args.needed = 2
	}
	at := c.rest
	for {
		args.read(line[at:])
		switch {
		case args.elsewhere:
			return u.refuse(ctx, lit, announced, badUnavailable)
		case !announced:
			u.answer(u.tag, badNoMessage)
			return nil
		}
		u.say(line, lit)
		if args.n >= args.needed {
			return u.messages(ctx, lit)
		}
		if err := u.folder(ctx, lit); err != nil {
			return err
		}
		var err error
		if line, lit, announced, err = u.piece(); err != nil {
			return u.lineFailed(ctx, u.tag, err)
		}
		args.n++ // the literal
		at = 0
	}
}

// say keeps a stretch of the command for the server, behind the literal before it.
func (u *upload) say(line []byte, lit wire.Literal) {
	u.said = append(u.said, saying{text: append(u.name, line...), wait: lit.Wait})
	u.name = nil
}

// maxFolder bounds the literal of a folder's name, in bytes.
const maxFolder = 4 << 10

// folder takes the literal of a folder's name.
func (u *upload) folder(ctx context.Context, lit wire.Literal) error {
	if lit.Size > maxFolder {
		return u.lineFailed(ctx, u.tag, faultSize)
	}
	if err := u.invite(ctx, lit); err != nil {
		return err
	}
	var err error
	if u.name, err = u.literal(u.name); err == nil && !lit.Wait {
		err = checkInside(u.name)
	}
	if err != nil {
		return u.lineFailed(ctx, u.tag, err)
	}
	return nil
}

// invite tells a client to send the literal that it has announced. The server gets
// what is there of the command meanwhile.
func (u *upload) invite(ctx context.Context, lit wire.Literal) error {
	if !lit.Wait {
		return nil
	}
	u.tell(goAhead)
	if err := u.s.Client().Flush(); err != nil {
		return err
	}
	if err := u.s.Server().Flush(); err != nil {
		return u.serverLost(ctx, err)
	}
	return nil
}

// messages handles the messages, lit being the first, and the end of the command.
func (u *upload) messages(ctx context.Context, lit wire.Literal) error {
	for {
		if done, err := u.message(ctx, lit); done || err != nil {
			return err
		}
		u.line.Begin()
		line, next, announced, err := u.piece()
		if err != nil {
			return u.lineFailed(ctx, u.tag, err)
		}
		if !announced {
			u.own = 0 // the answer is the client's
			if _, err := u.s.Server().Write(line); err != nil {
				return u.serverLost(ctx, err)
			}
			return nil
		}
		args := arguments{}
		if args.read(line); args.elsewhere {
			return u.refuse(ctx, next, announced, badUnavailable)
		}
		u.say(line, next)
		lit = next
	}
}

// message has a message judged and gives it to the server. done tells that the
// client has its answer and the command is over.
func (u *upload) message(ctx context.Context, lit wire.Literal) (done bool, err error) {
	u.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.Mail, ContentType: "message/rfc822"},
		Source: u.line.Body(), Dir: stats.Up, To: u.s.Server(), Split: u.split, Addresses: mail.Addresses, Every: true,
	}
	defer u.release()
	late := lit.Size > u.options().OversizeLimit // nothing of it is read before the outcome
	if !late {
		if err := u.invite(ctx, lit); err != nil {
			return false, err
		}
	}
	hold, err := u.s.Inspect(ctx, &u.inspection)
	if err != nil {
		return false, u.lineFailed(ctx, u.tag, err)
	}
	switch {
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return false, fmt.Errorf("scanning a mail: %w", proxy.ErrReset)
	case hold.Blocked():
		return true, u.block(ctx, hold, late && lit.Wait)
	case u.inspection.Fragment && !u.options().Options.Has(config.Fragmail):
		u.s.Stats().IMAP.Stat.FragmentedBlock.Inc()
		hold.Discard()
		u.s.Note("fragment")
		return true, u.reject(ctx, false, noFragment)
	case u.inspection.Fragment:
		u.s.Stats().IMAP.Stat.FragmentedPass.Inc()
	}
	if granted, err := u.announce(ctx); err != nil || !granted {
		hold.Discard()
		if err != nil {
			return false, err
		}
		return true, u.reject(ctx, late && lit.Wait, "")
	}
	if late {
		if err := u.invite(ctx, lit); err != nil {
			return false, err
		}
	}
	if err := hold.Release(); err != nil {
		return false, u.broken(ctx, err)
	}
	return false, nil
}

// announce tells the server what the client has said so far. It is not granted when
// the server answers the command instead of asking for the literal.
func (u *upload) announce(ctx context.Context) (granted bool, err error) {
	for _, s := range u.said {
		if u.number == 0 {
			u.number = u.expect(command{tag: u.tag, verb: u.verb}, len(s.text))
			u.own = u.number
		}
		if _, err := u.s.Server().Write(s.text); err != nil {
			return false, u.serverLost(ctx, err)
		}
		if !s.wait {
			continue
		}
		if granted, err := u.ask(ctx, u.number); err != nil || !granted {
			return false, err
		}
	}
	u.said = u.said[:0]
	return true, nil
}

// split finds what is to be judged in the message.
func (u *upload) split(whole *scanner.Object) []scanner.Object {
	walked, err := mail.Walk(whole, u.limits())
	if err != nil {
		return []scanner.Object{*whole} // the scanner will fail in the same way
	}
	u.walked = walked
	u.inspection.Fragment = walked.Partial != nil
	u.inspection.Found, u.inspection.Nesting = walked.Found(), walked
	return walked.Objects()
}

// release gives the memory of a message back that was taken apart.
func (u *upload) release() {
	if u.walked != nil {
		u.walked.Release()
		u.walked = nil
	}
}

// broken ends the session inside a message that the server has some of: it never
// gets the rest. Whose fault it is shows at the client's end.
func (u *upload) broken(ctx context.Context, err error) error {
	if u.line.Body().Err() != nil {
		u.s.CloseServer()
		return u.lineFailed(ctx, u.tag, err)
	}
	return u.serverLost(ctx, err)
}

// refuse answers a command that is not passed on for what it is.
func (u *upload) refuse(ctx context.Context, lit wire.Literal, announced bool, text string) error {
	if err := u.swallow(ctx, u.tag, lit, announced); err != nil {
		return err
	}
	return u.giveUp(ctx, text)
}

// reject answers a command one of whose messages is not accepted, when the client
// has sent the rest of it. unasked tells that the client still waits to be asked for
// the message. Without a text it gets the server's own answer.
func (u *upload) reject(ctx context.Context, unasked bool, text string) error {
	if !unasked {
		if err := u.drain(); err != nil {
			return u.lineFailed(ctx, u.tag, err)
		}
		_, lit, announced, err := u.piece()
		if err != nil {
			return u.lineFailed(ctx, u.tag, err)
		}
		if err := u.swallow(ctx, u.tag, lit, announced); err != nil {
			return err
		}
	}
	return u.giveUp(ctx, text)
}

// giveUp makes the server forget a command of which it has some messages already,
// and answers the client. A message without a byte is how a client says so (RFC 3502
// section 6.3.11).
func (u *upload) giveUp(ctx context.Context, text string) error {
	if u.number != 0 && u.awaits(u.number) {
		if _, err := u.s.Server().WriteString(" {0}\r\n"); err != nil {
			return u.serverLost(ctx, err)
		}
		granted, err := u.ask(ctx, u.number)
		if err == nil && granted {
			if _, err = u.s.Server().WriteString("\r\n"); err != nil {
				return u.serverLost(ctx, err)
			}
			err = u.hearWhile(ctx, func() bool { return u.awaits(u.number) })
		}
		if err != nil {
			return err
		}
	}
	if text == "" {
		u.tell(string(u.reply))
	} else {
		u.answer(u.tag, text)
	}
	u.own, u.reply = 0, nil
	return nil
}
