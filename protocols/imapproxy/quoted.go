package imapproxy

import (
	"bytes"
	"io"

	"utmsim/protocols/wire"
)

// quoted is the rest of a quoted string (RFC 9051 section 4.3), behind its first
// quote. The backslashes and the last quote are framing, everything else content.
type quoted struct {
	conn    *wire.Conn
	escaped bool
	done    bool
	err     error
}

func (q *quoted) begin(c *wire.Conn) { *q = quoted{conn: c} }

// Buffered implements proxy.Source.
func (q *quoted) Buffered() bool { return q.done || q.err != nil || len(q.conn.Buffered()) > 0 }

// Next implements proxy.Source. Strings do not go over lines: a CR, LF or NUL in one
// is a fault.
func (q *quoted) Next() (piece []byte, content bool, err error) {
	switch {
	case q.err != nil:
		return nil, false, q.err
	case q.done:
		return nil, false, io.EOF
	}
	if len(q.conn.Buffered()) == 0 {
		if err := q.conn.Fill(maxStretch); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			if err != wire.ErrWake {
				q.err = err
			}
			return nil, false, err
		}
	}
	b := q.conn.Buffered()
	switch {
	case q.escaped:
		q.escaped = false
		if b[0] != '\\' && b[0] != '"' {
			q.err = faultQuote
			return nil, false, q.err
		}
		return q.take(1), true, nil
	case b[0] == '"':
		q.done = true
		return q.take(1), false, nil
	case b[0] == '\\':
		q.escaped = true
		return q.take(1), false, nil
	}
	n := bytes.IndexAny(b, "\"\\\r\n\x00")
	if n < 0 {
		n = len(b)
	}
	if n == 0 {
		q.err = faultQuote
		return nil, false, q.err
	}
	return q.take(n), true, nil
}

func (q *quoted) take(n int) []byte {
	b := q.conn.Buffered()[:n]
	q.conn.Skip(n)
	return b
}
