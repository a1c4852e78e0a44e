package wire

import (
	"bytes"
	"errors"
	"io"
)

// StrictBody is the body of a message that a client hands in (behind SMTP's DATA, or
// NNTP's POST): a strict DotBody that refuses two more forgeries. An end whose line
// before has a CR too many, because servers that take CR CR LF for text have not seen
// an end there, and a dot that stands alone on its line but for NULs, which some
// servers leave out.
type StrictBody struct {
	dot  DotBody
	last [3]byte // that were taken
	line lineState
	err  error
}

var (
	errDoubtfulEnd = errors.New("a CR before the line end in front of the last dot")
	errHiddenEnd   = errors.New("a dot alone on its line but for NULs")
)

// Begin starts with the body that begins behind what was taken from conn.
func (s *StrictBody) Begin(conn *Conn) {
	s.dot.Reset(conn, true)
	s.last, s.line, s.err = [3]byte{0, '\r', '\n'}, lineText, nil
}

// Buffered tells that Next will not read from the network.
func (s *StrictBody) Buffered() bool { return s.dot.Buffered() }

// Next returns the next piece, see proxy.Source.
func (s *StrictBody) Next() (piece []byte, content bool, err error) {
	if s.err != nil {
		return nil, false, s.err
	}
	piece, content, err = s.dot.Next()
	if err != nil {
		return nil, false, err
	}
	isEnd := !content && len(piece) > 1
	switch {
	case isEnd && s.last == [3]byte{'\r', '\r', '\n'}:
		s.err = errDoubtfulEnd
	case s.hidesEnd(piece):
		s.err = errHiddenEnd
	}
	if s.err != nil {
		return nil, false, s.err
	}
	n := copy(s.last[:], s.last[min(3, len(piece)):])
	copy(s.last[n:], piece[max(0, len(piece)-3):])
	return piece, content, nil
}

// lineState is how far a line has come that holds nothing but a dot and NULs.
type lineState uint8

const (
	lineText  lineState = iota // no such line
	lineBegin                  // behind a line end
	lineNUL                    // and NULs
	lineDot                    // and a dot
	lineBoth                   // and both
)

// hidesEnd looks for a dot with NULs. Pieces without a NUL cost one search.
func (s *StrictBody) hidesEnd(piece []byte) bool {
	if s.line == lineText && bytes.IndexByte(piece, 0) < 0 {
		return false
	}
	state := s.line
	if state == lineText {
		state = state.next(s.last[1]).next(s.last[2])
	}
	for _, b := range piece {
		if state == lineBoth && (b == '\r' || b == '\n') {
			return true
		}
		state = state.next(b)
	}
	s.line = lineText
	if state == lineNUL || state == lineBoth {
		s.line = state
	}
	return false
}

func (s lineState) next(b byte) lineState {
	switch {
	case b == '\r', b == '\n':
		return lineBegin
	case s == lineText:
	case b == 0 && s <= lineNUL:
		return lineNUL
	case b == 0:
		return lineBoth
	case b == '.' && s == lineBegin:
		return lineDot
	case b == '.' && s == lineNUL:
		return lineBoth
	}
	return lineText
}

// Forged tells that the body was refused for what it looks like: two servers could
// see two messages in it.
func (s *StrictBody) Forged() bool {
	var dot *DotError
	return s.err != nil || errors.As(s.dot.Err(), &dot)
}

// Failure is why the body did not come to its end, nil when it may still.
func (s *StrictBody) Failure() error {
	if s.err != nil {
		return s.err
	}
	return s.dot.Err()
}

// Drain reads the rest and forgets it.
func (s *StrictBody) Drain() error {
	for {
		if _, _, err := s.Next(); err == io.EOF {
			return nil
		} else if err != nil && !errors.Is(err, ErrWake) {
			return err
		}
	}
}
