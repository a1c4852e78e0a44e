//go:build !linux

package proxy

import "sync"

// reactor is the portable stand-in for the poll set: one reading goroutine for
// each socket.
type reactor struct {
	reg     *registry
	rounds  *rounds
	readers sync.WaitGroup
}

func newReactor(reg *registry, rounds *rounds) (*reactor, error) {
	return &reactor{reg: reg, rounds: rounds}, nil
}

func (r *reactor) add(s *socket, _ bool) error {
	r.reg.add(s)
	r.readers.Add(1)
	go func() {
		defer r.readers.Done()
		s.conn.pump(func(flags uint32) {
			if s.events != nil {
				r.rounds.begin()
				s.count()
				r.rounds.end(1)
			}
			s.happened(flags)
		})
	}()
	return nil
}

// watchWrites has nothing to do: writes block.
func (r *reactor) watchWrites(*socket) error { return nil }

func (r *reactor) remove(s *socket) { r.reg.remove(s) }

// close waits for the readers, whose sockets have been closed.
func (r *reactor) close() { r.readers.Wait() }
