package smtpproxy

import (
	"context"
	"errors"
	"io"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// chunked is a message in BDAT chunks (RFC 3030). While it is held, chunks are
// content alone and go to the server as one. When it is sent along, the client's
// commands are part of it and the server answers each.
//
// A chunk that is not the last is answered by the proxy: it was taken, and what
// becomes of the message is said behind the last.
type chunked struct {
	x     *dialogue
	ctx   context.Context
	chunk wire.Counted
	last  bool   // no chunk follows the one that is read
	size  int64  // of the content so far, what is left of the chunk included
	along bool   // it is sent along
	owed  int    // chunks that were sent along and that the server has not answered
	line  []byte // the command that ended the message before its end
	err   error
}

var _ proxy.Source = (*chunked)(nil)

// maxOwed bounds the server's answers that wait to be read.
const maxOwed = 32

// errAborted ends a message whose client gave it up between two chunks.
var errAborted = errors.New("message given up between chunks")

// begin starts with a chunk whose command was read.
func (c *chunked) begin(ctx context.Context, x *dialogue, size int64, last bool) {
	*c = chunked{x: x, ctx: ctx, last: last, size: size}
	c.chunk.Reset(x.s.Client(), size)
}

// command is what the server gets before the content that was read so far, with so
// many bytes inserted.
func (c *chunked) command(inserted int) []byte { return bdat(c.size+int64(inserted), c.last) }

// Buffered: what comes behind a chunk is a command, and has to be waited for.
func (c *chunked) Buffered() bool {
	if c.err != nil || c.chunk.Left() == 0 && c.last {
		return true
	}
	return c.chunk.Left() > 0 && c.chunk.Buffered()
}

func (c *chunked) Next() (piece []byte, content bool, err error) {
	for {
		switch {
		case c.err != nil:
			return nil, false, c.err
		case c.chunk.Left() > 0:
			if err := c.answered(); err != nil {
				return nil, false, err
			}
			return c.chunk.Next()
		case c.last:
			return nil, false, io.EOF
		}
		line, err := c.next()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the proper end of the message is another
		}
		if err != nil {
			c.err = err
			return nil, false, err
		}
		if c.along {
			return line, false, nil
		}
	}
}

// answered sends the client the answers it has not got yet, before it is waited for.
func (c *chunked) answered() error {
	if c.chunk.Buffered() {
		return nil
	}
	c.err = c.x.s.Client().Flush()
	return c.err
}

// next answers the chunk that is complete and takes the command of the one that
// follows.
func (c *chunked) next() ([]byte, error) {
	client := c.x.s.Client()
	if err := c.settle(maxOwed); err != nil {
		return nil, err
	}
	c.taken()
	for {
		if len(client.Buffered()) == 0 {
			if err := client.Flush(); err != nil {
				return nil, err
			}
		}
		line, err := c.x.line()
		if err != nil {
			return nil, err
		}
		v, err := parseCommand(line)
		var f fault
		switch {
		case errors.As(err, &f):
			c.x.tell(string(f))
		case v == verbBDAT:
			return line, c.follow(line)
		case v == verbNOOP:
			c.x.tell(replyOK)
		case v == verbRSET, v == verbQUIT, v == verbEHLO, v == verbHELO:
			c.line = append([]byte(nil), line...)
			return nil, errAborted
		default:
			c.x.tell(replyChunkExpected)
		}
	}
}

// taken answers a chunk that is not the last.
func (c *chunked) taken() {
	if c.x.refused != nil {
		c.x.tell(string(c.x.refused))
		return
	}
	c.x.tell(replyChunk)
}

// follow begins the next chunk.
func (c *chunked) follow(line []byte) error {
	size, last, err := chunkSize(line)
	if err != nil {
		return err
	}
	c.chunk.Reset(c.x.s.Client(), size)
	c.last = last
	c.size += size
	if c.along {
		c.owed++
	}
	return nil
}

// settle reads the server's answers when more than limit are owed. The one to the
// chunk that was read last is left: not all of it may have been sent.
func (c *chunked) settle(limit int) error {
	if c.owed <= limit {
		return nil
	}
	c.x.expectChunks(c.owed - 1)
	c.owed = 1
	for len(c.x.awaited) > 0 {
		if err := c.x.hear(c.ctx); err != nil {
			return err
		}
	}
	return nil
}

// early takes the server's answers to chunks that were sent before the one it takes no
// more of. What it says then is its word on that one, and is left to be read.
func (c *chunked) early() error {
	server := c.x.s.Server()
	for c.owed > 1 {
		reply, err := wire.ReadReply(server, wire.EveryLine, maxReply)
		switch {
		case errors.Is(err, wire.ErrNotYet):
			return nil
		case err != nil:
			return err
		case reply.Code/100 == 3:
			return wire.ErrReply
		}
		c.owed--
		c.x.note(verbChunk, reply)
	}
	if len(server.Buffered()) == 0 && errors.Is(server.Fill(maxReply), wire.ErrNotYet) {
		return nil
	}
	return wire.ErrEarlyReply
}

func (x *dialogue) expectChunks(n int) {
	for range n {
		x.expect(verbChunk)
	}
}

// Failure is why the client did not bring the message to its end.
func (c *chunked) Failure() error {
	if c.err != nil {
		return c.err
	}
	return c.chunk.Err()
}

// Forged: a chunk has no end that could be forged, but a command behind one may be
// malformed so that nobody knows what follows.
func (c *chunked) Forged() bool { return errors.Is(c.err, faultChunk) }

// Drain reads the rest of the chunk and forgets it: the next one has a command of
// its own.
func (c *chunked) Drain() error { return drainChunk(&c.chunk) }

func drainChunk(chunk *wire.Counted) error {
	for {
		if _, _, err := chunk.Next(); err == io.EOF {
			return nil
		} else if err != nil && !errors.Is(err, wire.ErrWake) {
			return err
		}
	}
}

// chunks handles BDAT. Whether the chunk may be taken is known when everything
// before it has been answered.
func (x *dialogue) chunks(ctx context.Context, line []byte) error {
	size, last, err := chunkSize(line)
	if err != nil {
		return x.hangUp(ctx, faultChunk)
	}
	if err := x.await(ctx); err != nil {
		return err
	}
	switch {
	case !x.chunking:
		return x.discard(size, replyNotImplemented)
	case !x.mail || x.recipients == 0:
		return x.discard(size, replyNoTransaction)
	}
	t := x.driver.take(x)
	defer x.driver.giveBack(t)
	t.chunked.begin(ctx, x, size, last)
	t.source = &t.chunked
	return x.transfer(ctx, t)
}

// refuseChunk refuses a chunk whose command was read.
func (x *dialogue) refuseChunk(ctx context.Context, line []byte, reply string) error {
	size, _, err := chunkSize(line)
	if err != nil {
		return x.hangUp(ctx, faultChunk)
	}
	return x.discard(size, reply)
}

// discard reads a chunk to its end and refuses it: what stands in it must not be
// taken for commands.
func (x *dialogue) discard(size int64, reply string) error {
	var chunk wire.Counted
	chunk.Reset(x.s.Client(), size)
	if err := x.s.Client().Flush(); err != nil {
		return err
	}
	if err := drainChunk(&chunk); err != nil {
		return err
	}
	x.tell(reply)
	return nil
}
