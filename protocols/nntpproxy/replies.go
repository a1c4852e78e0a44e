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

// serverSpeaks brings the replies down that have arrived.
func (x *dialogue) serverSpeaks(ctx context.Context) error {
	for {
		if err := x.next(ctx); err != nil {
			return err
		}
		if x.over || len(x.s.Server().Buffered()) == 0 {
			return nil
		}
	}
}

// next takes what the server says next: a reply, or lines behind one that may have
// some.
func (x *dialogue) next(ctx context.Context) error {
	b := x.s.Server().Buffered()
	if x.tail && len(x.awaited) == 0 && len(b) > 0 && !bytes.HasPrefix(b, []byte("400 ")) {
		x.tail = false
		return x.fetch(ctx, nil, codeBody)
	}
	return x.hear(ctx)
}

// replied acts on a reply and passes it on.
func (x *dialogue) replied(ctx context.Context, line []byte, code int) error {
	if len(x.awaited) == 0 {
		return x.unasked(line, code)
	}
	v := x.awaited[0].verb
	if code/100 == 3 && !asksForMore(v, code) {
		return x.serverLost(ctx, faultSequel)
	}
	x.note(v, line, code)
	if err := x.passOn(ctx, v, line, code); err != nil {
		return err
	}
	x.answered()
	switch {
	case v == verbQuit:
		return io.EOF
	case v == verbTLS && (code/100 == 2 || code == codeTLS):
		return x.opaque(ctx)
	}
	return nil
}

// passOn gives the client a reply with all that belongs to it.
func (x *dialogue) passOn(ctx context.Context, v verb, line []byte, code int) error {
	switch {
	case v == verbProbe:
		return nil
	case code == codeArticle, code == codeBody:
		return x.fetch(ctx, line, code)
	}
	if _, err := x.s.Client().Write(line); err != nil {
		return err
	}
	switch {
	case !hasLines(v, code):
		return nil
	case code == codeCapabilities, code == codeExtensions:
		return x.relayCapabilities(ctx)
	}
	return x.relay(ctx)
}

// note keeps what a reply says about the state of the dialogue.
func (x *dialogue) note(v verb, line []byte, code int) {
	x.over = code == codeGone || v == verbGreeting && code >= 400
	switch v {
	case verbUnknown:
		x.tail = code < 300 && !hasLines(v, code)
	case verbStream:
		x.streaming = code == codeStreaming
	case verbProbe:
		if x.streaming = code == codeStreaming; !x.streaming {
			x.refusal = append([]byte(nil), line...)
		}
	case verbMode:
		x.streaming = false // it may be another server that answers from now on
	case verbAuth:
		if code == codeMoreSASL || code == codeMoreSimple {
			x.phase = phaseSecret
		}
	case verbPost, verbIhave:
		if code/100 == 3 {
			x.phase, x.handing = phaseArticle, v
		}
	}
}

// relay passes the lines behind a status line on as they come.
func (x *dialogue) relay(ctx context.Context) error {
	client := x.s.Client()
	var body wire.DotBody
	body.Reset(x.s.Server(), false)
	for {
		if !body.Buffered() {
			if err := client.Flush(); err != nil {
				return err
			}
		}
		b, _, err := body.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return x.cutShort(ctx, err)
		}
		if _, err := client.Write(b); err != nil {
			return err
		}
	}
}

// relayCapabilities passes a capability list on, without the lines whose offers the
// proxy refuses.
func (x *dialogue) relayCapabilities(ctx context.Context) error {
	server, client := x.s.Server(), x.s.Client()
	for {
		if bytes.IndexByte(server.Buffered(), '\n') < 0 {
			if err := client.Flush(); err != nil {
				return err
			}
		}
		line, err := server.ReadLine(x.options().LineLimit)
		if errors.Is(err, wire.ErrWake) {
			continue
		}
		if err == nil {
			err = checkLine(line)
		}
		if err != nil {
			return x.cutShort(ctx, err)
		}
		if x.strips() && offersOpaque(line) {
			continue
		}
		x.streaming = x.streaming || offersStreaming(line)
		if _, err := client.Write(line); err != nil {
			return err
		}
		if isEnd(line) {
			return nil
		}
	}
}

// unasked handles what the server says without having been asked: its goodbye.
// Anything else would be taken for the answer to the next command.
func (x *dialogue) unasked(line []byte, code int) error {
	if code < 400 {
		x.tell(replyNonsense)
		return fmt.Errorf("reading a reply: %w: %w", proxy.ErrProtocol, faultUnasked)
	}
	if _, err := x.s.Client().Write(line); err != nil {
		return err
	}
	return io.EOF
}

// opaque lets the session go on without inspection. What either side has sent before
// it was allowed to would be taken for something that came encrypted.
func (x *dialogue) opaque(ctx context.Context) error {
	if len(x.s.Client().Buffered()) > 0 || len(x.s.Server().Buffered()) > 0 {
		return x.cutShort(ctx, faultInject)
	}
	return proxy.ErrTunnel
}
