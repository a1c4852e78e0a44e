package proxy

import (
	"io"
	"sort"
	"sync/atomic"

	"utmsim/protocols/wire"
)

// spool keeps the bytes of one object as they came, in pooled chunks that are
// charged to the memory model, and knows which of them are content. It is the
// io.ReaderAt over the content that scanners read.
type spool struct {
	mem    *memory
	shown  *atomic.Int64 // the bytes held, for others to look at
	chunks []*wire.Chunk
	raw    int64 // bytes held
	size   int64 // of these, content
	runs   []run

	// Room for what a small object has, so that it is not allocated.
	firstChunks [2]*wire.Chunk
	firstRuns   [4]run
}

// begin makes an empty spool that is charged to mem. It is not copied afterwards.
func (sp *spool) begin(mem *memory, shown *atomic.Int64) {
	sp.mem, sp.shown = mem, shown
	sp.chunks, sp.runs = sp.firstChunks[:0], sp.firstRuns[:0]
}

// run is a stretch of content without framing in between.
type run struct {
	raw, content, n int64 // where it begins in the held bytes and in the content, and its length
}

const chunkSize = int64(len(wire.Chunk{}))

// maxRuns is in how many runs an object may come: more is as much as one that is too
// large. Someone who sends each byte in a chunk of its own would have the runs take
// many times the memory of the bytes.
const maxRuns = 1 << 18

func (sp *spool) empty() bool { return sp.raw == 0 }

// room is the free part of the last chunk, at least one byte.
func (sp *spool) room() []byte {
	used := sp.raw - int64(len(sp.chunks)-1)*chunkSize
	if len(sp.chunks) == 0 || used == chunkSize {
		sp.chunks = append(sp.chunks, wire.GetChunk())
		used = 0
	}
	return sp.chunks[len(sp.chunks)-1][used:]
}

// commit takes n bytes that were read into room as content.
func (sp *spool) commit(n int) { sp.took(n, true) }

func (sp *spool) took(n int, content bool) {
	if content {
		last := len(sp.runs) - 1
		if last >= 0 && sp.runs[last].raw+sp.runs[last].n == sp.raw {
			sp.runs[last].n += int64(n)
		} else {
			sp.runs = append(sp.runs, run{raw: sp.raw, content: sp.size, n: int64(n)})
		}
		sp.size += int64(n)
	}
	sp.raw += int64(n)
	sp.hold(int64(n))
}

// hold charges n bytes, or takes them back when n is negative.
func (sp *spool) hold(n int64) {
	sp.shown.Add(n)
	sp.mem.hold(n)
}

func (sp *spool) write(b []byte, content bool) {
	for len(b) > 0 {
		n := copy(sp.room(), b)
		sp.took(n, content)
		b = b[n:]
	}
}

// slice is the held bytes from off to the end of their chunk.
func (sp *spool) slice(off int64) []byte {
	i := off / chunkSize
	end := min(chunkSize, sp.raw-i*chunkSize)
	return sp.chunks[i][off%chunkSize : end]
}

// flat is the content in one piece, nil when it lies in several.
func (sp *spool) flat() []byte {
	if len(sp.runs) != 1 || sp.runs[0].raw+sp.runs[0].n > chunkSize {
		return nil
	}
	r := sp.runs[0]
	return sp.chunks[0][r.raw : r.raw+r.n]
}

// ReadAt reads content.
func (sp *spool) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	i := sort.Search(len(sp.runs), func(i int) bool { return sp.runs[i].content+sp.runs[i].n > off })
	for ; i < len(sp.runs) && done < len(p); i++ {
		r := sp.runs[i]
		skip := off + int64(done) - r.content
		for skip < r.n && done < len(p) {
			src := sp.slice(r.raw + skip)
			n := copy(p[done:], src[:min(int64(len(src)), r.n-skip)])
			done += n
			skip += int64(n)
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

// View implements scanner.Viewer.
func (sp *spool) View(off int64) []byte {
	i := sort.Search(len(sp.runs), func(i int) bool { return sp.runs[i].content+sp.runs[i].n > off })
	if i == len(sp.runs) {
		return nil
	}
	r := sp.runs[i]
	skip := off - r.content
	piece := sp.slice(r.raw + skip)
	return piece[:min(int64(len(piece)), r.n-skip)]
}

// writeTo sends the held bytes from off to end.
func (sp *spool) writeTo(to *wire.Conn, off, end int64) error {
	for off < end {
		b := sp.slice(off)
		b = b[:min(int64(len(b)), end-off)]
		if _, err := to.Write(b); err != nil {
			return err
		}
		off += int64(len(b))
	}
	return nil
}

// release gives the chunks back. The spool is empty afterwards.
func (sp *spool) release() {
	for _, c := range sp.chunks {
		wire.PutChunk(c)
	}
	if sp.raw > 0 {
		sp.hold(-sp.raw)
	}
	sp.chunks, sp.runs, sp.raw, sp.size = sp.chunks[:0], sp.runs[:0], 0, 0
}
