package proxy

import (
	"io"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
)

// armComfort starts to keep the receiver patient while an object is held.
func (h *Hold) armComfort() {
	h.comfortAt = h.s.eng.now() + h.s.policy.comfortEvery
	h.source().nudgeAt(h.comfortAt)
}

func (h *Hold) disarmComfort() {
	if h.comfortAt != 0 {
		h.comfortAt = 0
		if src := h.source(); src != nil {
			src.nudgeAt(0)
		}
	}
}

// source is the socket the object comes from.
func (h *Hold) source() *socket {
	side := wire.Server
	if h.in.Dir == stats.Up {
		side = wire.Client
	}
	if k := h.s.dataSocket(side); k != nil {
		return k
	}
	if side == wire.Client {
		return h.s.clt
	}
	return h.s.srv.Load()
}

func (h *Hold) comfortIfDue() error {
	if h.comfortAt == 0 || h.s.eng.now() < h.comfortAt {
		return nil
	}
	return h.comfort()
}

// comfort gives the receiver the next few held bytes when they are due.
func (h *Hold) comfort() error {
	now := h.s.eng.now()
	if h.comfortAt == 0 || now < h.comfortAt {
		return nil
	}
	h.comfortAt = now + h.s.policy.comfortEvery
	h.source().nudgeAt(h.comfortAt)
	if h.spool.raw == h.given {
		return nil
	}
	if err := h.give(h.s.policy.comfortAmount); err != nil {
		return err
	}
	return h.in.To.Flush()
}

// gathering is content that was copied together for the scanner.
type gathering struct{ chunk *wire.Chunk }

func (g *gathering) gather(pieces []piece) []byte {
	g.chunk = wire.GetChunk()
	n := 0
	for _, p := range pieces {
		if p.content {
			n += copy(g.chunk[n:], p.b)
		}
	}
	return g.chunk[:n]
}

func (g gathering) done() {
	if g.chunk != nil {
		wire.PutChunk(g.chunk)
	}
}

// flatReader is an io.ReaderAt over bytes that lie in one piece.
type flatReader []byte

func (f flatReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f)) {
		return 0, io.EOF
	}
	n := copy(p, f[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
