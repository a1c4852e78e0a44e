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

// phase is what the client's next bytes are.
type phase uint8

const (
	phaseCommand phase = iota
	phaseSecret        // a line of an AUTHINFO dialogue
	phaseArticle       // the article that the server has asked for
	phaseAlone         // commands, but the server was let go
)

// dialogue is what the driver keeps of a session.
type dialogue struct {
	driver *Driver
	s      *proxy.Session
	phase  phase

	awaited    []expected // what the server has not answered yet, in order
	unanswered int        // bytes of these
	handing    verb       // which command the article belongs to that comes in phaseArticle
	streaming  bool       // the server takes TAKETHIS
	refusal    []byte     // what it said when it was asked about that, and does not
	tail       bool       // the last reply was to a command that nobody knows; more of it may follow
	over       bool       // the server has said goodbye
}

// expected is an answer that is to come: the server's to a command, or one of our
// own that waits for its turn.
type expected struct {
	verb verb
	own  string
	size int // bytes of the command, or of the answer
}

// maxUnanswered is how many bytes of commands may wait for their replies; a client
// that sends more waits. As many fit any socket buffer, and so do their replies where
// these are lines, so that a server that answers before it has read them all never
// waits for a proxy that waits for it.
const maxUnanswered = 4 << 10

// busy tells that the session is inside a transaction: at rest perhaps, but not idle.
func (x *dialogue) busy() bool {
	return len(x.awaited) > 0 || x.phase == phaseSecret || x.phase == phaseArticle
}

func (x *dialogue) expect(v verb, size int) {
	x.awaited = append(x.awaited, expected{verb: v, size: size})
	x.unanswered += size
}

// answer gives the client a reply of the proxy's own, in its turn.
func (x *dialogue) answer(reply string) {
	if len(x.awaited) > 0 {
		x.awaited = append(x.awaited, expected{own: reply, size: len(reply)})
		x.unanswered += len(reply)
		return
	}
	x.tell(reply)
}

// tell writes to the client. A failure shows when the engine flushes.
func (x *dialogue) tell(reply string) { _, _ = x.s.Client().WriteString(reply) }

// answered takes the oldest command out and gives the client what of our own stands
// behind it.
func (x *dialogue) answered() {
	n := 1
	x.unanswered -= x.awaited[0].size
	for n < len(x.awaited) && x.awaited[n].own != "" {
		x.tell(x.awaited[n].own)
		x.unanswered -= x.awaited[n].size
		n++
	}
	x.awaited = x.awaited[n:]
	if len(x.awaited) == 0 {
		x.awaited = nil // nothing is kept while the session rests
	}
}

// await settles everything that is awaited.
func (x *dialogue) await(ctx context.Context) error {
	for len(x.awaited) > 0 {
		if err := x.hear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// hear takes one reply from the server and acts on it.
func (x *dialogue) hear(ctx context.Context) error {
	server := x.s.Server()
	for {
		if bytes.IndexByte(server.Buffered(), '\n') < 0 {
			if err := x.flush(ctx); err != nil {
				return err
			}
		}
		line, err := server.ReadLine(x.options().LineLimit)
		if errors.Is(err, wire.ErrWake) {
			continue
		}
		code := 0
		if err == nil {
			code, err = parseStatus(line)
		}
		if err != nil {
			return x.serverLost(ctx, err)
		}
		return x.replied(ctx, line, code)
	}
}

// flush sends what both sides have not got yet.
func (x *dialogue) flush(ctx context.Context) error {
	if err := x.s.Client().Flush(); err != nil {
		return err
	}
	if x.phase == phaseAlone {
		return nil
	}
	if err := x.s.Server().Flush(); err != nil {
		return x.serverLost(ctx, err)
	}
	return nil
}

// serverLost ends the session after the server's end or a failure of its
// connection. A client that waits for something, or has begun something, is told.
func (x *dialogue) serverLost(ctx context.Context, err error) error {
	var f fault
	silent := errors.Is(err, io.EOF)
	switch {
	case ctx.Err() != nil:
		return err
	case silent && (x.over || !x.busy() || x.onlyQuit()):
		return io.EOF
	case errors.As(err, &f), errors.Is(err, wire.ErrTooLong):
		x.tell(replyNonsense)
		return fmt.Errorf("reading a reply: %w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replySilent)
		return fmt.Errorf("waiting for a reply: %w", err)
	case silent:
		err = io.ErrUnexpectedEOF
	}
	x.tell(replyLost)
	return fmt.Errorf("talking to the server: %w", err)
}

// cutShort ends the session inside a reply of several lines, where nothing can be
// said any more: the client sees that the last line is missing.
func (x *dialogue) cutShort(ctx context.Context, err error) error {
	var f fault
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &f), errors.Is(err, wire.ErrTooLong):
		err = fmt.Errorf("%w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("passing on a reply: %w", err)
}

// onlyQuit tells that nothing but a goodbye is awaited.
func (x *dialogue) onlyQuit() bool { return len(x.awaited) == 1 && x.awaited[0].verb == verbQuit }

// letGo ends the server's connection inside an article, which the server forgets
// with it. The client stays, so that it can say goodbye.
func (x *dialogue) letGo() {
	x.s.CloseServer()
	x.phase = phaseAlone
}
