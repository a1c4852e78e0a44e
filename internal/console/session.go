package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"utmsim/internal/config"
)

// Interactive describes the terminal of a session.
type Interactive struct {
	Who        string // in whose name changes are made
	Cols, Rows int    // of the terminal, in characters; 0 stands for 80 and 24
}

// Session is a console session on a terminal: prompts, line editing, history,
// help, paging. Run runs it; Resize may be called from any goroutine.
type Session struct {
	shell   *shell
	rw      io.ReadWriter
	in      *input
	out     screen
	size    size
	ctx     context.Context // of Run
	keys    keyboard
	editor  *term.Terminal // of the line being typed; nil between lines
	history history
	typing  typing
}

// NewSession makes a session on a terminal that sends keys as they are typed and
// echoes nothing itself.
func (c *Console) NewSession(rw io.ReadWriter, t Interactive) *Session {
	s := &Session{shell: newShell(c, t.Who), rw: rw, in: newInput(), out: screen{w: rw}}
	s.setSize(size{t.Cols, t.Rows})
	s.keys.next = s.nextByte
	s.shell.confirm = s.confirm
	return s
}

// Resize tells the session that its terminal has another size, in characters.
func (s *Session) Resize(cols, rows int) { s.in.resize(size{cols, rows}) }

// Run serves the session until exit, the end of the input, or the end of ctx. A
// change that has not been committed by then is dropped. If rw has a read
// deadline, Run uses it at the end to stop reading; otherwise one read may be left
// behind until it returns by itself.
func (s *Session) Run(ctx context.Context) error {
	s.ctx = ctx
	pumped := make(chan struct{})
	go func() { defer close(pumped); s.in.pump(s.rw) }()
	err := s.serve()
	s.in.halt()
	if d, ok := s.rw.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		<-pumped
	}
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("console session of %s: %w", s.shell.who, err)
}

// serve reads and executes lines until the session is over.
func (s *Session) serve() error {
	open := "" // lines that an open quote continues
	for !s.shell.left {
		prompt := s.shell.prompt()
		if open != "" {
			prompt = "> "
		}
		line, err := s.readLine(prompt)
		switch {
		case errors.Is(err, errInterrupt):
			open = ""
			s.out.print("^C\n")
			continue
		case err != nil:
			s.out.print("\n")
			return errors.Join(err, s.out.flush())
		}
		if open, err = s.perform(open + line); err != nil {
			return err
		}
	}
	return s.out.flush()
}

// perform executes one line and shows what it prints. It returns the line itself
// when it goes on behind its end.
func (s *Session) perform(line string) (open string, err error) {
	if fault := s.typing.fault(&s.keys); fault != nil {
		return "", s.answer("", fault)
	}
	if strings.TrimSpace(line) == "" {
		return "", nil
	}
	text, err := s.shell.execute(line)
	if errors.Is(err, config.ErrOpenQuote) {
		return line + "\n", nil
	}
	return "", s.answer(text, err)
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

// nextByte is the next byte that the terminal sends. What was written so far
// reaches the terminal before anybody waits.
func (s *Session) nextByte() (byte, error) {
	return s.in.next(s.ctx, s.out.flush, s.setSize)
}

// Bounds of a terminal's size, in characters: what is outside is not believed.
const (
	minCols, maxCols = 20, 4096
	minRows, maxRows = 2, 4096
)

func (s *Session) setSize(n size) {
	if n.cols <= 0 || n.rows <= 0 {
		n = size{80, 24}
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
