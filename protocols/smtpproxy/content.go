package smtpproxy

import (
	"errors"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// content is the message behind DATA. Besides the line ends around a dot that some
// take for the end (see wire.DotBody), it refuses an end whose line before has a CR
// too many: servers that take CR CR LF for text have not seen an end there.
type content struct {
	dot  wire.DotBody
	last [3]byte // of the content that was taken
	err  error
}

var _ proxy.Source = (*content)(nil)

var errDoubtfulEnd = errors.New("a CR before the line end in front of the last dot")

func (c *content) begin(conn *wire.Conn) {
	c.dot.Reset(conn, true)
	c.last, c.err = [3]byte{}, nil
}

func (c *content) Buffered() bool { return c.dot.Buffered() }

func (c *content) Next() (piece []byte, content bool, err error) {
	if c.err != nil {
		return nil, false, c.err
	}
	piece, content, err = c.dot.Next()
	switch {
	case err != nil:
	case content:
		n := copy(c.last[:], c.last[min(3, len(piece)):])
		copy(c.last[n:], piece[max(0, len(piece)-3):])
	case len(piece) > 1 && c.last == [3]byte{'\r', '\r', '\n'}:
		c.err = errDoubtfulEnd
		return nil, false, c.err
	}
	return piece, content, err
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
