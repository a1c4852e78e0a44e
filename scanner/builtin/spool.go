package builtin

import (
	"io"
	"sync"
)

// spool holds content that has to be read anywhere, in pooled chunks. Whatever
// is put into it was charged to the object's budget before, which therefore
// bounds all spools of an object together.
type spool struct {
	pool   *sync.Pool // of *[chunkSize]byte
	chunks []*[chunkSize]byte
	size   int64
}

// Write implements io.Writer; it does not fail.
func (p *spool) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		at := int(p.size % chunkSize)
		if at == 0 {
			c, ok := p.pool.Get().(*[chunkSize]byte)
			if !ok {
				c = new([chunkSize]byte)
			}
			p.chunks = append(p.chunks, c)
		}
		n := copy(p.chunks[len(p.chunks)-1][at:], b)
		p.size += int64(n)
		b = b[n:]
	}
	return written, nil
}

// ReadAt implements io.ReaderAt.
func (p *spool) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) && off < p.size {
		c := p.chunks[off/chunkSize]
		m := copy(b[n:], c[off%chunkSize:min(chunkSize, off%chunkSize+p.size-off)])
		n += m
		off += int64(m)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (p *spool) release() {
	for i, c := range p.chunks {
		p.pool.Put(c)
		p.chunks[i] = nil
	}
	p.chunks, p.size = p.chunks[:0], 0
}
