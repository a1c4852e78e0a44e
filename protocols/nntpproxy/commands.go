package nntpproxy

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

// turn handles one command, line or article.
func (x *dialogue) turn(ctx context.Context) error {
	if waits := x.waits(); waits {
		for ; waits; waits = x.waits() {
			if err := x.hear(ctx); err != nil {
				return err
			}
		}
		if len(x.s.Client().Buffered()) == 0 {
			return nil // it was the end of the client's direction, and will be seen again
		}
	}
	if x.phase == phaseArticle {
		return x.handIn(ctx)
	}
	if bytes.IndexByte(x.s.Client().Buffered(), '\n') < 0 {
		// What was said before does not wait for a line of which only a part is there.
		if err := x.flush(ctx); err != nil {
			return err
		}
	}
	line, err := x.line()
	if err != nil {
		return x.lineFailed(ctx, err)
	}
	x.tail = false
	switch x.phase {
	case phaseSecret:
		return x.secret(ctx, line)
	case phaseAlone:
		return x.alone(line)
	}
	return x.command(ctx, line)
}

// waits tells that a reply has to come before the client's next bytes are looked at.
func (x *dialogue) waits() bool {
	n := len(x.awaited)
	return n > 0 && (x.unanswered >= maxUnanswered || x.awaited[n-1].own == "" && x.awaited[n-1].verb.lastOfGroup())
}

// line takes a line of the client.
func (x *dialogue) line() ([]byte, error) {
	for {
		line, err := x.s.Client().ReadLine(x.options().LineLimit)
		if !errors.Is(err, wire.ErrWake) {
			return line, err
		}
	}
}

// lineFailed ends the session when there is no line to be had. A client that has
// ended its direction still gets the replies to what it has sent.
func (x *dialogue) lineFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, io.EOF):
		if err := x.await(ctx); err != nil {
			return err
		}
		return io.EOF
	case errors.Is(err, wire.ErrTooLong):
		return x.hangUp(ctx, faultLong)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replyClientSilent)
	}
	return fmt.Errorf("reading a command: %w", err)
}

// hangUp tells the client what it did wrong, behind the answers it still gets, and
// ends the session.
func (x *dialogue) hangUp(ctx context.Context, f fault) error {
	if err := x.await(ctx); err != nil {
		return err
	}
	x.tell("501 " + string(f) + "\r\n")
	x.s.Note("refused")
	return fmt.Errorf("refusing a line: %w: %w", proxy.ErrProtocol, f)
}

// command handles a command line. A line that is none is refused; one that is no
// line ends the session, because nobody knows what the client takes it for.
func (x *dialogue) command(ctx context.Context, line []byte) error {
	v, err := parseCommand(line)
	var f fault
	switch {
	case errors.As(err, &f) && f != faultName:
		return x.hangUp(ctx, f)
	case err != nil:
		x.answer(replyUnknown)
		return nil
	case v == verbRefused, v == verbTLS && x.strips():
		x.answer(replyNotAvailable)
		return nil
	case v == verbTakeThis:
		return x.takeThis(ctx, line)
	}
	if _, err := x.s.Server().Write(line); err != nil {
		return x.serverLost(ctx, err)
	}
	x.expect(v, len(line))
	return nil
}

// secret passes on a line of an AUTHINFO dialogue (RFC 4643 section 2.4), which is a
// line of its own kind: nothing in it is a command.
func (x *dialogue) secret(ctx context.Context, line []byte) error {
	var f fault
	if errors.As(checkLine(line), &f) {
		return x.hangUp(ctx, f)
	}
	if _, err := x.s.Server().Write(line); err != nil {
		return x.serverLost(ctx, err)
	}
	x.phase = phaseCommand
	x.expect(verbAuth, len(line))
	return nil
}

// alone answers a client whose server was let go. It can say goodbye, and learns that
// it has to connect again for anything else.
func (x *dialogue) alone(line []byte) error {
	if v, err := parseCommand(line); err == nil && v == verbQuit {
		x.tell(replyGoodbye)
	} else {
		x.tell(replyAlone)
	}
	return io.EOF
}
