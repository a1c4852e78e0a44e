package load

import (
	"context"
	"errors"
	"net"
)

// Script is what a simulated client of one protocol does: HTTP, SMTP, POP3, IMAP,
// FTP or NNTP.
type Script interface {
	// prepare checks the script and builds what can be built beforehand.
	prepare(target Target) (player, error)
}

// player performs a script over connections. It holds no state of its own, so
// that all workers of a run share one. Errors that are a complete answer, only
// not the one that was wanted, are an unwanted; after any other the connection
// is of no more use.
type player interface {
	// begin is what comes before the first transaction of a session.
	begin(l *line) error
	// transaction moves one object. bytes are those of the object that have moved,
	// also of one that failed; keep says whether the connection can be used again.
	transaction(l *line) (bytes int64, keep bool, err error)
	// end takes leave, after which the connection is closed.
	end(l *line) error
}

// unwanted is a complete reply that isn't what was hoped for: "status 503", "answer
// -ERR". It leaves the connection usable unless the protocol says otherwise.
type unwanted string

func (u unwanted) Error() string { return string(u) }

// What can be wrong with a reply.
var (
	errShort   = errors.New("short reply")            // it ended before it was complete
	errClosed  = errors.New("closed without a reply") // the connection ended where a reply should have begun
	errContent = errors.New("wrong content")          // it is complete and not what was sent
)

// line is one connection of a simulated client, with the buffer of its worker.
// Between two transactions the buffer is empty, so that sessions at rest need
// none.
type line struct {
	conn    net.Conn
	in      []byte
	r, w    int    // in[r:w] has arrived and was not taken
	out     []byte // scratch for requests
	counter uint64 // of commands on this connection, for tags
	data    func(ctx context.Context, address string) (net.Conn, error)
	ctx     context.Context
}

// readBuffer is how much is read at once: large enough that a large object
// costs few system calls, small enough to stay in the processor's cache.
const readBuffer = 64 << 10

func newLine(ctx context.Context, data func(context.Context, string) (net.Conn, error)) *line {
	return &line{ctx: ctx, in: make([]byte, readBuffer), data: data}
}

// attach begins to use another connection.
func (l *line) attach(conn net.Conn) { l.conn, l.r, l.w, l.counter = conn, 0, 0, 0 }

func (l *line) send(request []byte) error {
	_, err := l.conn.Write(request)
	return err
}

// fill reads once behind what has arrived.
func (l *line) fill() error {
	if l.r == l.w {
		l.r, l.w = 0, 0
	}
	if l.w == len(l.in) {
		l.w = copy(l.in, l.in[l.r:l.w])
		l.r = 0
	}
	if l.w == len(l.in) {
		return errMalformed
	}
	n, err := l.conn.Read(l.in[l.w:])
	l.w += n
	if n > 0 {
		return nil
	}
	return err
}

// settled is nil when nothing came behind a reply: nothing was asked for.
func (l *line) settled() error {
	if l.r < l.w {
		return errMalformed
	}
	return nil
}
