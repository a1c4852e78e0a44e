package smtpproxy

import (
	"bytes"
	"errors"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// content is the message behind DATA. Besides the line ends around a dot that some
// take for the end (see wire.DotBody), it refuses an end whose line before has a CR
// too many, because servers that take CR CR LF for text have not seen an end there,
// and a dot that stands alone on its line but for NULs, which some servers leave out.
type content struct {
	dot  wire.DotBody
	last [3]byte // that were taken
	line lineState
	err  error
}

var _ proxy.Source = (*content)(nil)

var (
	errDoubtfulEnd = errors.New("a CR before the line end in front of the last dot")
	errHiddenEnd   = errors.New("a dot alone on its line but for NULs")
)

func (c *content) begin(conn *wire.Conn) {
	c.dot.Reset(conn, true)
	c.last, c.line, c.err = [3]byte{0, '\r', '\n'}, lineText, nil
}

func (c *content) Buffered() bool { return c.dot.Buffered() }

func (c *content) Next() (piece []byte, content bool, err error) {
	if c.err != nil {
		return nil, false, c.err
	}
	piece, content, err = c.dot.Next()
	if err != nil {
		return nil, false, err
	}
	isEnd := !content && len(piece) > 1
	switch {
	case isEnd && c.last == [3]byte{'\r', '\r', '\n'}:
		c.err = errDoubtfulEnd
	case c.hidesEnd(piece):
		c.err = errHiddenEnd
	}
	if c.err != nil {
		return nil, false, c.err
	}
	n := copy(c.last[:], c.last[min(3, len(piece)):])
	copy(c.last[n:], piece[max(0, len(piece)-3):])
	return piece, content, nil
}

// lineState is how far a line has come that holds nothing but a dot and NULs.
type lineState uint8

const (
	lineText  lineState = iota // no such line
	lineStart                  // behind a line end
	lineNUL                    // and NULs
	lineDot                    // and a dot
	lineBoth                   // and both
)

// hidesEnd looks for a dot with NULs. Pieces without a NUL cost one search.
func (c *content) hidesEnd(piece []byte) bool {
	if c.line == lineText && bytes.IndexByte(piece, 0) < 0 {
		return false
	}
	s := c.line
	if s == lineText {
		s = s.next(c.last[1]).next(c.last[2])
	}
	for _, b := range piece {
		if s == lineBoth && (b == '\r' || b == '\n') {
			return true
		}
		s = s.next(b)
	}
	c.line = lineText
	if s == lineNUL || s == lineBoth {
		c.line = s
	}
	return false
}

func (s lineState) next(b byte) lineState {
	switch {
	case b == '\r', b == '\n':
		return lineStart
	case s == lineText:
	case b == 0 && s <= lineNUL:
		return lineNUL
	case b == 0:
		return lineBoth
	case b == '.' && s == lineStart:
		return lineDot
	case b == '.' && s == lineNUL:
		return lineBoth
	}
	return lineText
}

// forged tells that the source has refused what it read: two servers could see two
// messages in it.
func (c *content) forged() bool {
	var dot *wire.DotError
	return c.err != nil || errors.As(c.dot.Err(), &dot)
}

func (c *content) failure() error {
	if c.err != nil {
		return c.err
	}
	return c.dot.Err()
}

// drain reads the rest and forgets it.
func (c *content) drain() error {
	for {
		if _, _, err := c.Next(); err == io.EOF {
			return nil
		} else if err != nil && !errors.Is(err, wire.ErrWake) {
			return err
		}
	}
}
