package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
)

// Interactive describes the terminal of a session.
type Interactive struct {
	Who        string // in whose name changes are made
	Cols, Rows int    // of the terminal, in characters; 0 stands for 80 and 24

	// View lets everything be shown and nothing be changed.
	View bool
	// VDOMs are those that the session is kept to, where there are VDOMs; nil is
	// all and what they share.
	VDOMs []string
	// Idle is how long the session may wait for a key before it is closed; nil or
	// 0 is without end. It is asked anew each time.
	Idle func() time.Duration
	// Banner is a text to be accepted before anything else; "" for none.
	Banner string
}

// Session is a console session on a terminal: prompts, line editing, history,
// help, paging. Run runs it; Resize may be called from any goroutine.
type Session struct {
	shell   *shell
	rw      io.ReadWriter
	set     Interactive
	in      *input
	out     screen
	size    size
	ctx     context.Context // of Run
	keys    keyboard
	editor  *term.Terminal // of the line being typed; nil between lines
	history history
	typing  typing
	typedAt time.Time     // when the last key came
	pumped  chan struct{} // closed when nobody reads the terminal any more
}

// NewSession makes a session on a terminal that sends keys as they are typed and
// echoes nothing itself.
func (c *Console) NewSession(rw io.ReadWriter, t Interactive) *Session {
	s := &Session{
		shell: newShell(c, operator{t.Who, t.View, t.VDOMs}), rw: rw, set: t,
		in: newInput(), out: screen{w: rw}, pumped: make(chan struct{}),
	}
	s.setSize(size{t.Cols, t.Rows})
	s.keys.next = s.nextByte
	s.shell.confirm = s.confirm
	s.shell.live = s.live
	return s
}

// Resize tells the session that its terminal has another size, in characters.
func (s *Session) Resize(cols, rows int) { s.in.resize(size{cols, rows}) }

// Run serves the session until exit, the end of the input, or the end of ctx. A
// change that has not been committed by then is dropped. If rw has a read
// deadline, Run uses it at the end to stop reading; otherwise one read may be left
// behind until it returns by itself.
func (s *Session) Run(ctx context.Context) error {
	s.ctx, s.typedAt = ctx, time.Now()
	go func() { defer close(s.pumped); s.in.pump(s.rw) }()
	err := s.welcome()
	if err == nil {
		err = s.serve()
	}
	s.in.halt()
	if d, ok := s.rw.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		<-s.pumped
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errIdle):
		return errIdle
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("console session of %s: %w", s.shell.who, err)
}

// Wait returns when the terminal is no longer read. Whoever has given Run a
// terminal without a read deadline closes it first.
func (s *Session) Wait() { <-s.pumped }

// welcome shows the banner and waits for it to be accepted with the key a; any
// other key ends the session.
func (s *Session) welcome() error {
	if s.set.Banner == "" {
		return nil
	}
	s.out.print(s.set.Banner + "\n(Press 'a' to accept):")
	b, err := s.keys.byte()
	switch {
	case err != nil:
		return err
	case b != 'a' && b != 'A':
		s.out.print("\n")
		return errors.Join(io.EOF, s.out.flush())
	}
	s.out.print("\n")
	return nil
}

// serve reads and executes lines until the session is over.
func (s *Session) serve() error {
	open := false // a quote
	for !s.shell.left {
		prompt := s.shell.prompt()
		if open {
			prompt = "> "
		}
		line, err := s.readLine(prompt)
		switch {
		case errors.Is(err, errInterrupt):
			open = false
			s.shell.giveUp()
			s.out.print("^C\n")
			continue
		case err != nil:
			s.out.print("\n")
			return errors.Join(err, s.out.flush())
		}
		if open, err = s.perform(line, open); err != nil {
			return err
		}
	}
	return s.out.flush()
}

// perform executes one line, perhaps the next of an open quote, and shows what it
// prints. It tells whether a quote is open behind it.
func (s *Session) perform(line string, open bool) (more bool, err error) {
	if fault := s.typing.fault(&s.keys); fault != nil {
		s.shell.giveUp()
		return false, s.answer("", fault)
	}
	if strings.TrimSpace(line) == "" && !open {
		return false, nil
	}
	text, more, err := s.shell.enter(line)
	if more {
		return true, nil
	}
	return false, s.answer(text, err)
}

// answer shows the response to a line and the empty line that ends it.
func (s *Session) answer(text string, failure error) error {
	if failure != nil {
		text += plainText(errText(failure))
	}
	if err := s.page(text); err != nil {
		return err
	}
	s.out.print("\n")
	return s.out.flush()
}

// errIdle ends a session whose user has gone.
var errIdle = errors.New("the session was idle for too long")

// nextByte is the next byte that the terminal sends. What was written so far
// reaches the terminal before anybody waits.
func (s *Session) nextByte() (byte, error) { return s.wait(0) }

// wait is nextByte that gives up with errElapsed after a while; 0 is never.
func (s *Session) wait(while time.Duration) (byte, error) {
	limit, late := while, errElapsed
	if s.set.Idle != nil {
		if most := s.set.Idle(); most > 0 {
			if left := max(most-time.Since(s.typedAt), 1); limit == 0 || left < limit {
				limit, late = left, errIdle
			}
		}
	}
	var elapsed <-chan time.Time
	if limit > 0 && len(s.in.current) == 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		elapsed = timer.C
	}
	b, err := s.in.next(s.ctx, elapsed, s.out.flush, s.setSize)
	switch {
	case err == nil:
		s.typedAt = time.Now()
	case errors.Is(err, errElapsed):
		if err = late; late == errIdle {
			s.out.print(fmt.Sprintf("\n%v: admintimeout\n", late))
			err = errors.Join(err, s.out.flush())
		}
	}
	return b, err
}

// live shows pages one after the other, a new one every so often, until q or
// Ctrl-C is typed; draw is told of any other key.
func (s *Session) live(every time.Duration, draw func(key byte, rows int) string) error {
	for key := byte(0); ; {
		s.out.buf = append(s.out.buf, "\x1b[H\x1b[J"...)
		s.out.print(draw(key, s.size.rows-1))
		b, err := s.waitKey(every)
		switch {
		case errors.Is(err, errElapsed):
			b = 0
		case err != nil:
			return err
		case b == 'q' || b == 'Q' || b == ctrlC:
			return nil
		}
		key = b
	}
}

// waitKey is wait for a key that is one byte.
func (s *Session) waitKey(while time.Duration) (b byte, err error) {
	s.keys.next = func() (byte, error) { return s.wait(while) }
	defer func() { s.keys.next = s.nextByte }()
	return s.keys.byte()
}

// Bounds of a terminal's size, in characters: what is outside is not believed.
const (
	minCols, maxCols = 20, 4096
	minRows, maxRows = 2, 4096
)

func (s *Session) setSize(n size) {
	if n.cols <= 0 {
		n.cols = 80
	}
	if n.rows <= 0 { // programs that want no paging ask for a terminal without rows, and get it all the same
		n.rows = 24
	}
	s.size = size{min(max(n.cols, minCols), maxCols), min(max(n.rows, minRows), maxRows)}
	if s.editor != nil {
		s.out.fail(s.editor.SetSize(s.size.cols, s.size.rows))
	}
}

// confirm asks a question that is answered with one key, y or n.
func (s *Session) confirm(question string) bool {
	s.out.print(question)
	for {
		b, err := s.keys.byte()
		switch {
		case err != nil || b == ctrlC || b == 'n' || b == 'N':
			s.out.print("n\n")
			return false
		case b == 'y' || b == 'Y':
			s.out.print("y\n")
			return true
		}
	}
}
