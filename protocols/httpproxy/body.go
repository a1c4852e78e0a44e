package httpproxy

import (
	"errors"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// The sources of the three ways to delimit a body. Each remembers the error it
// ended with: a body is read while it is written to the other side, and only the
// source can tell whose fault a failure was.
var (
	_ proxy.CountedSource = (*countedBody)(nil)
	_ proxy.Source        = (*chunkedBody)(nil)
	_ proxy.Source        = (*openBody)(nil)
)

// countedBody is a body of a known length.
type countedBody struct {
	conn *wire.Conn
	left int64
	err  error
}

func (c *countedBody) Left() int64      { return c.left }
func (c *countedBody) Conn() *wire.Conn { return c.conn }
func (c *countedBody) Took(n int64)     { c.left -= n }
func (c *countedBody) Buffered() bool   { return c.left == 0 || len(c.conn.Buffered()) > 0 }

func (c *countedBody) Next() ([]byte, bool, error) {
	if c.left == 0 {
		return nil, false, io.EOF
	}
	if len(c.conn.Buffered()) == 0 {
		if err := more(c.conn, 1, &c.err); err != nil {
			return nil, false, err
		}
	}
	b := c.conn.Buffered()
	b = b[:min(int64(len(b)), c.left)]
	c.conn.Skip(len(b))
	c.left -= int64(len(b))
	return b, true, nil
}

// more reads once, with less than limit bytes waiting. An end inside a body is
// io.ErrUnexpectedEOF; errors that are not an invitation to try again are kept.
func more(conn *wire.Conn, limit int, kept *error) error {
	err := conn.Fill(limit)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !errors.Is(err, wire.ErrWake) {
		*kept = err
	}
	return err
}

// openBody is a body that ends with the connection.
type openBody struct {
	conn  *wire.Conn
	ended bool
	err   error
}

func (o *openBody) Buffered() bool { return o.ended || len(o.conn.Buffered()) > 0 }

func (o *openBody) Next() ([]byte, bool, error) {
	if o.ended {
		return nil, false, io.EOF
	}
	if len(o.conn.Buffered()) == 0 {
		if err := more(o.conn, 1, &o.err); err != nil {
			if err == io.ErrUnexpectedEOF {
				o.ended, o.err, err = true, nil, io.EOF
			}
			return nil, false, err
		}
	}
	b := o.conn.Buffered()
	o.conn.Skip(len(b))
	return b, true, nil
}
