package imapproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// clientSpeaks handles what the client has sent, as far as it has arrived.
func (x *dialogue) clientSpeaks(ctx context.Context) error {
	for {
		if err := x.turn(ctx); err != nil {
			return err
		}
		if len(x.s.Client().Buffered()) == 0 {
			return nil
		}
	}
}

// turn handles one line, with the literals that belong to it.
func (x *dialogue) turn(ctx context.Context) error {
	if err := x.hearWhile(ctx, func() bool { return !x.greeted || x.phase == phaseAsked && len(x.awaited) > 0 }); err != nil {
		return err
	}
	switch x.phase {
	case phaseSecret:
		return x.secret(ctx)
	case phaseIdle:
		return x.done(ctx)
	}
	return x.command(ctx)
}

// piece takes the next piece of the client's line, up to its end or to a literal.
// The error comes with the piece when that must not be passed on.
func (x *dialogue) piece() (line []byte, lit wire.Literal, announced bool, err error) {
	for {
		line, lit, announced, err = x.line.Fragment()
		if !errors.Is(err, wire.ErrWake) {
			break
		}
	}
	switch {
	case errors.Is(err, wire.ErrLiteral):
		err = faultLiteral
	case errors.Is(err, wire.ErrTooLong):
		err = faultLength
	}
	if err != nil {
		return line, lit, announced, err
	}
	if err = checkLine(line); err != nil {
		return line, lit, announced, err
	}
	switch {
	case wire.OpenQuote(line):
		err = faultQuote
	case announced && !lit.Wait && !x.offered.allows(lit):
		err = faultPlus
	}
	return line, lit, announced, err
}

// command handles a command.
func (x *dialogue) command(ctx context.Context) error {
	x.line.Begin()
	line, lit, announced, err := x.piece()
	if err != nil {
		return x.lineFailed(ctx, nil, err)
	}
	c, err := parseCommand(line)
	if err != nil {
		return x.misunderstood(ctx, c, err.(fault), announced)
	}
	if err := x.makeRoom(ctx, len(line)); err != nil {
		return err
	}
	switch c.verb {
	case verbRefused:
		return x.decline(ctx, c, lit, announced, badUnavailable)
	case verbTLS:
		if x.strips() {
			return x.decline(ctx, c, lit, announced, badUnavailable)
		}
	case verbFetch:
		if x.options().PartialBlock && cutsOut(line) {
			return x.decline(ctx, c, lit, announced, noPartial)
		}
	case verbAppend, verbReplace:
		return x.upload(ctx, c, line, lit, announced)
	}
	return x.pass(ctx, c, line, lit, announced)
}

// cutsOut tells that a FETCH asks for a piece of a section.
func cutsOut(line []byte) bool {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted && line[i-1] == ']':
			return true
		}
	}
	return false
}

// makeRoom waits until so many bytes more may go to the server.
func (x *dialogue) makeRoom(ctx context.Context, n int) error {
	return x.hearWhile(ctx, func() bool {
		return len(x.awaited) >= maxAwaited || len(x.awaited) > 0 && x.bytes+n > maxTogether
	})
}

// pass sends a command to the server, literals and all.
func (x *dialogue) pass(ctx context.Context, c command, line []byte, lit wire.Literal, announced bool) error {
	alone := c.verb == verbIdle || c.verb == verbAuthenticate || c.verb == verbTLS
	if alone && announced {
		return x.lineFailed(ctx, c.tag, faultLiteral)
	}
	number, tag := uint64(0), bytes.Clone(c.tag)
	for {
		if announced && lit.Size > int64(x.options().LineLimit) {
			return x.lineFailed(ctx, tag, faultSize)
		}
		if number == 0 {
			number = x.expect(c, len(line))
		}
		if _, err := x.s.Server().Write(line); err != nil {
			return x.serverLost(ctx, err)
		}
		if !announced {
			break
		}
		if granted, err := x.passLiteral(ctx, tag, number, lit); err != nil || !granted {
			return err
		}
		var err error
		if line, lit, announced, err = x.piece(); err != nil {
			return x.lineFailed(ctx, tag, err)
		}
	}
	if alone {
		x.phase = phaseAsked
	}
	return nil
}

// passLiteral passes a literal on that belongs to the command with number. It is
// not granted when the server answers the command instead of asking for it.
func (x *dialogue) passLiteral(ctx context.Context, tag []byte, number uint64, lit wire.Literal) (granted bool, err error) {
	if lit.Wait {
		if granted, err = x.ask(ctx, number); err != nil || !granted {
			return false, err
		}
		if err := x.s.Client().Flush(); err != nil {
			return false, err
		}
	}
	text, err := x.literal(make([]byte, 0, lit.Size))
	if err == nil && !lit.Wait {
		err = checkInside(text)
	}
	if err != nil {
		return false, x.lineFailed(ctx, tag, err)
	}
	if _, err := x.s.Server().Write(text); err != nil {
		return false, x.serverLost(ctx, err)
	}
	return true, nil
}

