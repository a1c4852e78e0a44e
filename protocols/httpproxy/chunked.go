package httpproxy

import (
	"bytes"
	"io"

	"utmsim/protocols/wire"
)

// Limits of chunked framing. An honest sender needs a few bytes a chunk;
// chunkSlack is what a chunk may use without being charged, chunkExcess what all
// chunks of a body may use above that. Without it, extensions would make the
// proxy hold many times what the hold limit allows.
const (
	maxChunkLine  = 4 << 10
	chunkSlack    = 18 // size of 16 digits and CR LF
	chunkExcess   = 16 << 10
	maxSizeDigits = 16
)

// chunkedBody is a body in chunks (RFC 9112 section 7.1). Its bytes are passed on
// as they came: sizes, extensions, trailer section and all.
type chunkedBody struct {
	conn     *wire.Conn
	state    chunkState
	left     int64 // of the chunk's data
	excess   int   // bytes of framing above what is free
	trailers int   // bytes of the trailer section
	limit    int   // of the trailer section
	err      error
}

type chunkState uint8

const (
	chunkSize chunkState = iota // a size line comes next
	chunkData
	chunkEnd // the CR LF behind the data
	chunkTrailer
	chunkDone
)

// begin starts a body behind conn; a trailer section may have limit bytes.
func (c *chunkedBody) begin(conn *wire.Conn, limit int) { *c = chunkedBody{conn: conn, limit: limit} }

func (c *chunkedBody) Buffered() bool {
	b := c.conn.Buffered()
	switch c.state {
	case chunkDone:
		return true
	case chunkData:
		return len(b) > 0
	case chunkEnd:
		return len(b) >= 2
	}
	return bytes.IndexByte(b, '\n') >= 0
}

func (c *chunkedBody) Next() (piece []byte, content bool, err error) {
	switch c.state {
	case chunkDone:
		return nil, false, io.EOF
	case chunkData:
		piece, err = c.data()
		return piece, true, err
	case chunkEnd:
		piece, err = c.end()
	case chunkSize:
		piece, err = c.size()
	case chunkTrailer:
		piece, err = c.trailer()
	}
	return piece, false, err
}

func (c *chunkedBody) data() ([]byte, error) {
	if len(c.conn.Buffered()) == 0 {
		if err := more(c.conn, 1, &c.err); err != nil {
			return nil, err
		}
	}
	b := c.conn.Buffered()
	b = b[:min(int64(len(b)), c.left)]
	c.conn.Skip(len(b))
	if c.left -= int64(len(b)); c.left == 0 {
		c.state = chunkEnd
	}
	return b, nil
}

func (c *chunkedBody) end() ([]byte, error) {
	for len(c.conn.Buffered()) < 2 {
		if err := more(c.conn, 2, &c.err); err != nil {
			return nil, err
		}
	}
	b := c.conn.Buffered()[:2]
	if string(b) != "\r\n" {
		return nil, c.fail(400, "the data of a chunk is longer than its size")
	}
	c.conn.Skip(2)
	c.state = chunkSize
	return b, nil
}

func (c *chunkedBody) size() ([]byte, error) {
	line, err := c.line(maxChunkLine, fault{413, "the extension of a chunk is too long"})
	if err != nil {
		return nil, err
	}
	n, err := chunkSizeOf(line[:len(line)-2])
	if err != nil {
		c.err = err
		return nil, err
	}
	if c.excess += max(0, len(line)-chunkSlack); c.excess > chunkExcess {
		return nil, c.fail(413, "the extensions of the chunks are too long")
	}
	c.left, c.state = n, chunkData
	if n == 0 {
		c.state = chunkTrailer
	}
	return line, nil
}

func (c *chunkedBody) trailer() ([]byte, error) {
	line, err := c.line(c.limit-c.trailers, fault{431, "the trailer section is too long"})
	if err != nil {
		return nil, err
	}
	c.trailers += len(line)
	if len(line) == 2 {
		c.state = chunkDone
		return line, nil
	}
	if err := trailerLine(line); err != nil {
		c.err = err
		return nil, err
	}
	return line, nil
}

// line takes one line that ends with CR LF and is not longer than limit.
func (c *chunkedBody) line(limit int, tooLong fault) ([]byte, error) {
	for {
		b := c.conn.Buffered()
		n := bytes.IndexByte(b, '\n') + 1
		switch {
		case n > limit || n == 0 && len(b) >= limit:
			c.err = tooLong
			return nil, tooLong
		case n == 1 || n > 1 && b[n-2] != '\r':
			return nil, c.fail(400, "a line of the chunked framing does not end with CR LF")
		case n > 0:
			c.conn.Skip(n)
			return b[:n], nil
		}
		if err := more(c.conn, limit, &c.err); err != nil {
			return nil, err
		}
	}
}

func (c *chunkedBody) fail(status int, why string) error {
	c.err = fault{status, why}
	return c.err
}

// chunkSizeOf reads a size line without its line end: hex digits, and behind
// them nothing or an extension that begins at once with a semicolon.
func chunkSizeOf(line []byte) (int64, error) {
	n, digits := uint64(0), 0
	for digits < len(line) && classes[line[digits]]&hexChar != 0 {
		if digits == maxSizeDigits {
			return 0, fault{400, "the size of a chunk has too many digits"}
		}
		n = n<<4 | uint64(hexValue(line[digits]))
		digits++
	}
	switch rest := line[digits:]; {
	case digits == 0, len(rest) > 0 && rest[0] != ';':
		return 0, fault{400, "the size of a chunk is malformed"}
	case !isText(rest):
		return 0, fault{400, "there is a control character in the extension of a chunk"}
	case n > maxLength:
		return 0, fault{413, "a chunk is too large"}
	}
	return int64(n), nil
}

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// trailerLine checks a field of the trailer section, given with its line end.
// Fields that delimit or route the message are refused there: a reader that
// merges them into the head would see another message (RFC 9110 section 6.5.1).
func trailerLine(line []byte) error {
	var h head
	text := len(line) - 2
	if err := h.fieldLine(line, span{0, text}, len(line)); err != nil {
		return err
	}
	if len(h.known) == 0 {
		return nil
	}
	switch h.known[0].kind {
	case fieldHost, fieldContentLength, fieldTransferEncoding:
		return fault{400, "the trailer section holds a field that belongs into the head"}
	}
	return nil
}
