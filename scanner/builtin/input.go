package builtin

import (
	"bufio"
	"bytes"
	"io"
)

// chunkSize is the size of all buffers, in bytes.
const chunkSize = 64 << 10

// input is what a decoder reads from. With a sieve it is a new layer: every
// byte is charged to the object's budget and searched on its way, once, however
// the decoder reads. Without, it is bytes that were searched before.
type input struct {
	scan   *scan
	layer  *layer
	src    io.Reader
	buf    *bufio.Reader // reads from the input itself
	sifted bool
	sieve  sieve
	read   int64 // bytes taken from src
	err    error // how src ended, when not by io.EOF or the end of the scan
}

func (s *scan) newInput(r io.Reader, l *layer) *input {
	in := s.newRawInput(r)
	in.layer, in.sifted = l, true
	in.sieve.reset(s, l, l.depth < s.nest)
	return in
}

func (s *scan) newRawInput(r io.Reader) *input {
	in, ok := s.engine.inputs.Get().(*input)
	if !ok {
		in = &input{buf: bufio.NewReaderSize(nil, chunkSize)}
	}
	in.scan, in.src, in.read, in.err, in.sifted = s, r, 0, nil, false
	in.buf.Reset(in)
	in.sieve.spool.pool = &s.engine.chunks
	return in
}

func (in *input) release() {
	e := in.scan.engine
	in.sieve.spool.release()
	in.scan, in.layer, in.src, in.err = nil, nil, nil, nil
	in.sieve.scan, in.sieve.layer = nil, nil
	e.inputs.Put(in)
}

// Read implements io.Reader for buf.
func (in *input) Read(p []byte) (int, error) {
	s := in.scan
	if !s.alive() {
		return 0, s.stop
	}
	n, err := in.src.Read(p)
	if in.sifted {
		n = in.charge(n)
		in.sieve.feed(p[:n])
	}
	in.read += int64(n)
	if s.stop != nil {
		return n, s.stop
	}
	if err != nil && err != io.EOF {
		in.err = err
	}
	return n, err
}

// charge takes n bytes from the budget and returns how many of them it had.
func (in *input) charge(n int) int {
	s := in.scan
	if int64(n) > s.left {
		n = int(s.left)
		in.scan.exhausted(in.layer, "unpacked content above the limit")
	}
	s.left -= int64(n)
	return n
}

// offset is how far the decoder has come.
func (in *input) offset() int64 { return in.read - int64(in.buf.Buffered()) }

// peek returns the next n bytes, fewer at the end.
func (in *input) peek(n int) []byte {
	p, _ := in.buf.Peek(n)
	return p
}

// skipZeros takes the zeros that come next.
func (in *input) skipZeros() {
	for {
		in.buf.Peek(1)
		p, _ := in.buf.Peek(in.buf.Buffered())
		n := len(p) - len(bytes.TrimLeft(p, "\x00"))
		in.buf.Discard(n)
		if n == 0 || n < len(p) {
			return
		}
	}
}

// drain reads what the decoder left, so that all of it is searched.
func (in *input) drain() {
	for {
		in.buf.Discard(in.buf.Buffered())
		if _, err := in.buf.Peek(1); err != nil {
			if err != io.EOF && in.scan.stop == nil {
				in.err = err
			}
			return
		}
	}
}

// finish tells the sieve that the layer is complete, if it is.
func (in *input) finish() {
	if in.scan.stop == nil && in.err == nil {
		in.sieve.finish()
	}
}

// section reads a part of content for a decoder. It is charged as work. When
// the decoder finds its end by itself, step keeps it from reading far beyond:
// it bounds the next read and doubles with each.
type section struct {
	scan     *scan
	at       io.ReaderAt
	off, end int64
	step     int64 // 0 means no bound
}

// firstStep is what a section with steps reads first, in bytes.
const firstStep = 512

func (s *scan) whole(c *content) *section { return &section{scan: s, at: c.at, end: c.size} }

func (r *section) Read(p []byte) (int, error) {
	if r.off >= r.end {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.end-r.off)
	if r.step > 0 {
		want = min(want, r.step)
		r.step *= 2
	}
	n, err := r.at.ReadAt(p[:want], r.off)
	r.off += int64(n)
	if !r.scan.spend(int64(n)) {
		return n, errBudget
	}
	if n == 0 {
		r.scan.fail(noEOF(err))
		return 0, r.scan.stop
	}
	return n, nil
}

// readAt fills p from c and says whether c has that much.
func (s *scan) readAt(c *content, p []byte, off int64) bool {
	if off < 0 || off > c.size-int64(len(p)) {
		return false
	}
	if n, err := c.at.ReadAt(p, off); n < len(p) {
		s.fail(noEOF(err))
		return false
	}
	return true
}

// spend takes n bytes from the budget of work and says whether it had as many.
func (s *scan) spend(n int64) bool {
	s.work -= n
	if s.work < 0 {
		s.exhausted(&s.top, "unpacking takes too much work")
	}
	return s.work >= 0
}
