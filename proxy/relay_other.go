//go:build !linux

package proxy

import (
	"errors"
	"io"
	"sync"

	"utmsim/protocols/wire"
)

// relay moves the bytes of a session that is not inspected, with a goroutine for
// each direction.
type relay struct {
	s  *Session
	mu sync.Mutex // guards what the session notes of its leaks, and its record
}

func newRelay(s *Session) *relay { return &relay{s: s} }

func (r *relay) leaked(from *socket, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s.leaked(r.s.leak, int64(len(b)))
	side := wire.Client
	if from != r.s.clt {
		side = wire.Server
	}
	r.s.record.add(side, b)
}

// round runs until both directions have ended. It connects the server first.
func (r *relay) round() error {
	s := r.s
	if s.srv.Load() == nil {
		if err := s.Connect(&s.ctx); err != nil {
			return err
		}
	}
	srv := s.srv.Load()
	var up, down error
	var wg sync.WaitGroup
	wg.Go(func() { up = r.copy(s.clt, srv) })
	wg.Go(func() { down = r.copy(srv, s.clt) })
	wg.Wait()
	if err := errors.Join(up, down); err != nil {
		return errors.Join(ErrReset, err)
	}
	return io.EOF
}

// copy moves one direction and passes its end on. An error ends the other
// direction too.
func (r *relay) copy(from, to *socket) error {
	c := wire.GetChunk()
	defer wire.PutChunk(c)
	for {
		n, err := from.Read(c[:])
		if errors.Is(err, io.EOF) {
			return to.conn.closeWrite()
		}
		if err == nil {
			r.leaked(from, c[:n])
			_, err = to.Write(c[:n])
		}
		if err != nil {
			from.set(flagAborted)
			to.set(flagAborted)
			return err
		}
	}
}

func (r *relay) more() bool { return false }

func (r *relay) holds() bool { return false }

func (r *relay) release() {}

// move relays n bytes from one connection to the other.
func (s *Session) move(from, to *wire.Conn, n int64) (int64, error) { return s.copy(from, to, n) }

func sparePipes() {}
