package pop3proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// maxTogether is how many bytes of commands go to the server before their replies
// are waited for. As many fit any socket buffer, so that a server that answers
// before it has read them all never waits for a proxy that waits for it.
const maxTogether = 4 << 10

// run handles what the client has sent: the commands go to the server together,
// then their replies come back one by one.
func (x *exchange) run(ctx context.Context) error {
	if x.own.challenged {
		return x.respond(ctx)
	}
	if err := x.gather(); err != nil {
		return x.refuse(ctx, err)
	}
	if err := x.s.Server().Flush(); err != nil {
		return x.serverFailed(ctx, err)
	}
	for _, k := range x.replies {
		if err := x.reply(ctx, k); err != nil {
			return err
		}
	}
	if x.failure != nil {
		return x.refuse(ctx, x.failure)
	}
	return nil
}

// gather takes the first command and those that have arrived completely behind it.
// The error is about the first; what is wrong with another shows once the replies
// before it are delivered.
func (x *exchange) gather() error {
	client := x.s.Client()
	line, err := client.ReadLine(x.options.LineLimit)
	if err != nil {
		return err
	}
	c, err := x.understand(line)
	if err != nil {
		return err
	}
	for {
		if err := x.forward(c, line); err != nil {
			return err
		}
		if c.kind.alone() || x.sent >= maxTogether {
			return nil
		}
		n := bytes.IndexByte(client.Buffered(), '\n') + 1
		if n == 0 {
			return nil
		}
		line = client.Buffered()[:n]
		if c, x.failure = x.understand(line); x.failure != nil {
			return nil
		}
		if x.sent+n > maxTogether || c.final && x.fetches {
			return nil
		}
		client.Skip(n)
	}
}

// understand is a client's line as a command.
func (x *exchange) understand(line []byte) (command, error) {
	if len(line) > x.options.LineLimit {
		return command{}, wire.ErrTooLong
	}
	c, err := parseCommand(line)
	if c.kind == upgrade && x.strips() {
		c.kind = refused
	}
	return c, err
}

// forward sends a command to the server, unless the proxy answers it.
func (x *exchange) forward(c command, line []byte) error {
	x.sent += len(line)
	x.replies = append(x.replies, c.kind)
	x.fetches = x.fetches || c.kind == message
	if c.kind == refused {
		return nil
	}
	_, err := x.s.Server().Write(line)
	return err
}

// respond passes the answer to a challenge on, which is a line of its own kind:
// nothing in it is a command.
func (x *exchange) respond(ctx context.Context) error {
	line, err := x.s.Client().ReadLine(x.options.LineLimit)
	if err == nil {
		err = checkLine(line)
	}
	if err != nil {
		return x.refuse(ctx, err)
	}
	server := x.s.Server()
	if _, err = server.Write(line); err == nil {
		err = server.Flush()
	}
	if err != nil {
		return x.serverFailed(ctx, err)
	}
	x.challenge(false)
	return x.reply(ctx, login)
}

// challenge notes whether the client owes an answer in AUTH.
func (x *exchange) challenge(on bool) {
	x.own.challenged = on
	x.s.Transaction(on)
}

// refuse ends the session for a line that is not passed on, or at the client's own
// wish.
func (x *exchange) refuse(ctx context.Context, err error) error {
	var f fault
	switch {
	case ctx.Err() != nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &f):
	case errors.Is(err, wire.ErrTooLong):
		f = "a line is too long"
	default:
		return fmt.Errorf("reading a command: %w", err)
	}
	// A failure shows when the engine flushes.
	_, _ = x.s.Client().WriteString("-ERR " + string(f) + "\r\n")
	x.s.Note("refused")
	return fmt.Errorf("refusing a command: %w: %s", proxy.ErrProtocol, f)
}
