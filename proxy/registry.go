package proxy

import (
	"sync"
	"sync/atomic"
)

// registry finds a socket by slot and generation. An event carries these two
// and never a bare descriptor, because descriptor numbers are reused at once.
type registry struct {
	chunks atomic.Pointer[[]*slotChunk] // grows, never shrinks

	mu   sync.Mutex // guards the fields below
	free []uint32
	used int
}

const slotsPerChunk = 1024

type slotChunk [slotsPerChunk]slot

type slot struct {
	sock atomic.Pointer[socket]
	gen  atomic.Uint32
}

// add stores s and sets its slot and generation.
func (r *registry) add(s *socket) {
	r.mu.Lock()
	if len(r.free) == 0 {
		r.growLocked()
	}
	n := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	r.used++
	r.mu.Unlock()
	sl := r.slot(n)
	s.slot, s.gen = n, sl.gen.Load()
	sl.sock.Store(s)
}

func (r *registry) growLocked() {
	var old []*slotChunk
	if p := r.chunks.Load(); p != nil {
		old = *p
	}
	grown := append(append([]*slotChunk(nil), old...), new(slotChunk))
	base := uint32(len(old) * slotsPerChunk)
	for i := slotsPerChunk - 1; i >= 0; i-- {
		r.free = append(r.free, base+uint32(i))
	}
	r.chunks.Store(&grown)
}

func (r *registry) slot(n uint32) *slot {
	return &(*r.chunks.Load())[n/slotsPerChunk][n%slotsPerChunk]
}

// remove forgets s; events that are still under way for it find nothing. A
// socket that isn't there, because the reactor would not take it, is left alone.
func (r *registry) remove(s *socket) {
	sl := r.slot(s.slot)
	if !sl.sock.CompareAndSwap(s, nil) {
		return
	}
	sl.gen.Add(1)
	r.mu.Lock()
	r.free = append(r.free, s.slot)
	r.used--
	r.mu.Unlock()
}

// find returns the socket of an event, nil when it is gone.
func (r *registry) find(n, gen uint32) *socket {
	p := r.chunks.Load()
	if p == nil || int(n/slotsPerChunk) >= len(*p) {
		return nil
	}
	sl := &(*p)[n/slotsPerChunk][n%slotsPerChunk]
	s := sl.sock.Load()
	if s == nil || sl.gen.Load() != gen {
		return nil
	}
	return s
}

// each calls f for every socket that is there. It takes no lock: sockets that
// come or go meanwhile may or may not be seen.
func (r *registry) each(f func(*socket)) {
	p := r.chunks.Load()
	if p == nil {
		return
	}
	for _, c := range *p {
		for i := range c {
			if s := c[i].sock.Load(); s != nil {
				f(s)
			}
		}
	}
}

// count is how many sockets are registered.
func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}
