package console

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"utmsim/internal/config"
)

// maxTyped is how many characters the line editor takes; what is typed behind
// them is lost, so that the line as a whole is refused.
const maxTyped = 4095

// typing is the state of the line being typed that the line editor does not keep.
type typing struct {
	overflow bool // characters were lost

	// The choices that Tab goes round, as long as the line is what Tab made of it.
	choices    []config.Choice
	turn       int
	head, tail string // of the line, around the word
	shown      string // the line as Tab left it
}

// fault is what is wrong with the line as it was typed; nil when nothing is.
func (t *typing) fault(k *keyboard) error {
	switch {
	case t.overflow:
		return errOurs("the line is longer than %d characters and was not executed", maxTyped)
	case k.broken:
		return errOurs("the line is not UTF-8 text and was not executed")
	}
	return nil
}

// readLine reads one line with the line editor. Each line has an editor of its
// own: after Ctrl-C the library's would go on with the line that was given up.
func (s *Session) readLine(prompt string) (string, error) {
	s.typing, s.keys.broken, s.keys.full = typing{}, false, false
	s.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&s.keys, &echo{&s.out}}, prompt)
	defer func() { s.editor = nil }()
	s.editor.History = &s.history
	s.editor.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		return s.typed(prompt, line, pos, key)
	}
	if err := s.editor.SetSize(s.size.cols, s.size.rows); err != nil {
		return "", err
	}
	return s.editor.ReadLine()
}

// echo is the screen as the line editor writes to it. What it writes of a line
// that is complete ends in CR CR LF, because programs that drive the appliance
// look for that.
type echo struct{ out *screen }

func (e *echo) Write(p []byte) (int, error) {
	head, entered := bytes.CutSuffix(p, []byte("\r\n"))
	if !entered {
		return e.out.Write(p)
	}
	if _, err := e.out.Write(head); err != nil {
		return 0, err
	}
	_, err := e.out.Write([]byte("\r\r\n"))
	return len(p), err
}

// typed looks at a key before it enters the line. It says true when it has dealt
// with the key, and then what the line has become.
func (s *Session) typed(prompt, line string, pos int, key rune) (string, int, bool) {
	switch {
	case s.keys.literal:
	case key == tab:
		line, pos = s.complete(line, pos)
		return line, pos, true
	case key == '?' && !inQuotes(line[:pos]):
		s.help(prompt, line, pos)
		return line, pos, true
	}
	if utf8.RuneCountInString(line) >= maxTyped {
		s.typing.overflow, s.keys.full = true, true
	}
	return line, pos, false
}

// inQuotes tells whether a line that is cut off here ends inside quotes.
func inQuotes(head string) bool {
	_, err := config.Tokenize(head)
	return err != nil
}

// help shows what may stand where the cursor is. The line editor draws its line
// anew afterwards; the one with the question mark stays above the help.
func (s *Session) help(prompt, line string, pos int) {
	choices, _, err := s.shell.offers(line[:pos])
	text := prompt + line + "?\n" + plainText(helpLines(choices))
	if err != nil {
		text += plainText(errText(err))
	}
	text += "\n"
	if _, err := io.WriteString(s.editor, text); err != nil {
		s.out.fail(err)
	}
}

// helpLines are choices as help shows them: words, mandatory ones with a star,
// then texts in a column four behind the longest word.
func helpLines(choices []config.Choice) []string {
	const gap = 4
	words := make([]string, len(choices))
	width := 0
	for i, c := range choices {
		words[i] = strings.Map(visible, c.Word)
		if c.Required {
			words[i] = "*" + words[i]
		}
		width = max(width, utf8.RuneCountInString(words[i]))
	}
	for i, c := range choices {
		if c.Help != "" {
			words[i] += strings.Repeat(" ", width+gap-utf8.RuneCountInString(words[i])) + c.Help
		}
	}
	return words
}

// complete finishes the word at the cursor. Of several that fit Tab shows one
// after the other.
func (s *Session) complete(line string, pos int) (string, int) {
	t := &s.typing
	if t.choices == nil || line != t.shown || pos != len(line)-len(t.tail) {
		choices, start, _ := s.shell.offers(line[:pos]) // after a wrong word there are none
		t.choices = completing(choices)
		t.turn, t.head, t.tail = -1, line[:start], line[pos:]
		if len(t.choices) == 0 {
			t.choices = nil
			s.bell()
			return line, pos
		}
	}
	t.turn = (t.turn + 1) % len(t.choices)
	head := t.head + t.choices[t.turn].Word + " "
	t.shown = head + t.tail
	if len(t.choices) == 1 {
		t.choices = nil // the next Tab is about the next word
	}
	return t.shown, len(head)
}

func (s *Session) bell() {
	if _, err := s.out.Write([]byte{'\a'}); err != nil {
		s.out.fail(err)
	}
}

// completing are the choices that can be put into a line.
func completing(choices []config.Choice) []config.Choice {
	var out []config.Choice
	for _, c := range choices {
		if !c.Hint {
			out = append(out, c)
		}
	}
	return out
}

// offers are the choices for the word that head, a line up to the cursor, ends
// in, and where that word begins. The error is what is wrong with the words
// before it.
func (s *shell) offers(head string) (choices []config.Choice, start int, err error) {
	words, err := config.Tokenize(head)
	if err != nil {
		return nil, len(head), nil // inside quotes anything may stand
	}
	if blank := head == "" || strings.HasSuffix(head, " ") || strings.HasSuffix(head, "\t"); blank || len(words) == 0 {
		words = append(words, config.Word{Column: len(head)})
	}
	start = words[len(words)-1].Column
	if list, ok := offerFilter(words); ok {
		return list, start, nil
	}
	root := s.root()
	if root == nil {
		return s.editor.Complete(words), start, nil
	}
	if len(words) > 1 {
		if err := checkVerb(root, words[0]); err != nil {
			return nil, start, err
		}
	}
	choices, err = root.offers(s, words)
	return choices, start, err
}

// maxHistory is how many lines a session remembers.
const maxHistory = 100

// history are the lines typed before, the newest last.
type history struct{ lines []string }

// Add remembers a line; blank ones and repetitions are not worth it.
func (h *history) Add(line string) {
	n := len(h.lines)
	if strings.TrimSpace(line) == "" || n > 0 && h.lines[n-1] == line {
		return
	}
	if n == maxHistory {
		h.lines = append(h.lines[:0], h.lines[1:]...)
	}
	h.lines = append(h.lines, line)
}

// Len is how many lines there are.
func (h *history) Len() int { return len(h.lines) }

// At is the i-th newest line.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
