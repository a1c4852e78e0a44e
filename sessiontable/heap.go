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
const never int64 = math.MaxInt64

func (a item) before(b item) bool {
	return a.rest < b.rest || (a.rest == b.rest && a.number < b.number)
}

// seat says where an item is, by its ref.
type seat struct {
	heap uint32 // which heap
	pos  uint32 // its place in that heap
}

// heap is a 4-ary min-heap of items. Every method keeps the places in seats true.
// Four children share a cache line or two, and the tree is half as deep as a
// binary one.
type heap []item

const arity = 4

func (h *heap) push(seats []seat, it item) {
	*h = append(*h, it)
	h.up(seats, len(*h)-1)
}

// remove takes out the item at place i.
func (h *heap) remove(seats []seat, i int) {
	last := len(*h) - 1
	moved := (*h)[last]
	*h = (*h)[:last]
	if i == last {
		return
	}
	(*h)[i] = moved
	h.fix(seats, i)
}

// fix restores the order after the key at place i has changed.
func (h heap) fix(seats []seat, i int) {
	if i > 0 && h[i].before(h[(i-1)/arity]) {
		h.up(seats, i)
		return
	}
	h.down(seats, i)
}

func (h heap) up(seats []seat, i int) {
	it := h[i]
	for i > 0 {
		parent := (i - 1) / arity
		if !it.before(h[parent]) {
			break
		}
		h[i] = h[parent]
		seats[h[i].ref].pos = uint32(i)
		i = parent
	}
	h[i] = it
	seats[it.ref].pos = uint32(i)
}

func (h heap) down(seats []seat, i int) {
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
		seats[h[i].ref].pos = uint32(i)
		i = least
	}
	h[i] = it
	seats[it.ref].pos = uint32(i)
}
