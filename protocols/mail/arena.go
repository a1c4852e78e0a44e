package mail

import (
	"io"

	"utmsim/protocols/wire"
)

const chunkSize = int64(len(wire.Chunk{}))

// arena keeps the decoded content of all parts of a message, one behind the
// other, in pooled chunks. Small parts share a chunk.
type arena struct {
	chunks []*wire.Chunk
	n      int64 // bytes in use
	limit  int64
	full   bool // something did not fit

	firstChunks [2]*wire.Chunk // room for what an ordinary message has
}

// write appends p as far as the limit allows.
func (a *arena) write(p []byte) {
	if left := a.limit - a.n; int64(len(p)) > left {
		a.full = true
		p = p[:left]
	}
	for len(p) > 0 {
		n := copy(a.room(), p)
		a.n += int64(n)
		p = p[n:]
	}
}

// room is the free part of the last chunk as far as the limit allows, at least one
// byte below the limit. What is written there counts once wrote has told so.
func (a *arena) room() []byte {
	i, at := a.n/chunkSize, a.n%chunkSize
	if a.chunks == nil {
		a.chunks = a.firstChunks[:0]
	}
	if i == int64(len(a.chunks)) {
		a.chunks = append(a.chunks, wire.GetChunk())
	}
	return a.chunks[i][at:min(chunkSize, at+a.limit-a.n)]
}

// wrote takes n bytes that were written into room.
func (a *arena) wrote(n int) { a.n += int64(n) }

// flat is a stretch in one piece, nil when it lies in several.
func (a *arena) flat(s Span) []byte {
	i := s.From / chunkSize
	if s.Len() == 0 || (s.To-1)/chunkSize != i {
		return nil
	}
	return a.chunks[i][s.From-i*chunkSize : s.To-i*chunkSize]
}

// ReadAt implements io.ReaderAt.
func (a *arena) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) && off < a.n {
		end := min(chunkSize, a.n-off/chunkSize*chunkSize)
		n := copy(p[done:], a.chunks[off/chunkSize][off%chunkSize:end])
		done += n
		off += int64(n)
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// View implements scanner.Viewer.
func (a *arena) View(off int64) []byte {
	if off >= a.n {
		return nil
	}
	i := off / chunkSize
	return a.chunks[i][off%chunkSize : min(chunkSize, a.n-i*chunkSize)]
}

func (a *arena) release() {
	for _, c := range a.chunks {
		wire.PutChunk(c)
	}
	a.chunks, a.n = nil, 0
}
