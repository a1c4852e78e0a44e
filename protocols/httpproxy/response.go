package httpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"utmsim/internal/stats"
	"utmsim/proxy"
	"utmsim/scanner"
)

// errSilent says that the server ended the connection before it had answered with
// a single byte.
var errSilent = errors.New("the server did not answer")

// readReply reads the head of the server's next answer.
func (x *exchange) readReply() error {
	server := x.s.Server()
	x.res.reset(true)
	err := readHead(server, &x.res, x.limit())
	if err == nil || len(server.Buffered()) > 0 || isTimeout(err) {
		return err
	}
	return fmt.Errorf("%w: %w", errSilent, err)
}

// countRetry counts a request that is sent once more.
func (x *exchange) countRetry(err error) {
	if errors.Is(err, io.EOF) {
		err = syscall.ECONNRESET // what a write a moment later would have said
	}
	x.s.Stats().Transport(x.s.Protocol()).Fail(stats.Retry, err)
}

// respond passes the answer on, interim ones first.
func (x *exchange) respond(ctx context.Context) error {
	for x.res.status < 200 && x.res.status != 101 {
		if err := x.interim(); err != nil {
			return x.serverFailed(ctx, err)
		}
		if err := x.readReply(); err != nil {
			return x.serverFailed(ctx, err)
		}
	}
	if x.res.status == 101 {
		return x.switchProtocols()
	}
	return x.deliver(ctx)
}

// deliver has the body of the final answer judged and passes it on.
func (x *exchange) deliver(ctx context.Context) error {
	h := &x.res
	f, err := responseFraming(h, x.isHead)
	if err != nil {
		return x.badReply(err.Error())
	}
	said, err := connectionOf(h, false)
	if err != nil {
		return x.badReply(err.Error())
	}
	if h.status == 206 && !x.ranged && x.s.Options().HTTP.RangeBlock {
		return x.badReply("nobody asked for a part")
	}
	x.serverPersists = said.persists(h.minor) && f.delimited()
	keep := x.keepable() && f.delimited()
	x.draft.begin(h)
	x.draft.hops(said, x.optionForClient(keep))
	x.down.begin(f, x.s.Server(), x.limit())
	if f.empty() {
		if _, err := x.s.Client().Write(x.replyHead()); err != nil {
			return err
		}
		return x.finish(keep)
	}
	return x.deliverBody(ctx, keep)
}

// optionForClient is what the proxy says in Connection to the client. Where one
// of the two does not speak HTTP/1.1, going on has to be said in so many words.
func (x *exchange) optionForClient(keep bool) option {
	switch {
	case !keep:
		return optionClose
	case x.req.minor == 0 || x.res.minor == 0:
		return optionKeepAlive
	}
	return optionNone
}

// replyHead is the head as the client gets it: as it came, if nothing has to be
// changed and its bytes stay where they are.
func (x *exchange) replyHead() []byte {
	if len(x.draft.edits) == 0 && x.down.here() {
		return x.res.raw
	}
	x.scratch.response = x.draft.apply(x.scratch.response[:0])
	return x.scratch.response
}

func (x *exchange) deliverBody(ctx context.Context, keep bool) error {
	if err := x.prepareDownload(); err != nil {
		return x.badReply(err.Error())
	}
	hold, err := x.s.Inspect(ctx, &x.inspection)
	switch {
	case err != nil:
		return x.downloadFailed(ctx, err)
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return fmt.Errorf("scanning a response: %w", proxy.ErrReset)
	case hold.Blocked():
		hold.Discard()
		return x.blockDownload(hold)
	}
	if err := hold.Release(); err != nil {
		return fmt.Errorf("passing on a response: %w: %w", proxy.ErrReset, err)
	}
	return x.finish(keep)
}

// prepareDownload describes the body for the engine. The error is a fault.
func (x *exchange) prepareDownload() (err error) {
	if x.codings, err = encodings(x.codings[:0], &x.res); err != nil {
		return err
	}
	url, contentType := x.describe(x.res.get(fieldContentType))
	disposition := x.res.get(fieldContentDisposition)
	name, isFile := fileOf(disposition)
	if name != "" {
		x.file = name
	}
	x.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.WebResponse, Name: x.file, ContentType: contentType, URL: url, Encodings: x.codings},
		Source: x.down.source(), Dir: stats.Down, Head: x.replyHead(), To: x.s.Client(), Comfort: true,
		Uninspectable: x.res.status == 206 && x.ranged && !isWhole(x.res.get(fieldContentRange)),
		Exempt:        x.exempt || x.fileExempt && x.up.empty(),
	}
	switch {
	case !x.s.FiltersFiles():
	case isFile && name != "":
		x.inspection.Object.Names = filesOf(nil, disposition)
	case !x.puts():
		x.inspection.Object.Names = x.names()
	}
	return nil
}

// isWhole tells that a Content-Range names all bytes there are (RFC 9110 section
// 14.4): such a part can be judged.
func isWhole(v []byte) bool {
	const unit = "bytes 0-"
	if len(v) < len(unit) || !equalFold(v[:len(unit)], unit) {
		return false
	}
	v = v[len(unit):]
	for i, c := range v {
		if c != '/' {
			continue
		}
		last, err := contentLength(v[:i])
		total, err2 := contentLength(v[i+1:])
		return err == nil && err2 == nil && last+1 == total
	}
	return false
}

// badReply answers 502 for a response that must not be passed on.
func (x *exchange) badReply(why string) error {
	x.s.CloseServer()
	p := trouble(502, "The response of the server was not passed on: "+why+".")
	p.close = true
	x.answer(p)
	x.s.Note("refused")
	return fmt.Errorf("refusing a response: %w: %s", proxy.ErrProtocol, why)
}

// serverFailed answers for a server that has gone, or does not answer.
func (x *exchange) serverFailed(ctx context.Context, err error) error {
	var f fault
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &f):
		return x.badReply(f.why)
	}
	p := trouble(502, "The server ended the connection before its response was complete.")
	if isTimeout(err) {
		p = trouble(504, "The server did not answer in time.")
	}
	x.s.CloseServer()
	p.close = true
	x.answer(p)
	return fmt.Errorf("waiting for a response: %w", err)
}

// downloadFailed ends the session after a body that is malformed or incomplete.
// As long as the client has nothing of it, it gets a page; a client that has been
// comforted is reset.
func (x *exchange) downloadFailed(ctx context.Context, err error) error {
	if errors.Is(err, proxy.ErrComforted) {
		return fmt.Errorf("reading a response: %w: %w", proxy.ErrReset, err)
	}
	return x.serverFailed(ctx, err)
}
