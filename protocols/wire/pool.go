package wire

import "sync"

// Buffer sizes. A request head, a command or a small object fits the small
// size; the large ones exist for heads and lines up to a driver's limit.
const (
	smallBuffer = 16 << 10
	midBuffer   = 64 << 10
	largeBuffer = 256 << 10
)

// The pools are caches, not state. They hold array pointers, so that giving a
// buffer back allocates nothing.
var smallPool, midPool, largePool sync.Pool

// getBuffer returns a buffer of at least n bytes, at its full length.
func getBuffer(n int) []byte {
	switch {
	case n <= smallBuffer:
		if p, ok := smallPool.Get().(*[smallBuffer]byte); ok {
			return p[:]
		}
		return make([]byte, smallBuffer)
	case n <= midBuffer:
		if p, ok := midPool.Get().(*[midBuffer]byte); ok {
			return p[:]
		}
		return make([]byte, midBuffer)
	case n <= largeBuffer:
		if p, ok := largePool.Get().(*[largeBuffer]byte); ok {
			return p[:]
		}
		return make([]byte, largeBuffer)
	}
	return make([]byte, n)
}

// putBuffer gives a buffer of getBuffer back; one of another size is left to
// the garbage collector.
func putBuffer(b []byte) {
	switch cap(b) {
	case smallBuffer:
		smallPool.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case midBuffer:
		midPool.Put((*[midBuffer]byte)(b[:midBuffer]))
	case largeBuffer:
		largePool.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}

// Chunk is a large pooled buffer for held bytes.
type Chunk = [midBuffer]byte

// GetChunk takes a chunk from the pool; PutChunk gives it back.
func GetChunk() *Chunk {
	if p, ok := midPool.Get().(*[midBuffer]byte); ok {
		return p
	}
	return new(Chunk)
}

// PutChunk gives a chunk back. Nobody may use it afterwards.
func PutChunk(c *Chunk) { midPool.Put(c) }
