package console

import (
	"fmt"
	"io"
	"strings"
)

// stream is a console session without a terminal: lines in, output and a status
// out.
type stream struct {
	shell  *shell
	out    io.Writer // what the lines print, errors included, as the appliance does
	notes  io.Writer // what is wrong with the lines as a whole
	more   bool      // a quote is open behind the last line
	failed bool
	werr   error // the first error of out; nobody reads what follows
}

func newStream(c *Console, u operator, out, notes io.Writer) *stream {
	return &stream{shell: newShell(c, u), out: out, notes: notes}
}

// line executes one line. After exit, or when nobody takes the output any more,
// lines have no effect.
func (s *stream) line(line string) {
	if s.shell.left || s.werr != nil {
		return
	}
	text, more, err := s.shell.enter(strings.TrimSuffix(line, "\r"))
	if s.more = more; more {
		return
	}
	s.print(text)
	if err != nil {
		s.fail(err)
	}
}

func (s *stream) fail(err error) {
	s.failed = true
	s.print(plainText(errText(err)))
}

func (s *stream) print(text string) {
	if text != "" && s.werr == nil {
		_, s.werr = io.WriteString(s.out, text)
	}
}

// end closes the session and tells whether all went well. What the lines have
// left open is dropped.
func (s *stream) end() bool {
	switch {
	case s.more:
		s.note("the last line ends inside quotes and was not executed")
	case s.shell.editor.InObject() && !s.shell.left:
		s.note(fmt.Sprintf("config %s is not closed with end: what was set in it since the last end or next is dropped",
			strings.Join(s.shell.editor.Path(), " ")))
	}
	return !s.failed && s.werr == nil
}

func (s *stream) note(text string) {
	s.failed = true
	if s.werr == nil {
		_, s.werr = io.WriteString(s.notes, text+"\n")
	}
}
