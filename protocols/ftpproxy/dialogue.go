package ftpproxy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// dialogue is what the driver keeps of a session.
type dialogue struct {
	s       *proxy.Session
	awaited []expected // what the server has not answered yet, in order
	over    bool       // the server has said goodbye
	named   target     // the server that an explicit client has named

	client  end // how the next data connection with the client is made
	server  end // and with the server
	epsvAll bool
	noEPSV  bool // the server does not know the command
	noEPRT  bool

	ascii    bool // TYPE A
	odd      form // what keeps files from being inspected
	partial  bool // the next transfer is a part of a file (REST, RANG)
	renaming bool // between RNFR and RNTO
}

// form is a set of ways to send files that a scanner can't read.
type form uint8

const (
	oddMode      form = 1 << iota // blocks or compressed (RFC 959 section 3.4)
	oddStructure                  // records or pages (section 3.1.2)
	oddType                       // EBCDIC, or bytes of another size (section 3.1.1)
)

// expected is an answer of the server that is to come.
type expected struct {
	verb    verb
	arg     string
	swallow bool   // the client does not hear it
	instead string // what the client hears in the place of a success
	then    string // a command of the proxy's own behind it, whose answer is swallowed
}

// maxAwaited bounds the commands that wait for an answer: one, and ABORs.
const maxAwaited = 8

// busy tells that the session is inside a transaction, in the wide sense: at rest
// perhaps, but not idle.
func (x *dialogue) busy() bool {
	return len(x.awaited) > 0 || x.client.way != wayNone || x.partial || x.renaming
}

func (x *dialogue) expect(e expected) { x.awaited = append(x.awaited, e) }

// tell writes to the client. A failure shows when the engine flushes.
func (x *dialogue) tell(reply string) { _, _ = x.s.Client().WriteString(reply) }

// refuse answers a command that is not passed on because of what it would bring.
func (x *dialogue) refuse(reply string) {
	x.s.Stats().FTP.Stat.CommandsBlocked.Inc()
	x.tell(reply)
}

func (x *dialogue) passes(o config.HoldOptions) bool { return x.options().Options.Has(o) }

// await settles everything that is awaited, before the client's next command is
// looked at, unless this is an ABOR.
func (x *dialogue) await(ctx context.Context) error {
	if len(x.awaited) < maxAwaited {
		x.s.Attend(x.overhearABOR)
		defer x.s.Attend(nil)
	}
	for len(x.awaited) > 0 {
		if len(x.awaited) < maxAwaited && x.abortsNext() {
			return nil
		}
		if err := x.hear(ctx); err != nil {
			if errors.Is(err, errAborted) {
				return nil
			}
			return err
		}
	}
	return nil
}

// hear takes one reply from the server and acts on it.
func (x *dialogue) hear(ctx context.Context) error {
	reply, err := x.read(ctx)
	if err != nil {
		return err
	}
	return x.replied(reply)
}

// ask sends the server a command of which the proxy needs the answer at once.
// Nothing else may be awaited. A server that says goodbye ends the session.
func (x *dialogue) ask(ctx context.Context, command []byte) (wire.Reply, error) {
	if _, err := x.s.Server().Write(command); err != nil {
		return wire.Reply{}, x.serverLost(ctx, err)
	}
	reply, err := x.read(ctx)
	if err != nil {
		return wire.Reply{}, err
	}
	if reply.Code == codeGoodbye {
		if _, err := x.s.Client().Write(reply.Raw); err != nil {
			return wire.Reply{}, err
		}
		return wire.Reply{}, io.EOF
	}
	return reply, nil
}

// read takes one reply from the server. One that is too long to be held is passed
// on line by line and has no Raw.
func (x *dialogue) read(ctx context.Context) (wire.Reply, error) {
	server := x.s.Server()
	if len(server.Buffered()) == 0 {
		if err := x.flush(ctx); err != nil {
			return wire.Reply{}, err
		}
	}
	for {
		reply, err := wire.ReadReply(server, wire.FirstAndLast, maxReply)
		switch {
		case errors.Is(err, wire.ErrWake):
		case errors.Is(err, wire.ErrTooLong):
			return x.passLong(ctx)
		case errors.Is(err, errAborted):
			return wire.Reply{}, err
		case err != nil:
			return wire.Reply{}, x.serverLost(ctx, err)
		default:
			return reply, nil
		}
	}
}

// passLong passes on a reply of many lines, a listing by STAT for example, without
// holding it.
func (x *dialogue) passLong(ctx context.Context) (wire.Reply, error) {
	if len(x.awaited) == 0 || x.awaited[0].verb != verbOther || x.awaited[0].swallow {
		return wire.Reply{}, x.serverLost(ctx, wire.ErrTooLong)
	}
	x.s.Attend(nil) // an ABOR has to wait: half a reply is with the client
	code := 0
	for {
		line, err := x.s.Server().ReadLine(x.options().LineLimit)
		switch {
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return wire.Reply{}, x.serverLost(ctx, err)
		}
		n, last := wire.ReplyLine(line)
		if code == 0 {
			code = n
		}
		if _, err := x.s.Client().Write(line); err != nil {
			return wire.Reply{}, err
		}
		if last && n == code {
			return wire.Reply{Code: code}, nil
		}
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
	case silent && (x.over || !x.busy() || x.onlyQuit()):
		return io.EOF
	case errors.Is(err, wire.ErrReply), errors.Is(err, wire.ErrTooLong):
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

// onlyQuit tells that nothing but a goodbye is awaited.
func (x *dialogue) onlyQuit() bool { return len(x.awaited) == 1 && x.awaited[0].verb == verbQUIT }
