package match

import "golang.org/x/sys/cpu"

// hasNibbles tells whether this processor looks at a block of windows at once.
var hasNibbles = cpu.X86.HasAVX2

// spot looks for patterns around the first n bytes of p, n a positive multiple of
// blockSize; n+nibbleWindow-1 bytes are read. found has a bit for each window of the
// block at at that some pattern may be around; it is 0, and at is n, if there is none.
func (f *nibbles) spot(p []byte, n int) (at int, found uint32) {
	_ = p[n+nibbleWindow-2]
	return spotAVX2(f, &p[0], n)
}

//go:noescape
func spotAVX2(sets *nibbles, p *byte, n int) (at int, found uint32)
