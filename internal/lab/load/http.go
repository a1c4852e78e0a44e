package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
)

// HTTP asks for one object over and over.
type HTTP struct {
	Path  string   // of the object, with a leading slash
	Proxy string   // host:port of a forward proxy on loopback; empty connects to the target's address
	Want  *Content // of the body; nil takes any
}

func (h HTTP) prepare(target Target) (player, error) {
	if len(h.Path) == 0 || h.Path[0] != '/' {
		return nil, fmt.Errorf("checking the path %q: it must begin with a slash", h.Path)
	}
	form := h.Path
	if h.Proxy != "" {
		form = "http://" + target.Address + h.Path // RFC 9112 section 3.2.2
	}
	return &httpPlayer{
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", form, target.Address),
		want:    h.Want,
	}, nil
}

// via is where connections go instead of the target's address.
func (h HTTP) via() string { return h.Proxy }

type httpPlayer struct {
	request []byte
	want    *Content
}

func (p *httpPlayer) begin(*line) error { return nil }

func (p *httpPlayer) transaction(l *line) (int64, bool, error) {
	return exchange(l.conn, p.request, l.in, p.want)
}

func (p *httpPlayer) end(*line) error { return nil }

// exchange sends one request and reads its response. keep says whether the
// connection can be used again; an unwanted status leaves it usable.
func exchange(conn net.Conn, request, buf []byte, want *Content) (body int64, keep bool, err error) {
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
		d := digest{sizeOnly: want == nil || h.status != 200}
		if err = readBody(conn, h, buf, filled, &d); err != nil {
			return d.size, false, err
		}
		keep = !h.close && (h.chunked || h.length >= 0)
		if h.status != 200 {
			return d.size, keep, unwanted(fmt.Sprintf("status %d", h.status))
		}
		return d.size, keep, d.check(want)
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

// readBody reads what follows the head into d; the first filled bytes of buf are
// already there. Bytes beyond the response are an error: nothing was asked for.
func readBody(conn net.Conn, h head, buf []byte, filled int, d *digest) error {
	switch {
	case h.chunked:
		return readChunked(conn, buf, filled, d)
	case h.length < 0:
		return readToEnd(conn, buf, filled, d)
	}
	for {
		if left := h.length - d.size; int64(filled) > left {
			d.add(buf[:left])
			return errMalformed
		}
		d.add(buf[:filled])
		if d.size == h.length {
			return nil
		}
		var err error
		if filled, err = conn.Read(buf); err != nil {
			d.add(buf[:filled])
			return short(err)
		}
	}
}

// readToEnd reads a body that the end of the connection ends.
func readToEnd(conn net.Conn, buf []byte, filled int, d *digest) error {
	for {
		d.add(buf[:filled])
		var err error
		filled, err = conn.Read(buf)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func readChunked(conn net.Conn, buf []byte, filled int, d *digest) error {
	c := chunks{body: *d}
	defer func() { *d = c.body }()
	for {
		taken, err := c.follow(buf[:filled])
		if err != nil {
			return err
		}
		if c.done && taken < filled {
			return errMalformed
		}
		if c.done {
			return nil
		}
		if filled, err = conn.Read(buf); err != nil {
			return short(err)
		}
	}
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}
