package wire

import (
	"bytes"
	"errors"
)

// ErrLiteral is a line that ends like the announcement of a literal and is none.
// The two ends could disagree about what follows, so it must not be passed on as
// part of a command.
var ErrLiteral = errors.New("malformed announcement of a literal")

// Literal is the announcement of counted bytes at the end of a line (RFC 9051
// section 4.3, RFC 7888).
type Literal struct {
	Size   int64
	Wait   bool // {n}: the sender waits for a go-ahead; {n+}: the bytes follow at once
	Binary bool // ~{n}: NUL is allowed (RFC 3516)
	At     int  // where in the line it begins
}

// maxLiteralDigits is enough for what fits 63 bits.
const maxLiteralDigits = 18

// ParseLiteral reads the announcement at the end of a line that is given with its
// line end (CR LF, or LF). ok is false when the line announces none. A literal of
// more than limit bytes is ErrTooLong, with the literal filled in; ErrLiteral
// stands for one whose number is missing or malformed. LITERAL- writes the same
// {n+} as LITERAL+; {n-} is in no standard and malformed.
//
// It does not know whether the line's end lies inside a quoted string; see
// OpenQuote.
func ParseLiteral(line []byte, limit int64) (lit Literal, ok bool, err error) {
	b := withoutEnd(line)
	if len(b) == 0 || b[len(b)-1] != '}' {
		return Literal{}, false, nil
	}
	lit.At = bytes.LastIndexByte(b, '{')
	if lit.At < 0 {
		return Literal{}, false, nil
	}
	number := b[lit.At+1 : len(b)-1]
	if len(number) > 0 && !digit(number[0]) && number[0] != '+' && number[0] != '-' && number[0] != ' ' {
		return Literal{}, false, nil // {word} in some text
	}
	lit.Wait = true
	if n := len(number); n > 0 && number[n-1] == '+' {
		lit.Wait, number = false, number[:n-1]
	}
	if len(number) == 0 || len(number) > maxLiteralDigits {
		return Literal{}, false, ErrLiteral
	}
	for _, c := range number {
		if !digit(c) {
			return Literal{}, false, ErrLiteral
		}
		lit.Size = lit.Size*10 + int64(c-'0')
	}
	if lit.At > 0 && b[lit.At-1] == '~' {
		lit.Binary = true
		lit.At--
	}
	if lit.Size > limit {
		return lit, true, ErrTooLong
	}
	return lit, true, nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// withoutEnd is a line without its CR LF or LF.
func withoutEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
		if n > 1 && line[n-2] == '\r' {
			line = line[:n-2]
		}
	}
	return line
}

// OpenQuote tells that a line ends inside a quoted string. Strings do not go over
// lines, so such a command is malformed, and what looks like the announcement of
// a literal at its end is text to some and framing to others.
func OpenQuote(line []byte) bool {
	open := false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '"':
			open = !open
		case line[i] == '\\' && open:
			i++
		}
	}
	return open
}

// LiteralLine reads one line that literals may interrupt: fragments of the line,
// each with its line end, and between them counted bytes.
type LiteralLine struct {
	Conn *Conn
	// Line bounds all fragments together, in bytes; Literal one literal; Literals
	// their number.
	Line     int
	Literal  int64
	Literals int

	body Counted
	used int // bytes of fragments taken
	seen int // literals announced
}

// Begin forgets the line read before.
func (l *LiteralLine) Begin() { l.used, l.seen = 0, 0 }

// Fragment takes the next fragment. announced tells that it ends with the literal
// lit, whose bytes Body delivers; they have to be taken before the next call. A
// fragment without a literal is the line's last. Errors are those of
// Conn.ReadLine and of ParseLiteral; the number of literals is bounded by
// ErrTooLong as well. With an error of ParseLiteral the fragment is returned. The
// call may be repeated after ErrWake.
func (l *LiteralLine) Fragment() (fragment []byte, lit Literal, announced bool, err error) {
	fragment, err = l.Conn.ReadLine(l.Line - l.used)
	if err != nil {
		return nil, Literal{}, false, err
	}
	l.used += len(fragment)
	lit, announced, err = ParseLiteral(fragment, l.Literal)
	if announced && err == nil {
		if l.seen++; l.seen > l.Literals {
			err = ErrTooLong
		}
		l.body.Reset(l.Conn, lit.Size)
	}
	return fragment, lit, announced, err
}

// Body is the literal announced last.
func (l *LiteralLine) Body() *Counted { return &l.body }
