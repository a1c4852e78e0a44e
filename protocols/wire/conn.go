package wire

import (
	"bytes"
	"errors"
	"io"
)

// Errors of a Conn. ErrWake is not a failure: the read was interrupted because
// the engine has something to do (client comforting) and may simply be repeated.
var (
	ErrTooLong = errors.New("more bytes than the limit allows")
	ErrWake    = errors.New("read interrupted, to be repeated")
	// ErrEarlyReply ends a write that would block while the peer has already
	// begun to answer; see Stream.InterruptWrite.
	ErrEarlyReply = errors.New("peer answered before it took all")
	// ErrNotYet ends a read that would block where none may; see Conn.OnEarlyReply.
	ErrNotYet = errors.New("nothing to read yet")
)

// Stream is the socket under a Conn. Read blocks until there is at least one
// byte, the peer has ended its direction (io.EOF), the time allowed for the
// exchange is over, or the session was ended from outside; Write until
// everything is with the kernel. Neither is called by two goroutines at once.
type Stream interface {
	io.ReadWriter
	// CloseWrite ends our direction (FIN) and leaves the other open.
	CloseWrite() error
	// InterruptWrite makes a Write that would have to wait end with
	// ErrEarlyReply as soon as the peer has sent something.
	InterruptWrite(on bool)
}

// Conn is a connection with pooled buffers. The zero value is not usable; see
// NewConn. It is used by one goroutine at a time.
type Conn struct {
	stream Stream
	in     []byte // pooled; in[r:w] is what has arrived and was not taken
	r, w   int
	out    []byte // pooled; written but not flushed
}

// NewConn returns a connection over s. It takes no buffer before bytes move.
func NewConn(s Stream) *Conn { return &Conn{stream: s} }

// Stream is the socket below. Bytes read from it past the Conn are lost to it.
func (c *Conn) Stream() Stream { return c.stream }

// Buffered is what has arrived and was not taken yet. The slice stays valid
// until the next Fill, ReadLine that has to read, Rest or Release.
func (c *Conn) Buffered() []byte { return c.in[c.r:c.w] }

// Skip takes n buffered bytes.
func (c *Conn) Skip(n int) { c.r += n }

// Fill reads once from the socket behind what is buffered. With limit bytes
// already waiting it reads nothing and returns ErrTooLong.
func (c *Conn) Fill(limit int) error {
	if c.w-c.r >= limit {
		return ErrTooLong
	}
	c.makeRoom()
	n, err := c.stream.Read(c.in[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// makeRoom leaves at least one free byte behind in[w].
func (c *Conn) makeRoom() {
	if c.in == nil {
		c.in, c.r, c.w = getBuffer(smallBuffer), 0, 0
		return
	}
	if c.r == c.w {
		if c.w == smallBuffer { // it was full: what moves is large
			putBuffer(c.in)
			c.in = getBuffer(midBuffer)
		}
		c.r, c.w = 0, 0
	}
	if c.w < len(c.in) {
		return
	}
	old := c.in
	if c.r == 0 {
		c.in = getBuffer(2 * len(old))
	}
	c.w = copy(c.in, old[c.r:c.w])
	c.r = 0
	if &old[0] != &c.in[0] {
		putBuffer(old)
	}
}

// ReadLine takes one line with its line end (LF, or CR LF). limit bounds its
// length in bytes, line end included; a longer line is ErrTooLong. The slice
// is valid as long as Buffered would be. A line cut by the end of the stream is
// io.ErrUnexpectedEOF, an end before the first byte io.EOF.
func (c *Conn) ReadLine(limit int) ([]byte, error) {
	seen := 0
	for {
		b := c.Buffered()
		if i := bytes.IndexByte(b[seen:], '\n'); i >= 0 {
			n := seen + i + 1
			if n > limit {
				return nil, ErrTooLong
			}
			c.Skip(n)
			return b[:n], nil
		}
		seen = len(b)
		if err := c.Fill(limit); err != nil {
			if err == io.EOF && seen > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Read takes buffered bytes first and reads past the buffer otherwise, straight
// into p. It is an io.Reader.
func (c *Conn) Read(p []byte) (int, error) {
	if c.r < c.w {
		n := copy(p, c.in[c.r:c.w])
		c.r += n
		return n, nil
	}
	return c.stream.Read(p)
}

// Write puts p behind what was written before. Small writes are collected, so
// that a reply leaves in one packet; Flush sends them.
func (c *Conn) Write(p []byte) (int, error) {
	if len(c.out)+len(p) > smallBuffer {
		if err := c.Flush(); err != nil {
			return 0, err
		}
		if len(p) >= smallBuffer {
			return c.stream.Write(p)
		}
	}
	if c.out == nil {
		c.out = getBuffer(smallBuffer)[:0]
	}
	c.out = append(c.out, p...)
	return len(p), nil
}

// WriteString is Write for a string.
func (c *Conn) WriteString(s string) (int, error) {
	if len(c.out)+len(s) > smallBuffer {
		return c.Write([]byte(s))
	}
	if c.out == nil {
		c.out = getBuffer(smallBuffer)[:0]
	}
	c.out = append(c.out, s...)
	return len(s), nil
}

// Flush sends what was written. After an error the rest is gone.
func (c *Conn) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.stream.Write(c.out)
	c.out = c.out[:0]
	return err
}

// CloseWrite flushes and ends our direction.
func (c *Conn) CloseWrite() error {
	if err := c.Flush(); err != nil {
		return err
	}
	return c.stream.CloseWrite()
}

// Rest gives empty buffers back to the pool. Bytes that wait in them keep them.
func (c *Conn) Rest() {
	if c.in != nil && c.r == c.w {
		putBuffer(c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
	if c.out != nil && len(c.out) == 0 {
		putBuffer(c.out)
		c.out = nil
	}
}

// Release gives the buffers back whatever is in them: the connection is over.
func (c *Conn) Release() {
	c.r, c.w, c.out = 0, 0, c.out[:0]
	c.Rest()
}

// EarlyReplier is a Stream whose blocked writes can look at what the peer says.
type EarlyReplier interface {
	// OnEarlyReply has f called whenever a Write would have to wait and the peer has
	// sent something. f reads it, with reads that end with ErrNotYet instead of
	// waiting. When f returns nil the Write goes on, otherwise it ends with f's error.
	// A nil f ends that.
	OnEarlyReply(f func() error)
}

// OnEarlyReply: see EarlyReplier. A stream that is none never calls f.
func (c *Conn) OnEarlyReply(f func() error) {
	if s, ok := c.stream.(EarlyReplier); ok {
		s.OnEarlyReply(f)
	}
}

// InterruptWrite: see Stream.
func (c *Conn) InterruptWrite(on bool) { c.stream.InterruptWrite(on) }
