package proxy

import (
	"errors"
	"io"

	"utmsim/protocols/wire"
)

// Release sends Head, what is held, and whatever of the object was not read
// yet, to the receiver. What no scanner has judged counts as leaked.
func (h *Hold) Release() error {
	defer h.Discard()
	h.disarmComfort()
	to := h.in.To
	if err := h.sendHead(); err != nil {
		return err
	}
	for _, p := range h.inst[:h.n] {
		if _, err := to.Write(p.b); err != nil {
			return err
		}
	}
	if err := h.sendSpool(); err != nil {
		return err
	}
	if h.Outcome == Unscanned {
		h.s.leaked(h.leak, h.held)
	}
	if h.ended {
		return nil
	}
	h.spool.release()
	return h.pass()
}

func (h *Hold) sendHead() error {
	if h.head {
		return nil
	}
	h.head = true
	_, err := h.in.To.Write(h.in.Head)
	return err
}

// pass relays what was not read when the object was released.
func (h *Hold) pass() error {
	to, rec := h.in.To, h.recordObject()
	defer rec.done()
	for {
		if c, ok := h.in.Source.(CountedSource); ok && len(c.Conn().Buffered()) == 0 && c.Left() > 0 && !rec.room() {
			if err := to.Flush(); err != nil {
				return err
			}
			n, err := h.s.move(c.Conn(), to, c.Left())
			c.Took(n)
			h.s.leaked(h.leak, n)
			rec.stop()
			if err != nil {
				return err
			}
			continue
		}
		b, content, err := h.in.Source.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return err
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
		h.s.leaked(h.leak, int64(len(b)))
		if content {
			rec.add(0, b)
		} else {
			rec.passed(int64(len(b)))
		}
		if !h.in.Source.Buffered() {
			if err := to.Flush(); err != nil {
				return err
			}
		}
	}
}

// Discard frees what is held without sending it.
func (h *Hold) Discard() {
	h.disarmComfort()
	h.n = 0
	h.spool.release()
	h.s.held = nil
}
