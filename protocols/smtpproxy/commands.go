package smtpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/config"
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

// turn handles one command, line or message.
func (x *dialogue) turn(ctx context.Context) error {
	if n := len(x.awaited); n > 0 && (n >= maxAwaited || x.awaited[n-1].verb.lastOfGroup()) {
		if err := x.await(ctx); err != nil {
			return err
		}
		if len(x.s.Client().Buffered()) == 0 {
			return nil // it was the end of the client's direction, and will be seen again
		}
	}
	if x.phase == phaseMessage {
		return x.data(ctx)
	}
	line, err := x.line()
	if err != nil {
		return x.lineFailed(ctx, err)
	}
	switch x.phase {
	case phaseSecret:
		return x.secret(line)
	case phaseAlone:
		return x.alone(ctx, line)
	}
	return x.command(ctx, line)
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
		if x.phase != phaseAlone {
			if err := x.await(ctx); err != nil {
				return err
			}
		}
		return io.EOF
	case errors.Is(err, wire.ErrTooLong):
		return x.hangUp(ctx, faultLength)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replyClientSilent)
	}
	return fmt.Errorf("reading a command: %w", err)
}

// hangUp tells the client what it did wrong, behind the answers it still gets, and
// ends the session.
func (x *dialogue) hangUp(ctx context.Context, f fault) error {
	if x.phase != phaseAlone {
		if err := x.await(ctx); err != nil {
			return err
		}
	}
	x.tell(string(f))
	x.s.Note("refused")
	return fmt.Errorf("%w: %w", proxy.ErrProtocol, f)
}

// command handles a command line.
func (x *dialogue) command(ctx context.Context, line []byte) error {
	v, err := parseCommand(line)
	if err != nil {
		x.answer(err.Error() + "\r\n") // a fault
		return nil
	}
	switch {
	case v == verbRefused, v == verbTLS && x.options().TLS == config.TLSStrip:
		x.answer(replyNotImplemented)
		return nil
	case v == verbBDAT:
		return x.chunks(ctx, line)
	case x.s.FiltersSpam():
		if done, err := x.filter(ctx, v, line); done || err != nil {
			return err
		}
	}
	if _, err := x.s.Server().Write(line); err != nil {
		return x.serverLost(ctx, err)
	}
	x.expect(v)
	return nil
}

// secret passes on a line of an AUTH dialogue (RFC 4954 section 4).
func (x *dialogue) secret(line []byte) error {
	if err := checkLine(line); err != nil {
		x.tell(string(faultLineEnd))
		return fmt.Errorf("in an AUTH dialogue: %w: %w", proxy.ErrProtocol, err)
	}
	if _, err := x.s.Server().Write(line); err != nil {
		return err
	}
	x.phase = phaseCommand
	x.expect(verbAUTH)
	return nil
}

// alone answers a client whose server was let go. It can say goodbye, and learns
// that its next mail needs another connection.
func (x *dialogue) alone(ctx context.Context, line []byte) error {
	v, err := parseCommand(line)
	if err != nil {
		x.tell(err.Error() + "\r\n")
		return nil
	}
	switch {
	case v == verbRSET, v == verbNOOP:
		x.tell(replyOK)
		return nil
	case v == verbBDAT:
		return x.refuseChunk(ctx, line, replyNoTransaction)
	case v == verbQUIT:
		x.tell(replyGoodbye)
		return io.EOF
	}
	x.tell(replyAlone)
	return io.EOF
}
