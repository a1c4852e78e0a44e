// Package match finds many byte patterns in a stream.
//
// A Set is the patterns, prepared once and shared; a Stream is the memory of one
// search between two pieces of the same content. Every occurrence is reported
// exactly once, however the content was cut into pieces.
//
// A pattern is literal bytes, some of which may stand for any byte. What it means,
// gaps of unknown length and offsets in the content are the caller's.
package match

import (
	"bytes"
	"fmt"
	"slices"
)

// Bounds of a pattern's length in bytes. A pattern needs MinLen bytes in a row
// that do not stand for any byte: shorter ones would match everywhere. A Stream
// keeps as many bytes as the longest pattern has.
const (
	MinLen = 4
	MaxLen = 4096
)

// Pattern is what is looked for.
type Pattern struct {
	Bytes []byte
	Any   []bool // where it is true any byte fits; nil when all bytes are literal
}

// runs are the stretches of p without wildcards.
func (p *Pattern) runs() (list []run) {
	if p.Any == nil {
		return []run{{0, p.Bytes}}
	}
	for i := 0; i < len(p.Bytes); i++ {
		if p.Any[i] {
			continue
		}
		end := i
		for end < len(p.Bytes) && !p.Any[end] {
			end++
		}
		list = append(list, run{i, p.Bytes[i:end]})
		i = end
	}
	return list
}

// run is a literal stretch of a pattern.
type run struct {
	at      int
	literal []byte
}

// fewPatterns is how many patterns can be searched at once by their nibbles, or one
// after the other at the speed of memory.
const fewPatterns = 8

// Hit is one occurrence.
type Hit struct {
	Pattern int   // index in the list given to New
	Start   int64 // offset of its first byte in the content
}

// Visit is told of an occurrence and says whether the search goes on.
type Visit func(Hit) bool

// Set is a fixed list of patterns, safe for use by many goroutines.
type Set struct {
	patterns []prepared
	longest  int
	searches []search // each for some of the patterns
}

// search visits the occurrences of some patterns of s; see Set.each.
type search interface {
	each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool
}

// prepared is a pattern with what the search needs to know about it.
type prepared struct {
	size   int
	runs   []run
	anchor int    // offset of the rare part that is looked for
	needle []byte // that part and what follows it, at most longestNeedle bytes
	within run    // the stretch that it lies in, at least MinLen bytes
}

// New prepares patterns. Each must have MinLen to MaxLen bytes; the slices are
// kept and must not change.
func New(patterns []Pattern) (*Set, error) {
	s := &Set{patterns: make([]prepared, len(patterns))}
	for i := range patterns {
		p := &patterns[i]
		if n := len(p.Bytes); n < MinLen || n > MaxLen {
			return nil, fmt.Errorf("pattern %d has %d bytes: want %d to %d", i, n, MinLen, MaxLen)
		}
		made, ok := prepare(p)
		if !ok {
			return nil, fmt.Errorf("pattern %d has no %d bytes in a row without a wildcard", i, MinLen)
		}
		s.patterns[i] = made
		s.longest = max(s.longest, made.size)
	}
	s.divide()
	return s, nil
}

// divide chooses the searches. Of many patterns the few shortest are searched by
// themselves, so that they don't keep the others from being searched in leaps.
func (s *Set) divide() {
	list := make([]int, len(s.patterns))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int {
		return len(s.patterns[a].within.literal) - len(s.patterns[b].within.literal)
	})
	if len(list) > fewPatterns {
		if rest := list[fewPatterns:]; len(s.patterns[rest[0]].within.literal) >= minLeap {
			s.searches = append(s.searches, newLeaps(s, rest))
			list = list[:fewPatterns]
		}
	}
	switch {
	case len(list) > fewPatterns:
		s.searches = append(s.searches, newFilter(s, list))
	case hasNibbles:
		s.searches = append(s.searches, newNibbles(s, list))
	default:
		s.searches = append(s.searches, oneByOne(list))
	}
}

