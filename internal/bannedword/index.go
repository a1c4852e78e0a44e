package bannedword

import "encoding/binary"

// index finds in one pass over a text which patterns can't occur in it, so that a long
// list costs hardly more than a short one. Of each pattern that has a literal of four
// bytes it knows these four.
type index struct {
	maybe [1 << 11]uint64    // hashes of the keys
	keys  map[uint32][]int32 // patterns by key
	other []int32            // patterns without one
}

const keyLength = 4

func newIndex(list []pattern) index {
	x := index{keys: make(map[uint32][]int32)}
	for i := range list {
		keys := list[i].keys()
		if keys == nil {
			x.other = append(x.other, int32(i))
		}
		for _, k := range keys {
			h := hash(k)
			x.maybe[h/64] |= 1 << (h % 64)
			x.keys[k] = append(x.keys[k], int32(i))
		}
	}
	return x
}

// keys are four bytes each, one of which occurs wherever the pattern does; nil when
// there are no such bytes.
func (p *pattern) keys() (keys []uint32) {
	for _, lit := range p.literals() {
		if len(lit) < keyLength {
			return nil
		}
		// words differ at their ends more than where they begin
		keys = append(keys, binary.LittleEndian.Uint32([]byte(lit[len(lit)-keyLength:])))
	}
	return keys
}

// literals are texts with their case folded, one of which occurs wherever the pattern
// does.
func (p *pattern) literals() (list []string) {
	if p.re != nil {
		return needed(p.re.String())
	}
	for _, w := range p.any {
		longest := ""
		for _, s := range w {
			for _, lit := range s {
				if len(lit) > len(longest) {
					longest = lit
				}
			}
		}
		list = append(list, longest)
	}
	return list
}

func hash(k uint32) uint32 { return k * 0x9E3779B1 >> 15 }

// candidates marks the patterns that may occur in folded text.
func (x *index) candidates(text []byte, mark []bool) {
	for _, i := range x.other {
		mark[i] = true
	}
	if len(x.keys) == 0 || len(text) < keyLength {
		return
	}
	for i := range len(text) - keyLength + 1 {
		k := binary.LittleEndian.Uint32(text[i:])
		if h := hash(k); x.maybe[h/64]&(1<<(h%64)) == 0 {
			continue
		}
		for _, p := range x.keys[k] {
			mark[p] = true
		}
	}
}
