package ftpproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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

// turn handles one command line.
func (x *dialogue) turn(ctx context.Context) error {
	if len(x.awaited) > 0 {
		if err := x.await(ctx); err != nil {
			return err
		}
		if len(x.s.Client().Buffered()) == 0 {
			return nil // it was the end of the client's direction, and will be seen again
		}
	}
	line, err := x.line()
	if err != nil {
		return x.lineFailed(ctx, err)
	}
	if line, err = cleanLine(line); err == nil {
		var v verb
		var arg []byte
		if v, arg, err = parseCommand(line); err == nil {
			return x.command(ctx, v, line, string(arg))
		}
	}
	var f fault
	if errors.As(err, &f) {
		x.tell(string(f))
		return nil
	}
	return err
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
		return io.EOF
	case errors.Is(err, wire.ErrTooLong):
		x.tell(string(faultLength))
		x.s.Note("refused")
		return fmt.Errorf("%w: %w", proxy.ErrProtocol, faultLength)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replyClientSilent)
	}
	return fmt.Errorf("reading a command: %w", err)
}

// command handles a command. line is clean.
func (x *dialogue) command(ctx context.Context, v verb, line []byte, arg string) error {
	switch v {
	case verbRefused:
		x.refuse(replyNotImplemented)
		return nil
	case verbAUTH, verbSecure:
		if x.options().TLS == config.TLSStrip {
			x.refuse(replyNotImplemented)
			return nil
		}
	}
	switch {
	case x.s.Server() == nil:
		return x.alone(ctx, v, arg)
	case v == verbUSER && x.s.Explicit():
		return x.loginAgain(ctx, line, arg)
	}
	switch v {
	case verbPASV, verbEPSV:
		return x.passive(ctx, v, arg)
	case verbPORT, verbEPRT:
		return x.active(ctx, v, arg)
	case verbRETR, verbLIST:
		return x.download(ctx, v, line, arg)
	case verbSTOR, verbSTOU, verbAPPE:
		return x.upload(ctx, v, line, arg)
	}
	if reply := x.refusal(v, arg); reply != "" {
		x.refuse(reply)
		return nil
	}
	return x.pass(ctx, v, line, arg)
}

// refusal is the answer to a command that would keep files from being inspected
// where the options don't let it pass.
func (x *dialogue) refusal(v verb, arg string) string {
	switch {
	case v == verbREST && !x.passes(config.BypassREST) && strings.TrimSpace(arg) != "0":
		return replyNotImplemented
	case formOf(v, arg) != 0 && !x.passes(config.BypassMODE):
		return replyNotForParameter
	}
	return ""
}

// pass sends a command on, whose answer comes when it comes.
func (x *dialogue) pass(ctx context.Context, v verb, line []byte, arg string) error {
	if _, err := x.s.Server().Write(line); err != nil {
		return x.serverLost(ctx, err)
	}
	x.expect(expected{verb: v, arg: arg})
	return nil
}

// formOf is what a command would make of the files behind it.
func formOf(v verb, arg string) form {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	switch {
	case v == verbMODE && arg != "S":
		return oddMode
	case v == verbSTRU && arg != "F":
		return oddStructure
	case v == verbTYPE && !strings.HasPrefix(arg, "A") && !strings.HasPrefix(arg, "I") && strings.Join(strings.Fields(arg), " ") != "L 8":
		return oddType
	}
	return 0
}

// overhearABOR ends a wait for the server's answer when the client's next command
// is ABOR.
func (x *dialogue) overhearABOR() error {
	_, _ = x.s.Peek(wire.Client, x.options().LineLimit) // its end will be seen again
	if x.abortsNext() {
		return errAborted
	}
	return nil
}

// abortsNext tells that the next command of those that wait is ABOR.
func (x *dialogue) abortsNext() bool {
	line, _, whole := bytes.Cut(x.s.Client().Buffered(), []byte("\n"))
	return whole && isABOR(line)
}

// aborts tells that there is an ABOR among the commands that wait. During a
// transfer it comes before the others, whatever the client has sent first.
func (x *dialogue) aborts() bool {
	waiting, _ := x.s.Peek(wire.Client, x.options().LineLimit)
	for line := range bytes.Lines(waiting) {
		if text, whole := bytes.CutSuffix(line, []byte("\n")); whole && isABOR(text) {
			return true
		}
	}
	return false
}

// isABOR tells whether a line, without its LF, is ABOR.
func isABOR(line []byte) bool {
	line, err := cleanLine(append(bytes.Clone(line), '\n'))
	if err != nil {
		return false
	}
	v, _, err := parseCommand(line)
	return err == nil && v == verbABOR
}
