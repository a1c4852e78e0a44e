package match

import (
	"encoding/binary"
	"math/bits"
)

const (
	// minLeap is how long all patterns must be that are searched in leaps.
	minLeap = 8
	// maxLeap bounds a leap: each byte of it takes a place in the table for every
	// pattern, and what is not in the processor's cache is no faster to leap over.
	maxLeap = 16

	// The size of the table, as a power of two in bytes: at most 256 KiB, which stay in
	// the processor's second cache. One place in leapShare is taken while that lasts.
	minLeapBits = 14
	maxLeapBits = 18
	leapShare   = 16
)

// leaps searches many patterns by the last four bytes of a window as long as the
// shortest of them: most such bytes are nowhere in any pattern, and the search leaps
// over them (Wu and Manber, "A Fast Algorithm for Multi-Pattern Searching", 1994).
type leaps struct {
	width int    // of the windows, in bytes
	shift uint   // of the product that is the hash
	table []byte // by hash: how far away the next window may end
	ends  map[uint32][]int
}

// newLeaps searches for the patterns in list, each of at least minLeap bytes.
func newLeaps(s *Set, list []int) *leaps {
	width := maxLeap + window - 1
	for _, i := range list {
		width = min(width, len(s.patterns[i].within.literal))
	}
	leap := width - window + 1
	size := min(max(bits.Len(uint(len(list)*leap*leapShare-1)), minLeapBits), maxLeapBits)
	l := &leaps{width: width, shift: 32 - uint(size), table: make([]byte, 1<<size), ends: make(map[uint32][]int, len(list))}
	for i := range l.table {
		l.table[i] = byte(leap)
	}
	for _, i := range list {
		p := &s.patterns[i]
		end := seldomEnd(p.within.literal, width)
		p.anchor = p.within.at + end - window
		for far := range leap {
			h := hash(binary.LittleEndian.Uint32(p.within.literal[end-window-far:]), l.shift)
			l.table[h] = min(l.table[h], byte(far))
		}
		last := binary.LittleEndian.Uint32(p.within.literal[end-window:])
		l.ends[last] = append(l.ends[last], i)
	}
	return l
}

// seldomEnd is where the window of p ends whose last bytes are the least to be
// expected in content.
func seldomEnd(p []byte, width int) (end int) {
	best := -1
	for at := width; at <= len(p); at++ {
		rare := 0
		for _, b := range p[at-window : at] {
			rare += rarity(b)
		}
		if rare > best {
			best, end = rare, at
		}
	}
	return end
}

func (l *leaps) each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	table, shift := l.table, l.shift
	for at := l.width - window; at <= len(p)-window; {
		last := binary.LittleEndian.Uint32(p[at : at+window])
		if far := table[hash(last, shift)]; far > 0 {
			at += int(far)
			continue
		}
		for _, i := range l.ends[last] {
			if !s.verify(i, p, at-s.patterns[i].anchor, base, endAbove, startBelow, visit) {
				return false
			}
		}
		at++
	}
	return true
}
