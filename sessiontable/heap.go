package sessiontable

import "math"

// item is one element of a heap: the key of an entry, and the number of what the
// heap holds, a slot of the table or a client of a domain.
type item struct {
	rest   int64 // at rest since, as far as the index knows; never for an active entry
	number uint32
	ref    uint32
}

// never is the rest of an active entry: behind all that rest, in order of number.
const never = math.MaxInt64

func (a item) before(b item) bool {
	return a.rest < b.rest || (a.rest == b.rest && a.number < b.number)
}

// heap is a 4-ary min-heap of items. Every method keeps pos, indexed by ref, at the
// item's place in the heap. Four children share a cache line or two, and the tree
// is half as deep as a binary one.
type heap []item

const arity = 4

func (h *heap) push(pos []uint32, it item) {
	*h = append(*h, it)
	h.up(pos, len(*h)-1)
}

// remove takes out the item at place i.
func (h *heap) remove(pos []uint32, i int) {
	last := len(*h) - 1
	moved := (*h)[last]
	*h = (*h)[:last]
	if i == last {
		return
	}
	(*h)[i] = moved
	h.fix(pos, i)
}

// fix restores the order after the key at place i has changed.
func (h heap) fix(pos []uint32, i int) {
	if i > 0 && h[i].before(h[(i-1)/arity]) {
		h.up(pos, i)
		return
	}
	h.down(pos, i)
}

func (h heap) up(pos []uint32, i int) {
	it := h[i]
	for i > 0 {
		parent := (i - 1) / arity
		if !it.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		pos[h[i].ref] = uint32(i)
		i = parent
	}
	h[i] = it
	pos[it.ref] = uint32(i)
}

func (h heap) down(pos []uint32, i int) {
	it := h[i]
	for {
		first := i*arity + 1
		if first >= len(h) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(h)); c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if !h[least].before(it) {
			break
		}
		h[i] = h[least]
		pos[h[i].ref] = uint32(i)
		i = least
	}
	h[i] = it
	pos[it.ref] = uint32(i)
}
