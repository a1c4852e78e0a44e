package console

import (
	"fmt"
	"io"
	"strings"

	"utmsim/internal/config"
)

// screen collects what goes to a terminal until it is flushed, so that a page is
// one write. The first error ends all writing.
type screen struct {
	w   io.Writer
	buf []byte
	err error
}

// screenBuffer is how much is collected before it is written anyway, in bytes.
const screenBuffer = 16 << 10

// Write passes terminal output through as it is.
func (o *screen) Write(p []byte) (int, error) {
	o.buf = append(o.buf, p...)
	if len(o.buf) >= screenBuffer {
		return len(p), o.flush()
	}
	return len(p), o.err
}

// print writes text with a terminal's line ends. Control characters in it, which
// kept parts of foreign files may hold, are shown as dots: they could do anything
// to a terminal.
func (o *screen) print(text string) {
	text = strings.ReplaceAll(strings.Map(visible, text), "\n", "\r\n")
	o.buf = append(o.buf, text...)
	if len(o.buf) >= screenBuffer {
		o.fail(o.flush())
	}
}

func visible(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
		return '.'
	}
	return r
}

func (o *screen) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// flush sends what was collected.
func (o *screen) flush() error {
	if o.err == nil && len(o.buf) > 0 {
		if _, err := o.w.Write(o.buf); err != nil {
			o.err = fmt.Errorf("writing to the terminal: %w", err)
		}
	}
	o.buf = o.buf[:0]
	return o.err
}

// morePrompt is what the pager waits behind.
const morePrompt = "--More-- "

// page shows text, a page at a time where the console's output is so set: space
// goes on by a page, Enter by a line, q and Ctrl-C give up.
func (s *Session) page(text string) error {
	if s.shell.console.opts.Store.Snapshot().Console.Output != config.OutputMore {
		s.out.print(text)
		return s.out.flush()
	}
	room, fresh := s.size.rows-1, true // rows left; nothing printed since the last pause
	for text != "" {
		var line string
		line, text = cutLine(text)
		if !fresh && s.height(line) > room {
			step, err := s.more()
			if err != nil || step == 0 {
				return err
			}
			room = step
		}
		s.out.print(line)
		room, fresh = room-s.height(line), false
	}
	return s.out.flush()
}

// cutLine is the first line of text with its end, and the rest.
func cutLine(text string) (line, rest string) {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return text[:i+1], text[i+1:]
	}
	return text, ""
}

// height is how many rows of the terminal a line takes.
func (s *Session) height(line string) int {
	n := len([]rune(strings.TrimSuffix(line, "\n")))
	return max(1, (n+s.size.cols-1)/s.size.cols)
}

// more waits for a key and tells how many rows to go on by; 0 is no further.
func (s *Session) more() (rows int, err error) {
	s.out.print(morePrompt)
	for rows = -1; rows < 0; {
		b, err := s.keys.byte()
		if err != nil {
			return 0, err
		}
		switch b {
		case ' ':
			rows = s.size.rows - 1
		case enterKey, lineFeed:
			rows = 1
		case 'q', 'Q', ctrlC:
			rows = 0
		}
	}
	s.out.buf = append(s.out.buf, "\r"+strings.Repeat(" ", len(morePrompt))+"\r"...)
	return rows, nil
}
