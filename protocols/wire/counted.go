package wire

import "io"

// Counted is a body of a known length: a literal of IMAP, a BDAT chunk of SMTP, a
// body with a content length. All of it is content.
type Counted struct {
	conn *Conn
	left int64
	err  error
}

// NewCounted returns the body of n bytes that begins behind what was taken from c.
func NewCounted(c *Conn, n int64) *Counted { return &Counted{conn: c, left: n} }

// Reset begins another body, see NewCounted.
func (c *Counted) Reset(conn *Conn, n int64) { *c = Counted{conn: conn, left: n} }

// Left is how many bytes are still to come, those that are buffered included.
func (c *Counted) Left() int64 { return c.left }

// Conn is where they come from.
func (c *Counted) Conn() *Conn { return c.conn }

// Took tells that n bytes were taken from Conn by somebody else.
func (c *Counted) Took(n int64) { c.left -= n }

// Buffered tells that Next will not read from the network.
func (c *Counted) Buffered() bool {
	return c.left == 0 || c.err != nil || len(c.conn.Buffered()) > 0
}

// Err is the error the body ended with, io.ErrUnexpectedEOF when the stream ended
// first; nil while it goes on and when it was complete.
func (c *Counted) Err() error { return c.err }

// Next returns the next piece, see proxy.Source.
func (c *Counted) Next() (piece []byte, content bool, err error) {
	if c.left == 0 {
		return nil, false, io.EOF
	}
	if c.err != nil {
		return nil, false, c.err
	}
	if len(c.conn.Buffered()) == 0 {
		if err := fillBody(c.conn, 1, &c.err); err != nil {
			return nil, false, err
		}
	}
	b := c.conn.Buffered()
	b = b[:min(int64(len(b)), c.left)]
	c.conn.Skip(len(b))
	c.left -= int64(len(b))
	return b, true, nil
}
