package imapproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// serverSpeaks brings the responses down that have arrived.
func (x *dialogue) serverSpeaks(ctx context.Context) error {
	for {
		if err := x.hear(ctx); err != nil {
			return err
		}
		if len(x.s.Server().Buffered()) == 0 {
			return nil
		}
	}
}

// hear takes one response from the server and passes it on.
func (x *dialogue) hear(ctx context.Context) error {
	r, err := x.announced()
	if err != nil {
		return x.serverLost(ctx, err)
	}
	if !x.greeted && (!r.greet || r.kind == responseTagged) {
		return x.serverLost(ctx, faultGreeting)
	}
	x.greeted = true
	switch r.kind {
	case responseGoAhead:
		return x.goAhead(ctx)
	case responseTagged:
		return x.tagged(ctx, r)
	case responseCapability:
		return x.passList(ctx)
	case responseBye:
		x.over = true
		return x.passStatus(ctx, r)
	case responseStatus:
		return x.passStatus(ctx, r)
	}
	return x.passData(ctx, r.kind == responseFetch)
}

// announced reads as much of a response as tells what it is.
func (x *dialogue) announced() (response, error) {
	for {
		b := x.s.Server().Buffered()
		if i := bytes.IndexByte(b, '\n'); i >= 0 || len(b) >= maxAnnouncement {
			if i < 0 {
				i = maxAnnouncement - 1
			}
			return parseResponse(b[:i+1])
		}
		if err := x.fill(); err != nil {
			if err == io.EOF && len(b) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return response{}, err
		}
	}
}

// goAhead passes on that the server waits for more of a command, if one is such
// that it can.
func (x *dialogue) goAhead(ctx context.Context) error {
	own := x.own != 0
	switch {
	case x.asking:
		x.asking = false
	case x.phase == phaseIdle: // some say so more than once
	case x.phase == phaseAsked && len(x.awaited) > 0:
		switch x.awaited[len(x.awaited)-1].verb {
		case verbAuthenticate:
			x.phase = phaseSecret
		case verbIdle:
			x.phase = phaseIdle
		default:
			return x.serverLost(ctx, faultUnasked)
		}
	default:
		return x.serverLost(ctx, faultUnasked)
	}
	line, err := x.wholeLine()
	if err != nil {
		return x.serverLost(ctx, err)
	}
	if own {
		return nil
	}
	_, err = x.s.Client().Write(line)
	return err
}

// wholeLine takes a line of the server that is short enough to be looked at.
func (x *dialogue) wholeLine() ([]byte, error) {
	server := x.s.Server()
	if bytes.IndexByte(server.Buffered(), '\n') < 0 {
		if err := x.s.Client().Flush(); err != nil {
			return nil, clientError{err}
		}
	}
	line, err := server.ReadLine(x.options().LineLimit)
	if err == nil {
		err = checkStatus(line)
	}
	return line, err
}

// checkStatus is checkLine for a line in which no literal can be: some clients see
// one wherever a line ends like its announcement.
func checkStatus(line []byte) error {
	if err := checkLine(line); err != nil {
		return err
	}
	if _, announced, err := wire.ParseLiteral(line, maxPlain); announced || err != nil {
		return faultLiteral
	}
	return nil
}

// tagged passes on the answer to a command.
func (x *dialogue) tagged(ctx context.Context, r response) error {
	a, ok := x.answered(r.tag)
	if !ok {
		return x.serverLost(ctx, faultUnasked)
	}
	if a.number == x.own {
		return x.keepReply(ctx)
	}
	if x.phase != phaseCommand && a.number > x.last() { // it was the last command
		x.phase = phaseCommand
	}
	if err := x.passStatus(ctx, r); err != nil {
		return err
	}
	switch {
	case a.verb == verbTLS && r.ok:
		return x.opaque()
	case a.verb == verbLogout && r.ok:
		return io.EOF
	}
	return nil
}

// keepReply keeps an answer that the client gets later, or never.
func (x *dialogue) keepReply(ctx context.Context) error {
	line, err := x.wholeLine()
	if err != nil {
		return x.serverLost(ctx, err)
	}
	x.own, x.reply = 0, bytes.Clone(line)
	return nil
}

// opaque lets the session go on unread. What has arrived already was sent without
// encryption or compression and may be an attacker's.
func (x *dialogue) opaque() error {
	if len(x.s.Client().Buffered()) > 0 || len(x.s.Server().Buffered()) > 0 {
		return fmt.Errorf("%w: %w", proxy.ErrProtocol, faultInject)
	}
	return proxy.ErrTunnel
}

// passStatus passes a status line on.
func (x *dialogue) passStatus(ctx context.Context, r response) error {
	if r.offer {
		return x.passList(ctx)
	}
	for begun := false; ; begun = true {
		b, complete, err := x.stretch()
		if err == nil && complete {
			err = checkStatus(b)
		} else if err == nil {
			err = checkText(b)
		}
		switch {
		case err != nil && begun:
			return cutShort(ctx, err)
		case err != nil:
			return x.serverLost(ctx, err)
		}
		x.s.Server().Skip(len(b))
		if _, err := x.s.Client().Write(b); err != nil || complete {
			return err
		}
	}
}

// passList passes a line with a list of capabilities on.
func (x *dialogue) passList(ctx context.Context) error {
	line, err := x.wholeLine()
	if err != nil {
		return x.serverLost(ctx, err)
	}
	x.offered.note(line)
	_, err = x.s.Client().Write(editCapabilities(line, x.strips()))
	return err
}

// Lines of responses may be of any length: a search finds what it finds. They are
// passed on in stretches.
const (
	maxStretch = 16 << 10 // bytes that are waited for together
	// minStretch is how much of a line is passed on before its end is there, and
	// lineTail what is kept back then: the announcement of a literal in one piece.
	minStretch = 4 << 10
	lineTail   = 64
)

// stretch is the next stretch of the server's line, which is not taken yet, and
// tells whether it ends the line.
func (x *dialogue) stretch() (b []byte, complete bool, err error) {
	for {
		b = x.s.Server().Buffered()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return b[:i+1], true, nil
		}
		if len(b) >= minStretch {
			return b[:len(b)-lineTail], false, nil
		}
		if err := x.fill(); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, false, err
		}
	}
}
