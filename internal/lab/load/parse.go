package load

import (
	"bytes"
	"errors"
	"strconv"
)

// Limits of what is read of a response before it is called malformed.
const (
	maxHead      = 32 << 10
	maxChunkLine = 1 << 10
)

// errMalformed is a response whose end can't be found.
var errMalformed = errors.New("malformed response")

// head is what a response head says about the end of the response.
type head struct {
	status  int
	length  int64 // of the body; -1 when no field says
	chunked bool
	close   bool // the connection ends with the response
}

// parseHead reads a complete head, up to and without the empty line.
func parseHead(text []byte) (head, error) {
	line, fields, _ := bytes.Cut(text, []byte("\r\n"))
	version, rest, _ := bytes.Cut(line, []byte(" "))
	if len(version) != len("HTTP/1.1") || !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(rest) < 3 {
		return head{}, errMalformed
	}
	status, ok := decimal(rest[:3])
	if !ok || status < 100 || len(rest) > 3 && rest[3] != ' ' {
		return head{}, errMalformed
	}
	h := head{status: int(status), length: -1, close: version[7] == '0'}
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if err := h.field(line); err != nil {
			return head{}, err
		}
	}
	if h.status == 204 || h.status == 304 || h.status < 200 { // RFC 9112 section 6.3
		h.length, h.chunked = 0, false
	}
	return h, nil
}

// field notes one field if it is one of the three that matter. The first letter
// sorts out nearly all others at no cost.
func (h *head) field(line []byte) error {
	if len(line) == 0 || line[0]|0x20 != 'c' && line[0]|0x20 != 't' {
		return nil
	}
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return errMalformed
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		length, ok := decimal(value)
		if !ok || h.length >= 0 && h.length != length {
			return errMalformed
		}
		h.length = length
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if !bytes.EqualFold(value, []byte("chunked")) {
			return errMalformed
		}
		h.chunked = true
	case bytes.EqualFold(name, []byte("Connection")):
		h.close = h.close && !bytes.EqualFold(value, []byte("keep-alive")) || bytes.EqualFold(value, []byte("close"))
	}
	return nil
}

// decimal reads up to 18 digits and nothing else.
func decimal(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, true
}

// chunks follows a chunked body (RFC 9112 section 7.1) piece by piece.
type chunks struct {
	state chunkState
	line  []byte
	left  int64
	body  digest // of the content so far
	done  bool
}

type chunkState int

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd
	chunkTrailer
)

// follow takes the next bytes and returns how many of them belong to the body.
func (c *chunks) follow(p []byte) (int, error) {
	taken := 0
	for taken < len(p) && !c.done {
		if c.state == chunkData {
			n := int(min(int64(len(p)-taken), c.left))
			c.left -= int64(n)
			c.body.add(p[taken : taken+n])
			taken += n
			if c.left == 0 {
				c.state = chunkEnd
			}
			continue
		}
		end := bytes.IndexByte(p[taken:], '\n') + 1
		complete := end > 0
		if !complete {
			end = len(p) - taken
		}
		if len(c.line)+end > maxChunkLine {
			return taken, errMalformed
		}
		c.line = append(c.line, p[taken:taken+end]...)
		taken += end
		if !complete {
			continue
		}
		if err := c.endOfLine(); err != nil {
			return taken, err
		}
		c.line = c.line[:0]
	}
	return taken, nil
}

// endOfLine acts on a complete line between chunks.
func (c *chunks) endOfLine() error {
	text, ok := bytes.CutSuffix(c.line, []byte("\r\n"))
	switch {
	case !ok:
		return errMalformed
	case c.state == chunkEnd && len(text) > 0:
		return errMalformed
	case c.state == chunkEnd:
		c.state = chunkSize
		return nil
	case c.state == chunkTrailer:
		c.done = len(text) == 0
		return nil
	}
	digits, _, _ := bytes.Cut(text, []byte(";"))
	size, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 62)
	if err != nil {
		return errMalformed
	}
	c.left = int64(size)
	c.state = chunkData
	if size == 0 {
		c.state = chunkTrailer
	}
	return nil
}
