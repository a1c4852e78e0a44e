package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
)

// readBuffer is how much is read at once: large enough that a large object
// costs few system calls, small enough to stay in the processor's cache.
const readBuffer = 64 << 10

// statusError is a complete response whose status is not 200.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// errShort is a response that ended before it was complete.
var errShort = errors.New("short response")

// errClosed is a connection that ended where a response should have begun.
var errClosed = errors.New("closed without a response")

// exchange sends one request and reads its response. keep says whether the
// connection can be used again; a statusError leaves it usable.
func exchange(conn net.Conn, request, buf []byte) (body int64, keep bool, err error) {
	if _, err := conn.Write(request); err != nil {
		return 0, false, err
	}
	filled := 0
	for {
		h, size, err := readHead(conn, buf, &filled)
		if err != nil {
			return 0, false, err
		}
		filled = copy(buf, buf[size:filled])
		if h.status < 200 {
			continue // RFC 9110 section 15.2: interim, the answer is still to come
		}
		body, err = readBody(conn, h, buf, filled)
		if err != nil {
			return body, false, err
		}
		keep = !h.close && (h.chunked || h.length >= 0)
		if h.status != 200 {
			return body, keep, statusError(h.status)
		}
		return body, keep, nil
	}
}

// readHead reads until buf holds a complete head and returns its size with the
// empty line.
func readHead(conn net.Conn, buf []byte, filled *int) (head, int, error) {
	searched := 0
	for {
		if end := bytes.Index(buf[searched:*filled], []byte("\r\n\r\n")); end >= 0 {
			h, err := parseHead(buf[:searched+end])
			return h, searched + end + len("\r\n\r\n"), err
		}
		searched = max(0, *filled-len("\r\n\r"))
		if *filled >= maxHead {
			return head{}, 0, errMalformed
		}
		n, err := conn.Read(buf[*filled:])
		*filled += n
		if n > 0 {
			continue
		}
		switch {
		case errors.Is(err, io.EOF) && *filled == 0:
			return head{}, 0, errClosed
		case errors.Is(err, io.EOF):
			return head{}, 0, errShort
		case err != nil:
			return head{}, 0, err
		}
	}
}

// readBody reads what follows the head; the first filled bytes of buf are
// already there. Bytes beyond the response are an error: nothing was asked for.
func readBody(conn net.Conn, h head, buf []byte, filled int) (int64, error) {
	switch {
	case h.chunked:
		return readChunked(conn, buf, filled)
	case h.length < 0:
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, buf)
		return n + int64(filled), err
	}
	got := int64(filled)
	for got < h.length {
		n, err := conn.Read(buf)
		got += int64(n)
		if err != nil {
			return got, short(err)
		}
	}
	if got > h.length {
		return h.length, errMalformed
	}
	return got, nil
}

func readChunked(conn net.Conn, buf []byte, filled int) (int64, error) {
	var c chunks
	for {
		taken, err := c.follow(buf[:filled])
		if err != nil {
			return c.body, err
		}
		if c.done && taken < filled {
			return c.body, errMalformed
		}
		if c.done {
			return c.body, nil
		}
		if filled, err = conn.Read(buf); err != nil {
			return c.body, short(err)
		}
	}
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}
