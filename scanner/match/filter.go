package match

import (
	"encoding/binary"
	"math/bits"
)

// window is how many bytes of a pattern the filter looks at.
const window = 4

// The size of the filter, as a power of two in bits. 65,536 bits are 8 KiB and
// stay in the processor's first cache; with 1,000 patterns one window in 65 has to
// be looked at. With more patterns it is made larger, to keep that share.
const (
	minHashBits = 16
	maxHashBits = 22 // 512 KiB
	shareBits   = 6  // one window in 64
)

// filter tells for four bytes whether a pattern may be around them.
type filter struct {
	shift uint // of the product that is the hash
	bits  []uint64
	list  []int
	// head[h] is one more than the place in list of the first pattern whose window
	// hashes to h, next one more than that of the next such pattern; 0 ends it.
	head []int32
	next []int32
}

func newFilter(s *Set, list []int) *filter {
	size := min(max(bits.Len(uint(len(list)-1))+shareBits, minHashBits), maxHashBits)
	f := &filter{
		shift: 32 - uint(size), bits: make([]uint64, 1<<size/64),
		list: list, head: make([]int32, 1<<size), next: make([]int32, len(list)),
	}
	for i := range list {
		p := &s.patterns[list[i]]
		p.anchor = min(p.anchor, p.within.at+len(p.within.literal)-window)
		h := hash(binary.LittleEndian.Uint32(p.within.literal[p.anchor-p.within.at:]), f.shift)
		f.bits[h/64] |= 1 << (h % 64)
		f.next[i] = f.head[h]
		f.head[h] = int32(i) + 1
	}
	return f
}

func hash(v uint32, shift uint) uint32 { return v * 0x9E3779B1 >> (shift & 31) }

func (f *filter) each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	known, shift := f.bits, f.shift
	for at := range max(len(p)-window+1, 0) {
		h := hash(binary.LittleEndian.Uint32(p[at:at+window]), shift)
		if known[h/64]>>(h%64)&1 == 0 {
			continue
		}
		for i := f.head[h] - 1; i >= 0; i = f.next[i] - 1 {
			of := f.list[i]
			if !s.verify(of, p, at-s.patterns[of].anchor, base, endAbove, startBelow, visit) {
				return false
			}
		}
	}
	return true
}