// literal takes the literal announced last.
func (x *dialogue) literal(into []byte) ([]byte, error) {
	for {
		b, _, err := x.line.Body().Next()
		switch {
		case errors.Is(err, io.EOF):
			return into, nil
		case err != nil && !errors.Is(err, wire.ErrWake):
			return nil, err
		}
		into = append(into, b...)
	}
}

// checkInside refuses a literal that a server would take for commands if it does not
// like what stands before it: some skip that line and no more, whatever it
// announces. A literal that it has asked for may hold anything.
func checkInside(text []byte) error {
	line := append(text, "\r\n"...)
	if _, announced, err := wire.ParseLiteral(line, 0); announced || err != nil || bytes.IndexByte(text, '\n') >= 0 {
		return faultInside
	}
	return nil
}

// decline answers a command that is not passed on.
func (x *dialogue) decline(ctx context.Context, c command, lit wire.Literal, announced bool, text string) error {
	tag := bytes.Clone(c.tag)
	if err := x.swallow(ctx, tag, lit, announced); err != nil {
		return err
	}
	x.answer(tag, text)
	return nil
}

// swallow takes what is still to come of a command that is not passed on, or not to
// its end. A literal that the client was not asked for does not come.
func (x *dialogue) swallow(ctx context.Context, tag []byte, lit wire.Literal, announced bool) (err error) {
	for announced && !lit.Wait {
		if err := x.drain(); err != nil {
			return x.lineFailed(ctx, tag, err)
		}
		if _, lit, announced, err = x.piece(); err != nil {
			return x.lineFailed(ctx, tag, err)
		}
	}
	return nil
}

// drain takes what is left of a literal and forgets it.
func (x *dialogue) drain() error {
	for {
		_, _, err := x.line.Body().Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, wire.ErrWake):
			return err
		}
	}
}

// secret passes on a line of an AUTHENTICATE dialogue (RFC 9051 section 6.2.2).
func (x *dialogue) secret(ctx context.Context) error {
	line, err := x.s.Client().ReadLine(x.options().LineLimit)
	if err == nil {
		err = checkLine(line)
	}
	if err != nil {
		return x.lineFailed(ctx, nil, err)
	}
	return x.passAnswer(ctx, line, phaseAsked)
}

// done passes on the end of IDLE (RFC 2177 section 3).
func (x *dialogue) done(ctx context.Context) error {
	line, err := x.s.Client().ReadLine(x.options().LineLimit)
	if err == nil && !bytes.EqualFold(line, []byte("DONE\r\n")) {
		err = faultDone
	}
	if err != nil {
		return x.lineFailed(ctx, nil, err)
	}
	return x.passAnswer(ctx, line, phaseCommand)
}

func (x *dialogue) passAnswer(ctx context.Context, line []byte, next phase) error {
	if _, err := x.s.Server().Write(line); err != nil {
		return x.serverLost(ctx, err)
	}
	x.phase = next
	return nil
}

// misunderstood answers a line that is no command. Where a literal may follow it
// nobody can tell what the client's next bytes are.
func (x *dialogue) misunderstood(ctx context.Context, c command, f fault, announced bool) error {
	if announced {
		return x.lineFailed(ctx, c.tag, f)
	}
	x.answer(c.tag, "BAD "+string(f)+"\r\n")
	return nil
}

// lineFailed ends the session when a line can't be had or must not be passed on. A
// client that has ended its direction still gets the answers to what it has sent.
func (x *dialogue) lineFailed(ctx context.Context, tag []byte, err error) error {
	if errors.Is(err, wire.ErrTooLong) {
		err = faultLength
	}
	var f fault
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &f):
		return x.hangUp(ctx, bytes.Clone(tag), f)
	case errors.Is(err, io.EOF):
		if x.phase == phaseCommand && tag == nil {
			if err := x.settle(ctx); err != nil {
				return err
			}
		}
		return io.EOF
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(byeClient)
	}
	return fmt.Errorf("reading a command: %w", err)
}

// hangUp tells the client what it did wrong, behind the answers it still gets, and
// ends the session.
func (x *dialogue) hangUp(ctx context.Context, tag []byte, f fault) error {
	if x.phase == phaseCommand && tag == nil {
		if err := x.settle(ctx); err != nil {
			return err
		}
	}
	if tag != nil {
		x.answer(tag, "BAD "+string(f)+"\r\n")
	}
	x.tell("* BYE " + string(f) + "\r\n")
	x.s.Note("refused")
	return fmt.Errorf("refusing a command: %w: %w", proxy.ErrProtocol, f)
}
