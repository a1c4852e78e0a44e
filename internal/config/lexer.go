package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Word is one word of a line.
type Word struct {
	Text   string // without quotes and escapes
	Quoted bool   // some of it stood in quotes: it may be empty or hold blanks
	Column int    // byte offset in the line, from 0
}

// Limits of what is read as configuration.
const (
	maxFile = 64 << 20 // bytes of a file; a large unit's backup has a few
	maxLine = 1 << 20  // bytes of a line with all its quoted line breaks; the longest real ones are replacement pages and certificates
	maxNest = 32       // config blocks within each other; real ones reach 5
)

// ErrOpenQuote is returned for a line that ends inside quotes: with the following
// line appended it may be complete.
var ErrOpenQuote = errors.New("quote is not closed")

// Tokenize splits a line into words. Blanks separate; "..." keeps blanks and line
// breaks and takes a backslash as escape of the next character; '...' keeps
// everything; outside quotes a backslash escapes too. A line that begins with #
// is a comment and has no words.
func Tokenize(line string) ([]Word, error) {
	var words []Word
	for pos := 0; pos < len(line); {
		var err error
		if words, pos, err = lexLine(line, pos, words); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// statement is one line of a file with what its quotes continued.
type statement struct {
	words []Word // valid until the next statement is read
	start int    // offset of its first byte
	end   int    // offset after its line break
	line  int    // number of its first line
}

// verb is the statement's first word; quoted words are no verbs.
func (s *statement) verb() string {
	if s.words[0].Quoted {
		return ""
	}
	return s.words[0].Text
}

// lexer reads a file statement by statement.
type lexer struct {
	data string
	pos  int
	line int // of pos, from 1
	buf  []Word
}

// next reads the next statement that has words; false at the end.
func (l *lexer) next() (statement, bool, error) {
	for l.pos < len(l.data) {
		st := statement{start: l.pos, line: l.line}
		words, end, err := lexLine(l.data, l.pos, l.buf[:0])
		if err != nil {
			return st, false, err
		}
		st.words, st.end, l.buf = words, end, words
		l.line += strings.Count(l.data[l.pos:end], "\n")
		l.pos = end
		if len(words) > 0 {
			return st, true, nil
		}
	}
	return statement{line: l.line}, false, nil
}

// lexLine appends the words of the line at pos to words and returns the offset after
// its line break.
func lexLine(data string, pos int, words []Word) ([]Word, int, error) {
	start := pos
	for first := true; pos < len(data); first = false {
		for pos < len(data) && isBlank(data[pos]) {
			pos++
		}
		switch {
		case pos == len(data):
			return words, pos, nil
		case data[pos] == '\n':
			return words, pos + 1, nil
		case data[pos] == '#' && first:
			return words, lineEnd(data, pos), nil
		}
		w, end, err := lexWord(data, pos)
		if err != nil {
			return words, pos, err
		}
		if end-start > maxLine {
			return words, pos, fmt.Errorf("line is longer than %d bytes", maxLine)
		}
		w.Column = pos - start
		words, pos = append(words, w), end
	}
	return words, pos, nil
}

// lexWord reads the word at pos, which is not blank, and returns the offset after it.
func lexWord(data string, pos int) (Word, int, error) {
	var w Word
	var b strings.Builder
	pieces := 0
	add := func(s string) { // a word in one piece, the usual case, is not copied
		if pieces++; pieces == 1 {
			w.Text = s
			return
		}
		if pieces == 2 {
			b.WriteString(w.Text)
		}
		b.WriteString(s)
	}
	for pos < len(data) && data[pos] != '\n' && !isBlank(data[pos]) {
		switch c := data[pos]; {
		case c == '\'' || c == '"':
			w.Quoted = true
			end, err := lexQuoted(data, pos, add)
			if err != nil {
				return w, pos, err
			}
			pos = end
		case c == '\\' && pos+1 < len(data) && data[pos+1] != '\n' && data[pos+1] != '\r':
			_, size := utf8.DecodeRuneInString(data[pos+1:])
			add(data[pos+1 : pos+1+size])
			pos += 1 + size
		default:
			end := pos + 1
			for end < len(data) && !strings.ContainsRune(" \t\r\n'\"\\", rune(data[end])) {
				end++
			}
			add(data[pos:end])
			pos = end
		}
	}
	if pieces > 1 {
		w.Text = b.String()
	}
	return w, pos, nil
}

// lexQuoted adds the pieces of the quoted text at pos and returns the offset after
// the closing quote.
func lexQuoted(data string, pos int, add func(string)) (int, error) {
	stop := data[pos : pos+1]
	if stop == `"` {
		stop = `"\`
	}
	for pos++; ; {
		n := strings.IndexAny(data[pos:], stop)
		if n < 0 || data[pos+n] == '\\' && pos+n+1 == len(data) {
			return pos, ErrOpenQuote
		}
		add(data[pos : pos+n])
		pos += n + 1
		if data[pos-1] != '\\' {
			return pos, nil
		}
		_, size := utf8.DecodeRuneInString(data[pos:])
		add(data[pos : pos+size])
		pos += size
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func lineEnd(data string, pos int) int {
	if n := strings.IndexByte(data[pos:], '\n'); n >= 0 {
		return pos + n + 1
	}
	return len(data)
}

// quote writes a string the way show does.
func quote(s string) string {
	if s == "" {
		return "''"
	}
	return `"` + escapes.Replace(s) + `"`
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
