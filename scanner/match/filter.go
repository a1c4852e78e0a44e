package match

import "encoding/binary"

// window is how many bytes of a pattern the filter looks at.
const window = 4

// hashBits is the size of the filter: 65,536 bits are 8 KiB and stay in the
// processor's first cache; with 1,000 patterns one window in 65 has to be
// looked at.
const hashBits = 16

// filter tells for four bytes whether a pattern may be around them.
type filter struct {
	bits [1 << hashBits / 64]uint64
	// head[h] is one more than the first pattern whose window hashes to h, next
	// one more than the next such pattern; 0 ends the list.
	head [1 << hashBits]int32
	next []int32
}

func newFilter(s *Set) *filter {
	f := &filter{next: make([]int32, len(s.patterns))}
	for i := range s.patterns {
		s.anchors[i] = min(s.anchors[i], len(s.patterns[i])-window)
		h := hash(binary.LittleEndian.Uint32(s.patterns[i][s.anchors[i]:]))
		f.bits[h/64] |= 1 << (h % 64)
		f.next[i] = f.head[h]
		f.head[h] = int32(i) + 1
	}
	return f
}

func hash(v uint32) uint16 { return uint16(v * 0x9E3779B1 >> (32 - hashBits)) }

func (f *filter) each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	for at := range max(len(p)-window+1, 0) {
		h := hash(binary.LittleEndian.Uint32(p[at : at+window]))
		if f.bits[h/64]>>(h%64)&1 == 0 {
			continue
		}
		for i := f.head[h] - 1; i >= 0; i = f.next[i] - 1 {
			if !s.verify(int(i), p, at-s.anchors[i], base, endAbove, startBelow, visit) {
				return false
			}
		}
	}
	return true
}
