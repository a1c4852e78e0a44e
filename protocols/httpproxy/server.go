package httpproxy

import (
	"context"
	"errors"
	"fmt"

	"utmsim/proxy"
)

// reach makes sure that the server which the request is for is connected. reused
// tells that the connection has served before.
func (x *exchange) reach(ctx context.Context) (reused bool, err error) {
	s, own := x.s, x.own
	if !s.Explicit() {
		if s.Server() != nil {
			return true, nil
		}
		return false, s.Connect(ctx)
	}
	host, port := x.req.text(x.to.host), x.to.port
	if port == 0 {
		port = defaultPort
	}
	if s.Server() != nil {
		if own.host == string(host) && own.port == port {
			return true, nil
		}
		s.CloseServer()
	}
	own.host, own.port = string(host), port
	return false, s.ConnectTo(ctx, own.host, port)
}

// unreachable tells the client that there is no server.
func (x *exchange) unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, proxy.ErrForbidden):
		return x.forbid(err)
	}
	p := trouble(502, "The server could not be reached.")
	if isTimeout(err) {
		p = trouble(504, "The server could not be reached in time.")
	}
	p.close = true
	x.answer(p)
	return err
}

// forbid tells the client that it may not have this server.
func (x *exchange) forbid(err error) error {
	p := trouble(403, "The proxy does not connect to this server.")
	p.close = true
	x.answer(p)
	x.s.Note("forbidden")
	return err
}

// isTimeout tells time-outs of every kind.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, proxy.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// send forwards a request without a body. A connection that has served before may
// have been closed by the server while the request was on its way; then an
// idempotent request is tried once more on a new one (RFC 9112 section 9.3.1).
func (x *exchange) send(ctx context.Context) error {
	reused, err := x.reach(ctx)
	if err != nil {
		return x.unreachable(ctx, err)
	}
	err = x.ask()
	if reused && errors.Is(err, errSilent) && x.idempotent() && ctx.Err() == nil {
		x.countRetry(err)
		x.s.CloseServer()
		if _, err := x.reach(ctx); err != nil {
			return x.unreachable(ctx, err)
		}
		err = x.ask()
	}
	if err != nil {
		return x.serverFailed(ctx, err)
	}
	return x.respond(ctx)
}

// ask sends the head and reads the head of the answer.
func (x *exchange) ask() error {
	if err := x.sendHead(); err != nil {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return x.readReply()
}

func (x *exchange) sendHead() error {
	server := x.s.Server()
	if _, err := server.Write(x.sent); err != nil {
		return err
	}
	return server.Flush()
}

// idempotent: RFC 9110 section 9.2.2.
func (x *exchange) idempotent() bool {
	switch string(x.req.text(x.req.method)) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}
