package httpproxy

import (
	"errors"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// exchange is one request and its response, with the memory they need while they
// run. Between two exchanges it lies in a pool.
type exchange struct {
	driver *Driver
	s      *proxy.Session
	own    *dialogue

	req     head
	to      destination
	up      body
	isHead  bool   // the method is HEAD
	persist bool   // the client wants to send more requests
	upgrade bool   // it offers to switch protocols
	expects bool   // it waits for 100 before it sends the body
	ranged  bool   // it asks for a part
	exempt  bool   // the URL filter exempts it from scanning
	sent    []byte // the head as the server gets it

	reused   bool  // the server's connection has served an exchange before
	headSent bool  // the server has the head
	cut      bool  // the server did not take the whole request
	interims int   // answers before the final one
	replied  bool  // the final one began before the server had the whole request
	replyErr error // why it could not be read

	res            head
	down           body
	serverPersists bool

	url, file  string // what is asked for, in words; see label
	inPath     string // the file's name in the path, empty where that has none
	named      [1]string
	fileExempt bool // what the URL names is not to be scanned
	inspection proxy.Inspection
	draft      draft
	codings    []string
	scratch    memory
}

// memory are buffers that an exchange takes over from the one before.
type memory struct {
	request  []byte // the request head, when its read buffer is needed for the body
	sent     []byte // the head as the server gets it
	response []byte // the head as the client gets it
	text     []byte
}

// clear forgets everything but the memory.
func (x *exchange) clear() {
	*x = exchange{
		req: head{known: x.req.known[:0]}, res: head{known: x.res.known[:0]},
		draft: draft{edits: x.draft.edits[:0]}, codings: x.codings[:0], scratch: x.scratch,
	}
}

// body is one message's body.
type body struct {
	framing
	counted countedBody
	chunked chunkedBody
	open    openBody
}

// begin starts the body behind conn; a trailer section may have limit bytes.
func (b *body) begin(f framing, conn *wire.Conn, limit int) {
	b.framing = f
	switch f.kind {
	case bodyCounted:
		b.counted = countedBody{conn: conn, left: f.length}
	case bodyChunked:
		b.chunked.begin(conn, limit)
	case bodyUntilClose:
		b.open = openBody{conn: conn}
	}
}

func (b *body) source() proxy.Source {
	switch b.kind {
	case bodyCounted:
		return &b.counted
	case bodyChunked:
		return &b.chunked
	}
	return &b.open
}

// done tells that the whole body was read.
func (b *body) done() bool {
	switch b.kind {
	case bodyCounted:
		return b.counted.left == 0
	case bodyChunked:
		return b.chunked.state == chunkDone
	case bodyUntilClose:
		return b.open.ended
	}
	return true
}

// failure is the error that reading the body ended with.
func (b *body) failure() error {
	switch b.kind {
	case bodyCounted:
		return b.counted.err
	case bodyChunked:
		return b.chunked.err
	}
	return b.open.err
}

// here tells that the whole body lies in the read buffer, so that nothing in
// there will move.
func (b *body) here() bool {
	return b.kind == bodyNone || b.kind == bodyCounted && b.counted.left <= int64(len(b.counted.conn.Buffered()))
}

// Limits of heads besides header-limit.
const (
	maxStartLine  = 16 << 10
	maxEmptyLines = 4 // before a request (RFC 9112 section 2.2)
	maxInterim    = 32
)

// readHead reads the head that comes next on conn; limit is its largest length.
// An error that is no fault comes from the connection.
func readHead(conn *wire.Conn, h *head, limit int) error {
	startLimit := min(maxStartLine, limit)
	for {
		b := conn.Buffered()
		done, err := h.parse(b)
		switch {
		case err != nil:
			return err
		case h.first > startLimit || h.first == 0 && len(b) >= startLimit:
			return fault{414, "the first line is too long"}
		case done && len(h.raw) <= limit:
			conn.Skip(len(h.raw))
			return nil
		case done || len(b) >= limit:
			return fault{431, "the header is too long"}
		}
		if err := fill(conn, limit); err != nil {
			return err
		}
	}
}

// fill reads once.
func fill(conn *wire.Conn, limit int) error {
	for {
		err := conn.Fill(limit)
		if !errors.Is(err, wire.ErrWake) {
			return err
		}
	}
}

// errNothing says that the client sent empty lines and nothing else.
var errNothing = errors.New("no request")

// skipEmptyLines passes over what old clients send behind a body.
func skipEmptyLines(conn *wire.Conn) error {
	for lines := 0; ; {
		b := conn.Buffered()
		switch {
		case len(b) == 0 && lines > 0:
			return errNothing
		case len(b) > 1 && b[0] == '\r' && b[1] == '\n':
			conn.Skip(2)
			if lines++; lines > maxEmptyLines {
				return fault{400, "there is no request line"}
			}
			continue
		case len(b) > 1 || len(b) == 1 && b[0] != '\r':
			return nil
		}
		if err := fill(conn, 2); err != nil {
			return err
		}
	}
}

// limit is the largest header of a message.
func (x *exchange) limit() int { return x.s.Options().HTTP.HeaderLimit }

// keepable tells that the client's connection can go on behind the response.
func (x *exchange) keepable() bool { return x.persist && x.up.done() }

// answer sends a page of the proxy itself.
func (x *exchange) answer(p page) {
	p.bare = x.isHead
	p.persist = x.req.minor == 0
	// A failure shows when the engine flushes.
	_, _ = x.s.Client().Write(p.render())
}

// finish ends an exchange whose response is complete. keep tells that the client
// may send another request.
func (x *exchange) finish(keep bool) error {
	x.leaveServer()
	if keep {
		return nil
	}
	return io.EOF
}

// leaveServer keeps the server's connection for the next request when nothing
// speaks against it: bytes that wait there were not asked for.
func (x *exchange) leaveServer() {
	server := x.s.Server()
	if server != nil && (!x.serverPersists || x.cut || !x.down.done() || !x.up.done() || len(server.Buffered()) > 0) {
		x.s.CloseServer()
	}
}
