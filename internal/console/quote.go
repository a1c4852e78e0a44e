package console

import (
	"errors"
	"strings"

	"utmsim/internal/config"
)

// openLine are lines whose quotes go on behind them. What comes is looked at once,
// however many lines there are.
type openLine struct {
	text  strings.Builder
	quote byte // that is open, 0 outside quotes
}

// add takes a line and tells whether a quote is still open behind it.
func (o *openLine) add(line string) (open bool) {
	line += "\n"
	o.text.WriteString(line)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && o.quote != '\'':
			i++
		case c == o.quote:
			o.quote = 0
		case o.quote == 0 && (c == '"' || c == '\''):
			o.quote = c
		}
	}
	return o.quote != 0
}

// enter takes the next line of a session. more says that a quote is open behind
// it, so that nothing has been executed yet.
func (s *shell) enter(line string) (out string, more bool, err error) {
	if s.open.text.Len() > 0 {
		if s.open.text.Len()+len(line) > maxLine {
			s.giveUp()
			return "", false, errTooLong()
		}
		if s.open.add(line) {
			return "", true, nil
		}
		line = strings.TrimSuffix(s.open.text.String(), "\n")
		s.giveUp()
	}
	out, err = s.execute(line)
	if !errors.Is(err, config.ErrOpenQuote) {
		return out, false, err
	}
	s.open.add(line)
	return "", true, nil
}

// giveUp forgets lines that are not complete.
func (s *shell) giveUp() { s.open = openLine{} }