// prepare finds the part of p that is to be looked for.
func prepare(p *Pattern) (made prepared, ok bool) {
	made = prepared{size: len(p.Bytes), runs: p.runs()}
	longest, best := 0, 0
	for _, r := range made.runs {
		if len(r.literal) < MinLen {
			continue
		}
		at, rare := rarest(r.literal)
		long := min(len(r.literal), maxLeap+window-1) // what a search in leaps can use
		if long < longest || long == longest && rare <= best {
			continue
		}
		longest, best, ok = long, rare, true
		made.anchor, made.within = r.at+at, r
		made.needle = r.literal[at:min(len(r.literal), at+longestNeedle)]
	}
	return made, ok
}

// Each visits every occurrence in p, in no particular order, until visit
// returns false. It reports whether the search came to the end.
func (s *Set) Each(p []byte, visit Visit) bool { return s.each(p, 0, 0, len(p), visit) }

// each visits the occurrences in p that begin before startBelow and end behind
// endAbove. base is the offset of p in the content.
func (s *Set) each(p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	for _, search := range s.searches {
		if !search.each(s, p, base, endAbove, startBelow, visit) {
			return false
		}
	}
	return true
}

// longestNeedle keeps the part that is looked for within what the assembler
// routines of package bytes take on every processor.
const longestNeedle = 16

// oneByOne searches patterns one after the other.
type oneByOne []int

func (list oneByOne) each(s *Set, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	for _, i := range list {
		if !s.eachOf(i, p, base, endAbove, startBelow, visit) {
			return false
		}
	}
	return true
}

// eachOf looks for pattern i alone: for its rare part, then around it.
func (s *Set) eachOf(i int, p []byte, base int64, endAbove, startBelow int, visit Visit) bool {
	anchor, needle := s.patterns[i].anchor, s.patterns[i].needle
	for at := anchor; at < len(p); at++ {
		n := bytes.Index(p[at:], needle)
		if n < 0 {
			return true
		}
		at += n
		if !s.verify(i, p, at-anchor, base, endAbove, startBelow, visit) {
			return false
		}
	}
	return true
}

// verify visits pattern i at start when it is really there.
func (s *Set) verify(i int, p []byte, start int, base int64, endAbove, startBelow int, visit Visit) bool {
	pattern := &s.patterns[i]
	end := start + pattern.size
	if start < 0 || start >= startBelow || end > len(p) || end <= endAbove {
		return true
	}
	for _, r := range pattern.runs {
		if at := start + r.at; !bytes.Equal(p[at:at+len(r.literal)], r.literal) {
			return true
		}
	}
	return visit(Hit{i, base + int64(start)})
}

// Stream searches content that comes in pieces. The zero value is not usable;
// see Reset. It is used by one goroutine at a time.
type Stream struct {
	set    *Set
	offset int64  // bytes fed so far
	carry  []byte // the last bytes fed, at most one less than the longest pattern
	join   []byte // carry and the beginning of the next piece
}

// Reset prepares the stream for new content. It keeps its memory.
func (st *Stream) Reset(s *Set) { *st = Stream{set: s, carry: st.carry[:0], join: st.join[:0]} }

// Offset is how many bytes were fed.
func (st *Stream) Offset() int64 { return st.offset }

// Feed searches the next piece and visits every occurrence that ends in it,
// until visit returns false. It reports whether the search came to the end; a
// stream whose search was stopped can't be fed again.
func (st *Stream) Feed(p []byte, visit Visit) bool {
	keep := st.set.longest - 1
	if n := len(st.carry); n > 0 && len(p) > 0 {
		st.join = append(append(st.join[:0], st.carry...), p[:min(len(p), keep)]...)
		if !st.set.each(st.join, st.offset-int64(n), n, n, visit) {
			return false
		}
	}
	if !st.set.each(p, st.offset, 0, len(p), visit) {
		return false
	}
	st.offset += int64(len(p))
	st.remember(p, keep)
	return true
}

// remember leaves the last keep bytes of the content in carry.
func (st *Stream) remember(p []byte, keep int) {
	if keep <= 0 {
		return
	}
	if len(p) >= keep {
		st.carry = append(st.carry[:0], p[len(p)-keep:]...)
		return
	}
	if surplus := len(st.carry) + len(p) - keep; surplus > 0 {
		st.carry = append(st.carry[:0], st.carry[surplus:]...)
	}
	st.carry = append(st.carry, p...)
}
