package imapproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// phase is what the client's next line is.
type phase uint8

const (
	phaseCommand phase = iota
	phaseAsked         // nobody knows before the server has answered the last command
	phaseSecret        // an answer in AUTHENTICATE
	phaseIdle          // DONE
)

// Limits of what is kept of a session.
const (
	// maxAwaited and maxTogether bound the commands whose answers are awaited, in
	// number and in bytes; a client that sends more waits. As many bytes fit any
	// socket buffer, so that a server that answers before it has read them all never
	// waits for a proxy that waits for it.
	maxAwaited  = 128
	maxTogether = 8 << 10
	// maxLiterals bounds the literals of one command.
	maxLiterals = 1000
)

// dialogue is what the driver keeps of a session.
type dialogue struct {
	driver *Driver
	s      *proxy.Session
	line   wire.LiteralLine // of the client

	phase   phase
	offered offered
	greeted bool // the server has said its greeting
	over    bool // the server has said goodbye
	asking  bool // a go-ahead is waited for inside a command

	awaited []awaited // commands that the server has not answered, oldest first
	bytes   int       // their length
	numbers uint64    // how many there were

	own   uint64 // the command whose answer is for the proxy and not for the client; 0: none
	reply []byte // that answer, once it is there
}

// awaited is a command that the server has not answered yet.
type awaited struct {
	tag    string
	verb   verb
	length int    // of its lines, in bytes
	number uint64 // distinguishes commands with the same tag
}

// busy tells that the session is inside a transaction, in the wide sense: at rest
// perhaps, but not idle. One that waits for news in IDLE is idle: nothing is under
// way, and the client has said itself that it only waits.
func (x *dialogue) busy() bool {
	return !x.greeted || x.phase == phaseAsked || x.phase == phaseSecret || len(x.awaited) > 0 && !x.waits()
}

// waits tells that the client waits for news and for nothing else.
func (x *dialogue) waits() bool { return x.phase == phaseIdle && len(x.awaited) == 1 }

// expect notes a command that goes to the server.
func (x *dialogue) expect(c command, length int) (number uint64) {
	x.numbers++
	x.awaited = append(x.awaited, awaited{tag: string(c.tag), verb: c.verb, length: length, number: x.numbers})
	x.bytes += length
	return x.numbers
}

// answered takes the oldest command with a tag out.
func (x *dialogue) answered(tag []byte) (awaited, bool) {
	i := slices.IndexFunc(x.awaited, func(a awaited) bool { return a.tag == string(tag) })
	if i < 0 {
		return awaited{}, false
	}
	a := x.awaited[i]
	x.awaited = slices.Delete(x.awaited, i, i+1)
	x.bytes -= a.length
	if len(x.awaited) == 0 {
		x.awaited = nil // nothing is kept while the session rests
	}
	return a, true
}

// last is the number of the last command, if the server owes its answer.
func (x *dialogue) last() uint64 {
	if n := len(x.awaited); n > 0 {
		return x.awaited[n-1].number
	}
	return 0
}

// awaits tells that a command is not answered yet.
func (x *dialogue) awaits(number uint64) bool {
	return slices.ContainsFunc(x.awaited, func(a awaited) bool { return a.number == number })
}

// hearWhile hears the server while cond holds.
func (x *dialogue) hearWhile(ctx context.Context, cond func() bool) error {
	for cond() {
		if err := x.hear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle hears the server until it has answered every command.
func (x *dialogue) settle(ctx context.Context) error {
	return x.hearWhile(ctx, func() bool { return len(x.awaited) > 0 || !x.greeted })
}

// ask hears the server until it asks for the literal of a command, or has answered
// the command without it.
func (x *dialogue) ask(ctx context.Context, number uint64) (granted bool, err error) {
	x.asking = true
	defer func() { x.asking = false }()
	err = x.hearWhile(ctx, func() bool { return x.asking && x.awaits(number) })
	return !x.asking, err
}

// tell writes to the client. A failure shows when the engine flushes.
func (x *dialogue) tell(text string) { _, _ = x.s.Client().WriteString(text) }

// answer gives the client an answer of the proxy's own.
func (x *dialogue) answer(tag []byte, text string) {
	if len(tag) == 0 {
		x.tell("* " + text)
		return
	}
	x.tell(string(tag) + " " + text)
}

// clientError is a failure of the client's connection where the server is spoken to.
type clientError struct{ error }

func (e clientError) Unwrap() error { return e.error }

// fill reads more from the server. What both sides have not got yet goes out
// before.
func (x *dialogue) fill() error {
	if err := x.s.Client().Flush(); err != nil {
		return clientError{err}
	}
	if err := x.s.Server().Flush(); err != nil {
		return err
	}
	for {
		err := x.s.Server().Fill(maxStretch)
		if !errors.Is(err, wire.ErrWake) {
			return err
		}
	}
}

// serverLost ends the session after the server's end or a failure of its
// connection, between two responses. A client that waits for something is told.
func (x *dialogue) serverLost(ctx context.Context, err error) error {
	var f fault
	var gone clientError
	silent := errors.Is(err, io.EOF)
	switch {
	case ctx.Err() != nil, errors.As(err, &gone):
		return err
	case silent && (x.over || !x.busy()):
		return io.EOF
	case errors.As(err, &f), errors.Is(err, wire.ErrTooLong):
		x.tell(byeNonsense)
		return fmt.Errorf("reading a response: %w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, proxy.ErrTimeout):
		x.tell(byeSilent)
		return fmt.Errorf("waiting for a response: %w", err)
	case silent:
		err = io.ErrUnexpectedEOF
	}
	x.tell(byeLost)
	return fmt.Errorf("talking to the server: %w", err)
}

// cutShort ends the session inside a response, where nothing can be said any more:
// the client sees that its end is missing.
func cutShort(ctx context.Context, err error) error {
	var f fault
	var gone clientError
	switch {
	case ctx.Err() != nil, errors.As(err, &gone):
		return err
	case errors.As(err, &f), errors.Is(err, wire.ErrTooLong):
		return fmt.Errorf("passing on a response: %w: %w", proxy.ErrProtocol, err)
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("passing on a response: %w", err)
}
