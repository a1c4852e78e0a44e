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

// greet passes the server's first line on.
func (x *exchange) greet(ctx context.Context) error {
	line, st, err := x.readStatus(false)
	if err != nil {
		return x.serverFailed(ctx, err)
	}
	if _, err := x.s.Client().Write(line); err != nil {
		return err
	}
	if st == statusError {
		return io.EOF // it takes no session now
	}
	return nil
}

// readStatus reads the first line of a reply. The client gets what waits for it
// before the server is waited for.
func (x *exchange) readStatus(challenges bool) ([]byte, status, error) {
	line, err := x.readLine()
	if err != nil {
		return nil, 0, err
	}
	st, err := parseStatus(line, challenges)
	return line, st, err
}

func (x *exchange) readLine() ([]byte, error) {
	server := x.s.Server()
	if bytes.IndexByte(server.Buffered(), '\n') < 0 {
		if err := x.s.Client().Flush(); err != nil {
			return nil, err
		}
	}
	return server.ReadLine(x.options.LineLimit)
}

// reply reads the reply to one command and passes it on.
func (x *exchange) reply(ctx context.Context, k kind) error {
	client := x.s.Client()
	if k == refused {
		_, err := client.WriteString("-ERR [SYS/PERM] not available: the proxy has to read this session\r\n")
		return err
	}
	line, st, err := x.readStatus(k == login)
	switch {
	case err != nil:
		return x.serverFailed(ctx, err)
	case k == message && st == statusOK:
		return x.deliver(ctx, line)
	case k == upgrade && st == statusOK:
		return x.upgraded(ctx, line)
	}
	if _, err := client.Write(line); err != nil {
		return err
	}
	switch {
	case k == goodbye:
		return io.EOF
	case st == statusChallenge:
		x.challenge(true)
	case st == statusError:
	case k == listing:
		return x.relay(ctx)
	case k == capabilities:
		return x.relayCapabilities(ctx)
	}
	return nil
}

// relay passes the lines behind a status line on as they come.
func (x *exchange) relay(ctx context.Context) error {
	client := x.s.Client()
	x.body.Reset(x.s.Server(), false)
	for {
		if !x.body.Buffered() {
			if err := client.Flush(); err != nil {
				return err
			}
		}
		b, _, err := x.body.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return x.cutShort(ctx, err)
		}
		if _, err := client.Write(b); err != nil {
			return err
		}
	}
}

// relayCapabilities passes a capability list on, without the lines whose offers
// the proxy refuses.
func (x *exchange) relayCapabilities(ctx context.Context) error {
	for {
		line, err := x.readLine()
		if err == nil {
			err = checkLine(line)
		}
		if err != nil {
			return x.cutShort(ctx, err)
		}
		if x.strips() && opaque(line) {
			continue
		}
		if _, err := x.s.Client().Write(line); err != nil {
			return err
		}
		if isEnd(line) {
			return nil
		}
	}
}

// upgraded lets the session go on unread behind an STLS that the server accepts.
// What has arrived already was sent without it and may be an attacker's.
func (x *exchange) upgraded(ctx context.Context, line []byte) error {
	if len(x.s.Server().Buffered()) > 0 {
		return x.serverFailed(ctx, faultInject)
	}
	if len(x.s.Client().Buffered()) > 0 {
		return x.refuse(ctx, faultInject)
	}
	if _, err := x.s.Client().Write(line); err != nil {
		return err
	}
	return proxy.ErrTunnel
}

// unsolicited handles what the server says unasked: that it ends the session, with
// a last -ERR or without.
func (x *exchange) unsolicited() error {
	line, st, err := x.readStatus(false)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server has ended the session: %w", err)
	case err == nil && st == statusError:
		if _, err := x.s.Client().Write(line); err != nil {
			return err
		}
		return fmt.Errorf("the server has ended the session: %w", io.EOF)
	case err == nil:
		err = faultUnasked
	}
	return x.serverFailed(context.Background(), err)
}

// serverFailed tells a client that waits for a reply that there is none, and ends
// the session.
func (x *exchange) serverFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	why, err := explain(err)
	// A failure shows when the engine flushes.
	_, _ = x.s.Client().WriteString(trouble(why))
	return fmt.Errorf("waiting for a reply: %w", err)
}

// cutShort ends the session inside a reply of several lines, where nothing can be
// said any more: the client sees that the last line is missing.
func (x *exchange) cutShort(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	_, err = explain(err)
	return fmt.Errorf("passing on a reply: %w", err)
}

// explain puts a failure of the server into words for the client, and into the
// reason the session ends with.
func explain(err error) (string, error) {
	var f fault
	switch {
	case errors.As(err, &f):
		return "the server's reply is not understood: " + string(f), fmt.Errorf("%w: %s", proxy.ErrProtocol, f)
	case errors.Is(err, wire.ErrTooLong):
		return "the server's reply is too long", fmt.Errorf("%w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, proxy.ErrTimeout):
		return "the server does not answer", err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return "the server has closed the connection", err
}

// unreachable tells the client that there is no server.
func unreachable(ctx context.Context, s *proxy.Session, err error) error {
	if ctx.Err() == nil {
		// A failure shows when the session ends.
		_, _ = s.Client().WriteString(trouble("the server can't be reached"))
	}
	return err
}

// trouble is a reply for what may be better in a while (RFC 3206 section 4).
func trouble(why string) string { return "-ERR [SYS/TEMP] " + why + "\r\n" }
