package wire

import (
	"bytes"
	"errors"
	"io"
)

// DotError is what a strict DotBody ends with: a dot beside a line end that is not
// CR LF. Alone on its line one reader may take it for the end of the body and
// another for content, and whoever lets it pass helps to smuggle a second message
// behind the first. At the front of a line one reader takes it off and another does
// not, so that what was judged is not what arrives.
type DotError struct {
	// Sequence is what stood there: the line end before, the dot, and the byte behind
	// if that is of a line end.
	Sequence string
}

func (e *DotError) Error() string { return "a dot beside a line end that is not CR LF" }

// The sequences are few, so that refusing one costs no memory.
var (
	errDotCRLFCR = &DotError{"\r\n.\r"}
	errDotCRLFLF = &DotError{"\r\n.\n"}
	errDotLFCR   = &DotError{"\n.\r"}
	errDotLFLF   = &DotError{"\n.\n"}
	errDotCRCR   = &DotError{"\r.\r"}
	errDotCRLF   = &DotError{"\r.\n"}
	errDotLF     = &DotError{"\n."}
	errDotCR     = &DotError{"\r."}
)

// DotBody is a body that ends with a dot alone on a line and whose lines that
// begin with a dot have one more (SMTP's DATA, RFC 5321 section 4.5.2; POP3, RFC
// 1939 section 3; NNTP, RFC 3977 section 3.1.1). It delivers the bytes as they
// came. Content is what the lines were before dots were stuffed, the line end
// before the last dot included; the stuffed dots and the last dot with its line
// end are framing.
//
// Nothing but CR LF ends a line: a bare CR or LF is content, and so is a dot
// beside one.
type DotBody struct {
	conn   *Conn
	strict bool
	done   bool
	last   [2]byte // the two bytes taken before those that are buffered
	err    error
}

// NewDotBody returns the body that begins behind what was taken from c. A strict
// one ends with a *DotError where others might see an end or a stuffed dot; a
// tolerant one passes such bytes on as content.
func NewDotBody(c *Conn, strict bool) *DotBody {
	d := new(DotBody)
	d.Reset(c, strict)
	return d
}

// Reset begins another body, see NewDotBody.
func (d *DotBody) Reset(c *Conn, strict bool) {
	*d = DotBody{conn: c, strict: strict, last: [2]byte{'\r', '\n'}}
}

// Err is the error the body ended with: the network's, io.ErrUnexpectedEOF when
// the stream ended first, or a *DotError; nil while it goes on and when it was
// complete. It tells whose fault a failed relay was.
func (d *DotBody) Err() error { return d.err }

// dotAt is what the dot at the front of the buffer is.
type dotAt uint8

const (
	dotPlain   dotAt = iota // content
	dotStuffed              // framing of one byte
	dotEnd                  // the end of the body
	dotForged               // an end or framing for some
	dotMore                 // not to be told yet
)

// Buffered tells that Next will not read from the network.
func (d *DotBody) Buffered() bool {
	b := d.conn.Buffered()
	if d.done || d.err != nil {
		return true
	}
	return len(b) > 0 && (b[0] != '.' || d.classify(b, d.last[0], d.last[1]) != dotMore)
}

// Next returns the next piece, see proxy.Source. io.EOF follows the last dot.
func (d *DotBody) Next() (piece []byte, content bool, err error) {
	if d.done {
		return nil, false, io.EOF
	}
	if d.err != nil {
		return nil, false, d.err
	}
	for {
		b := d.conn.Buffered()
		kind := dotMore
		if len(b) > 0 {
			kind = dotPlain
			if b[0] == '.' {
				kind = d.classify(b, d.last[0], d.last[1])
			}
		}
		switch kind {
		case dotPlain:
			return d.take(d.plain(b)), true, nil
		case dotStuffed:
			return d.take(1), false, nil
		case dotEnd:
			d.done = true
			return d.take(3), false, nil
		case dotForged:
			d.err = forged(d.last, b[1])
			return nil, false, d.err
		}
		if err := fillBody(d.conn, 3, &d.err); err != nil {
			return nil, false, err
		}
	}
}

// plain is how many bytes from the front of b are content for certain, at least
// the first one.
func (d *DotBody) plain(b []byte) int {
	for n := 1; ; n++ {
		i := bytes.IndexByte(b[n:], '.')
		if i < 0 {
			return len(b)
		}
		n += i
		if b[n-1] != '\n' && b[n-1] != '\r' {
			continue
		}
		before := d.last[1]
		if n > 1 {
			before = b[n-2]
		}
		if d.classify(b[n:], before, b[n-1]) != dotPlain {
			return n
		}
	}
}

// classify judges the dot in b[0] by the two bytes before it and those behind.
func (d *DotBody) classify(b []byte, before2, before1 byte) dotAt {
	switch {
	case before2 == '\r' && before1 == '\n':
		return d.atLineStart(b)
	case !d.strict || before1 != '\n' && before1 != '\r':
		return dotPlain
	case len(b) < 2:
		return dotMore
	}
	return dotForged
}

// atLineStart judges a dot behind CR LF.
func (d *DotBody) atLineStart(b []byte) dotAt {
	switch {
	case len(b) < 2:
		return dotMore
	case b[1] == '\n' && d.strict:
		return dotForged
	case b[1] != '\r':
		return dotStuffed
	case len(b) < 3:
		return dotMore
	case b[2] == '\n':
		return dotEnd
	case d.strict:
		return dotForged
	}
	return dotStuffed
}

// take takes n bytes and remembers the last of them.
func (d *DotBody) take(n int) []byte {
	b := d.conn.Buffered()[:n]
	if n == 1 {
		d.last = [2]byte{d.last[1], b[0]}
	} else {
		d.last = [2]byte{b[n-2], b[n-1]}
	}
	d.conn.Skip(n)
	return b
}

// forged is the error for a dot behind last and before next.
func forged(last [2]byte, next byte) *DotError {
	switch {
	case last == [2]byte{'\r', '\n'} && next == '\r':
		return errDotCRLFCR
	case last == [2]byte{'\r', '\n'}:
		return errDotCRLFLF
	case last[1] == '\n' && next == '\r':
		return errDotLFCR
	case last[1] == '\n' && next == '\n':
		return errDotLFLF
	case last[1] == '\n':
		return errDotLF
	case next == '\r':
		return errDotCRCR
	case next == '\n':
		return errDotCRLF
	}
	return errDotCR
}

// fillBody reads once for a body, with less than limit bytes waiting. An end
// inside a body is io.ErrUnexpectedEOF; errors that are not an invitation to try
// again are kept.
func fillBody(c *Conn, limit int, kept *error) error {
	err := c.Fill(limit)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, ErrWake) {
		*kept = err
	}
	return err
}
