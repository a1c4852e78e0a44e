package ftpproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"

	"utmsim/internal/replacemsg"
	"utmsim/internal/stats"
	"utmsim/protocols/mail"
	"utmsim/protocols/wire"
	"utmsim/proxy"
	"utmsim/scanner"
)

// transfer is one use of data connections. What was arranged for it is used up when
// it ends, however it ends.
type transfer struct {
	x       *dialogue
	verb    verb
	line    []byte   // the command
	name    string   // of the file, for people and scanners
	names   []string // of the file, for the file filter
	exempt  bool     // it is not to be scanned, for its name
	ascii   bool
	opening bool      // a data connection is waited for,
	from    wire.Side // with this side
	sent    bool      // the server has the command, and its last word is to come
	final   []byte    // its last word, when it has come early
	stored  string    // how the server calls what STOU stores

	source     content
	inspection proxy.Inspection
	walked     *mail.Message
}

// Ends of a transfer besides those of package proxy.
var (
	errAborted  = errors.New("the client has aborted the transfer")
	errAnswered = errors.New("the server has answered") // ends a wait for a data connection
	errGivenUp  = errors.New("the server has given up") // its last word says why
	errGone     = errors.New("the receiver has broken its data connection")
	errTold     = errors.New("the server has refused") // and the client knows
)

// refused is the end of a transfer of which the proxy tells the client.
type refused struct {
	reply   string
	verdict string // for the session's log line; empty when nothing was judged
	begun   bool   // the receiver has a part of the file
	cause   error
}

func (r *refused) Error() string { return string(bytes.TrimSpace([]byte(r.reply))) }

func (r *refused) Unwrap() error { return r.cause }

// begin prepares a transfer. ok is false when the two ends have not been arranged.
func (x *dialogue) begin(v verb, line []byte, arg string) (t *transfer, ok bool) {
	if x.client.way == wayNone || x.server.way == wayNone {
		x.forgetData()
		x.tell(replyNoAgreement)
		return nil, false
	}
	t = &transfer{x: x, verb: v, line: bytes.Clone(line), name: fileName(arg), ascii: x.ascii}
	if x.s.FiltersFiles() && v != verbLIST && !x.partial && !t.admitted() {
		x.forgetData()
		return nil, false
	}
	x.s.Attend(t.overhear)
	return t, true
}

// admitted asks the file filter about the file's name before the server hears of it; a
// client that may not have it, or bring it, is told. (A server that was told where to
// begin keeps that in mind for whatever comes next, and has to be asked.)
func (t *transfer) admitted() bool {
	if t.name == "" {
		return true
	}
	t.names = []string{t.name}
	dir := stats.Up
	if t.verb == verbRETR {
		dir = stats.Down
	}
	v := t.x.s.FilterName(&scanner.Object{Kind: scanner.File, Name: t.name, Names: t.names}, dir)
	if v.Class == scanner.FileBlocked {
		t.x.s.Note(proxy.Detected.String())
		t.x.tell("550 " + t.x.s.Message(replacemsg.FTPBlocked, &replacemsg.Values{File: t.name}) + "\r\n")
		return false
	}
	t.exempt = v.Class == scanner.FileExempt
	return true
}

// end closes what the transfer has left open.
func (t *transfer) end() {
	t.x.s.Attend(nil)
	t.x.forgetData()
	t.x.partial = false
	if t.walked != nil {
		t.walked.Release()
	}
}

// download carries out RETR, and what sends names.
func (x *dialogue) download(ctx context.Context, v verb, line []byte, arg string) error {
	t, ok := x.begin(v, line, arg)
	if !ok {
		return nil
	}
	defer t.end()
	return t.conclude(ctx, t.receive(ctx))
}

func (t *transfer) receive(ctx context.Context) error {
	if err := t.reachServer(); err != nil {
		return err
	}
	if err := t.start(ctx, true); err != nil {
		return err
	}
	if err := t.open(ctx, wire.Client, wire.Server); err != nil {
		return err
	}
	if t.verb == verbLIST {
		return t.pass()
	}
	return t.deliver(ctx)
}

// start gives the server the command and takes its first answer. told passes the
// answer on, unless it is the last word already; a refusal always is passed on.
func (t *transfer) start(ctx context.Context, told bool) error {
	x := t.x
	r, err := x.ask(ctx, t.line)
	switch {
	case errors.Is(err, errAborted):
		t.sent = true
		return err
	case err != nil:
		return &over{err}
	case r.Code/100 == 1:
		t.sent, t.stored = true, storedName(r.Raw)
		if !told {
			return nil
		}
	case r.Code/100 == 2:
		t.final = bytes.Clone(r.Raw)
		return nil
	default:
		err = errTold
	}
	if _, werr := x.s.Client().Write(r.Raw); werr != nil {
		return &over{werr}
	}
	return err
}

