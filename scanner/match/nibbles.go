package match

import "math/bits"

const (
	nibbleWindow = 3  // bytes of a pattern that nibbles look at
	blockSize    = 32 // windows that are looked at at once
)

// nibbles tells for three bytes which of at most eight patterns may be around them:
// each half of each byte stands for a set of patterns, a bit each, and what is in all
// six sets may be there. It is the method of the matcher Teddy of Hyperscan (Wang et
// al., "Hyperscan: A Fast Multi-pattern Regex Matcher for Modern CPUs", NSDI 2019),
// which looks up the halves of 32 bytes with one instruction.
type nibbles struct {
	sets [nibbleWindow]struct{ low, high [16]byte }
	list []int
}

// newNibbles searches for the patterns in list, at most fewPatterns.
func newNibbles(s *Set, list []int) *nibbles {
	f := &nibbles{list: list}
	for i := range list {
		p := &s.patterns[list[i]]
		p.anchor = min(p.anchor, p.within.at+len(p.within.literal)-nibbleWindow)
		for k, b := range p.within.literal[p.anchor-p.within.at:][:nibbleWindow] {
			f.sets[k].low[b&15] |= 1 << i
			f.sets[k].high[b>>4] |= 1 << i
		}
	}
	return f
}

// around are the patterns that may be around the first bytes of p.
func (f *nibbles) around(p []byte) uint8 {
	of := uint8(0xff)
	for k, b := range p[:nibbleWindow] {
		of &= f.sets[k].low[b&15] & f.sets[k].high[b>>4]
	}
	return of
}

func (f *nibbles) each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	look := func(at int, found uint32) bool {
		for ; found != 0; found &= found - 1 {
			at := at + bits.TrailingZeros32(found)
			for of := f.around(p[at:]); of != 0; of &= of - 1 {
				i := f.list[bits.TrailingZeros8(of)]
				if !s.verify(i, p, at-s.patterns[i].anchor, base, endAbove, startBelow, visit) {
					return false
				}
			}
		}
		return true
	}
	windows := len(p) - nibbleWindow + 1
	at := 0
	for windows-at >= blockSize {
		skipped, found := f.spot(p[at:], (windows-at)&^(blockSize-1))
		if at += skipped; found == 0 {
			break
		}
		if !look(at, found) {
			return false
		}
		at += blockSize
	}
	if at < windows && windows >= blockSize { // what is left, with windows before it that were looked at
		last := windows - blockSize
		_, found := f.spot(p[last:], blockSize)
		return look(last, found&^(1<<(at-last)-1))
	}
	for ; at < windows; at++ {
		if !look(at, 1) {
			return false
		}
	}
	return true
}
