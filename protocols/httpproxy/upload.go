package httpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// upload has the body of a request judged, and forwards the request if nothing
// was found. Until then the server has seen no byte of the body.
func (x *exchange) upload(ctx context.Context) error {
	if err := x.prepareUpload(); err != nil {
		return x.refuse(ctx, err)
	}
	hold, err := x.s.Inspect(ctx, &x.inspection)
	switch {
	case err != nil:
		return x.uploadFailed(ctx, err)
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning an upload: %w", proxy.ErrReset)
	case hold.Blocked():
		hold.Discard()
		return x.blockUpload(hold)
	}
	if !x.headSent {
		if x.reused, err = x.reach(ctx); err != nil {
			hold.Discard()
			return x.unreachable(ctx, err)
		}
	}
	if err := x.pushUpload(hold); err != nil {
		switch {
		case x.clientBroke(err) || ctx.Err() != nil:
			return x.uploadFailed(ctx, err)
		case isTimeout(err):
			return x.serverFailed(ctx, err)
		}
		x.cut = true // the server may have said why
	}
	if err := x.finalReply(); err != nil {
		return x.serverFailed(ctx, err)
	}
	return x.respond(ctx)
}

// finalReply reads the answer to an upload, unless that has happened on the way.
func (x *exchange) finalReply() error {
	if x.replied {
		return x.replyErr
	}
	return x.readReply()
}

// prepareUpload describes the body for the engine. The error is a fault.
func (x *exchange) prepareUpload() (err error) {
	if x.codings, err = encodings(x.codings[:0], &x.req); err != nil {
		return err
	}
	if x.req.count(fieldContentType) > 1 {
		return fault{400, "Content-Type stands more than once"}
	}
	declared := x.req.get(fieldContentType)
	url, contentType := x.describe(declared)
	kind := scanner.WebRequest
	if string(x.req.text(x.req.method)) == "POST" {
		kind = scanner.Post
	}
	x.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: kind, Name: x.file, ContentType: contentType, URL: url, Encodings: x.codings},
		Source: x.up.source(), Dir: stats.Up, Exempt: x.exempt || x.fileExempt,
	}
	files := x.s.FiltersFiles()
	if files && x.puts() {
		x.inspection.Object.Names = x.names()
	}
	if !x.headSent {
		x.inspection.Head = x.sent
	}
	if isForm(declared) {
		list := boundariesOf(declared)
		x.inspection.Split = func(whole *scanner.Object) []scanner.Object {
			parts := splitForm(whole, files, list...)
			x.inspection.Found = tooMany(len(parts))
			return named(whole, parts)
		}
	}
	return nil
}

// pushUpload sends what is held, and the rest. A server that gives its last word
// before it has taken everything ends that.
func (x *exchange) pushUpload(hold *proxy.Hold) error {
	server := x.s.Server()
	x.inspection.To = server
	server.OnEarlyReply(x.early)
	defer server.OnEarlyReply(nil)
	if err := hold.Release(); err != nil {
		return err
	}
	return server.Flush()
}

// early looks at what the server says while it takes no more of an upload. Interim
// answers are passed on and the upload goes on.
func (x *exchange) early() error {
	for {
		err := x.readReply()
		if errors.Is(err, wire.ErrNotYet) {
			return nil
		}
		if err == nil && x.res.status < 200 && x.res.status != 101 {
			if err = x.interim(); err == nil {
				continue
			}
		}
		x.replied, x.replyErr = true, err
		return wire.ErrEarlyReply
	}
}

// clientBroke tells whose fault it was that an upload ended early.
func (x *exchange) clientBroke(err error) bool {
	return x.up.failure() != nil || errors.Is(err, io.ErrUnexpectedEOF)
}

// uploadFailed ends the session after a body that is malformed or incomplete. The
// server must not take what it has got for the whole.
func (x *exchange) uploadFailed(ctx context.Context, err error) error {
	x.s.CloseServer()
	return x.refuse(ctx, err)
}

// announce sends the head of an upload whose client waits for 100 before it sends
// the body, and rests until either side says something.
func (x *exchange) announce(ctx context.Context) (err error) {
	if x.reused, err = x.reach(ctx); err != nil {
		return x.unreachable(ctx, err)
	}
	if err = x.sendHead(); err != nil {
		if err = x.announceAgain(ctx, err); err != nil {
			return err
		}
	}
	x.headSent = true
	x.wait(true)
	return nil
}

// announceAgain uses a new connection when the one that had served before was
// closed. Nothing of the body is lost.
func (x *exchange) announceAgain(ctx context.Context, cause error) error {
	if !x.reused || ctx.Err() != nil {
		return x.serverFailed(ctx, cause)
	}
	x.countRetry(cause)
	x.reused = false
	x.s.CloseServer()
	if _, err := x.reach(ctx); err != nil {
		return x.unreachable(ctx, err)
	}
	if err := x.sendHead(); err != nil {
		return x.serverFailed(ctx, err)
	}
	return nil
}

// resume goes on with an announced upload: the server has said 100 or its last
// word, or the client sends the body, with or without having waited.
func (x *exchange) resume(ctx context.Context, side wire.Side) error {
	if side == wire.Client {
		x.wait(false)
		return x.upload(ctx)
	}
	err := x.readReply()
	switch {
	case errors.Is(err, errSilent) && x.reused:
		if err = x.announceAgain(ctx, err); err != nil {
			x.wait(false)
		}
		return err
	case err != nil:
		x.wait(false)
		return x.serverFailed(ctx, err)
	}
	x.reused = false // it has answered
	if x.res.status >= 200 || x.res.status == 101 {
		x.wait(false)
		return x.respond(ctx)
	}
	if err := x.passInterim(); err != nil {
		x.wait(false)
		return x.serverFailed(ctx, err)
	}
	return nil
}

// wait makes the exchange the one that goes on when the session wakes, or not.
func (x *exchange) wait(on bool) {
	x.own.upload = nil
	if on {
		x.own.upload = x
	}
	x.s.Transaction(on)
}