// over is an error of the dialogue, with which the session ends.
type over struct{ error }

func (o *over) Unwrap() error { return o.error }

// receiver is the side that the transfer goes to.
func (t *transfer) receiver() wire.Side {
	if t.verb == verbRETR || t.verb == verbLIST {
		return wire.Client
	}
	return wire.Server
}

// pass relays a listing.
func (t *transfer) pass() error {
	from, to := t.x.s.Data(wire.Server), t.x.s.Data(wire.Client)
	t.source.begin(from)
	for {
		if !t.source.Buffered() {
			if err := to.Flush(); err != nil {
				return err
			}
		}
		b, _, err := t.source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return to.Flush()
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return err
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
	}
}

// deliver has a file judged and gives it to the client.
func (t *transfer) deliver(ctx context.Context) error {
	client := t.x.s.Data(wire.Client)
	hold, err := t.inspect(ctx, stats.Down, wire.Server, client, false)
	if err != nil {
		return err
	}
	if err := t.judged(hold); err != nil {
		return err
	}
	if err := hold.Release(); err != nil {
		return err
	}
	return client.Flush()
}

// inspect holds a file that comes from one side and has it judged.
func (t *transfer) inspect(ctx context.Context, dir stats.Direction, from wire.Side, to *wire.Conn, splice bool) (*proxy.Hold, error) {
	x := t.x
	t.source.begin(x.s.Data(from))
	t.inspection = proxy.Inspection{
		Object: scanner.Object{Kind: scanner.File, Name: t.name, Names: t.names}, Source: &t.source, Dir: dir, To: to,
		Exempt: t.exempt, Uninspectable: x.uninspectable(), Comfort: dir == stats.Down, Splice: splice, Split: t.split,
	}
	return x.s.Inspect(ctx, &t.inspection)
}

// uninspectable tells that what the next transfer moves is a part of a file, or in
// a form that no scanner reads.
func (x *dialogue) uninspectable() bool { return x.partial || x.odd != 0 }

// judged looks at an outcome; nil lets the file go on. An ABOR that was sent
// meanwhile comes first.
func (t *transfer) judged(hold *proxy.Hold) error {
	switch {
	case t.x.aborts():
		hold.Discard()
		return errAborted
	case hold.Outcome == proxy.ScanReset:
		hold.Discard()
		return &over{fmt.Errorf("scanning a file: %w", proxy.ErrReset)}
	case hold.Blocked():
		reply := refusal(hold, t.name)
		hold.Discard()
		return &refused{reply: reply, verdict: hold.Outcome.String(), begun: hold.Comforted}
	}
	return nil
}

// conclude ends a transfer. The server has the last word about one that came to its
// end. Of any other, neither end must take what it has got for the whole: its
// connections are reset, except that of a client which has got nothing.
func (t *transfer) conclude(ctx context.Context, err error) error {
	x := t.x
	var o *over
	var r *refused
	switch {
	case err == nil:
		x.s.CloseData(wire.Client, false)
		x.s.CloseData(wire.Server, false)
		t.lastWord("", "")
		return nil
	case ctx.Err() != nil, errors.As(err, &o):
		return err
	case errors.As(err, &r):
		x.s.CloseData(wire.Client, r.begun && t.verb == verbRETR)
		if r.verdict != "" {
			x.s.Note(r.verdict)
		}
	}
	x.s.Log().Debug("transfer broken off", zap.Error(err))
	x.forgetData()
	switch {
	case r != nil:
		t.tellRefusal(r)
	case !errors.Is(err, errTold):
		t.lastWord(replyBroken, replyBroken)
	}
	return nil
}

// tellRefusal tells the client why it has got nothing. What the server has stored of
// a file that was blocked is removed there.
func (t *transfer) tellRefusal(r *refused) {
	t.x.tell(r.reply)
	if !t.sent {
		return
	}
	then := ""
	if r.verdict != "" {
		then = t.removal()
	}
	t.x.expect(expected{verb: verbFinal, swallow: true, then: then})
}

// lastWord leaves the last word to the server. instead is what the client hears if
// the server takes a transfer that failed for a success, unsaid what it hears if the
// server does not know of it.
func (t *transfer) lastWord(instead, unsaid string) {
	switch {
	case t.sent:
		t.x.expect(expected{verb: verbFinal, instead: instead})
	case t.final != nil && (instead == "" || t.final[0] != '2'):
		t.x.tell(string(t.final))
	default:
		t.x.tell(unsaid)
	}
}
