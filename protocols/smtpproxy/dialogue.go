package smtpproxy

import (
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
	phaseSecret        // a line of an AUTH dialogue
	phaseMessage       // the message behind DATA
	phaseAlone         // commands, but the server was let go
)

// dialogue is what the driver keeps of a session.
type dialogue struct {
	driver *Driver
	s      *proxy.Session
	phase  phase

	awaited    []expected  // what the server has not answered yet, in order
	first      [1]expected // room for one, which is all that most clients need
	chunking   bool        // the server offers BDAT
	mail       bool        // a transaction is open
	recipients int         // of it, accepted
	over       bool        // the server has said goodbye
	refused    []byte      // the server's first refusal of a chunk
	sending    *sending    // nil where no spam filter looks at mails
}

// expected is an answer that is to come: the server's to a command, or one of our
// own that waits for its turn.
type expected struct {
	verb verb
	own  string
}

// maxAwaited bounds the commands that wait for an answer; a client that sends more
// waits.
const maxAwaited = 256

// busy tells that the session is inside a transaction, in the wide sense: at rest
// perhaps, but not idle.
func (x *dialogue) busy() bool {
	return x.mail || len(x.awaited) > 0 || x.phase == phaseSecret || x.phase == phaseMessage
}

func (x *dialogue) expect(v verb) {
	if x.awaited == nil {
		x.awaited = x.first[:0]
	}
	x.awaited = append(x.awaited, expected{verb: v})
}

// answer gives the client a reply of the proxy's own, in its turn.
func (x *dialogue) answer(reply string) {
	if len(x.awaited) > 0 {
		x.awaited = append(x.awaited, expected{own: reply})
		return
	}
	x.tell(reply)
}

// tell writes to the client. A failure shows when the engine flushes.
func (x *dialogue) tell(reply string) { _, _ = x.s.Client().WriteString(reply) }

// pop takes the oldest command out, and what of our own stands behind it.
func (x *dialogue) pop() (own []expected) {
	n := 1
	for n < len(x.awaited) && x.awaited[n].own != "" {
		n++
	}
	own = x.awaited[1:n]
	x.awaited = x.awaited[n:]
	if len(x.awaited) == 0 {
		x.awaited = nil // nothing is kept while the session rests
	}
	return own
}

// await settles everything that is awaited, before the client's next bytes are
// looked at.
func (x *dialogue) await(ctx context.Context) error {
	if len(x.awaited) == 0 {
		return nil
	}
	accounting := &x.s.Stats().SMTP.Accounting
	defer x.s.End(x.s.Begin(&accounting.Suspend, &accounting.Resume, 1))
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
	if len(server.Buffered()) == 0 {
		if err := x.flush(ctx); err != nil {
			return err
		}
	}
	for {
		reply, err := wire.ReadReply(server, wire.EveryLine, maxReply)
		switch {
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return x.serverLost(ctx, err)
		}
		return x.replied(ctx, reply)
	}
}

// flush sends what both sides have not got yet.
func (x *dialogue) flush(ctx context.Context) error {
	if err := x.s.Client().Flush(); err != nil {
		return err
	}
	if err := x.s.Server().Flush(); err != nil {
		return x.serverLost(ctx, err)
	}
	return nil
}

// serverLost ends the session after the server's end or a failure of its
// connection. A client that waits for something, or has begun something, is told.
func (x *dialogue) serverLost(ctx context.Context, err error) error {
	silent := errors.Is(err, io.EOF)
	switch {
	case ctx.Err() != nil:
		return err
	case silent && x.over:
		return io.EOF
	case silent && !x.busy():
		return io.EOF
	case errors.Is(err, wire.ErrReply), errors.Is(err, wire.ErrTooLong):
		x.tell(replyNonsense)
		return fmt.Errorf("reading a reply: %w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(replySilent)
		return fmt.Errorf("waiting for a reply: %w", err)
	case silent && x.onlyQuit():
		return io.EOF
	case silent:
		err = io.ErrUnexpectedEOF
	}
	x.tell(replyLost)
	return fmt.Errorf("talking to the server: %w", err)
}

// onlyQuit tells that nothing but a goodbye is awaited.
func (x *dialogue) onlyQuit() bool {
	return len(x.awaited) == 1 && x.awaited[0].verb == verbQUIT && x.awaited[0].own == ""
}

// forget ends the transaction.
func (x *dialogue) forget() { x.mail, x.recipients = false, 0 }

// letGo ends the server's connection inside a transaction, which the server
// forgets with it. The client stays, so that it can say goodbye.
func (x *dialogue) letGo() {
	x.s.CloseServer()
	x.forget()
	x.refused = nil
	x.phase = phaseAlone
}
