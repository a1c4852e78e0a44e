package proxy

import (
	"errors"
	"syscall"

	"utmsim/internal/config"
	"utmsim/internal/stats"
)

var errNoDescriptor error = syscall.EMFILE

// turnAway closes the client of a session that was not admitted, in the refusal
// style. The session never starts.
func (e *Engine) turnAway(s *Session) {
	switch e.settings().refuse {
	case config.RefuseReset:
		s.clt.conn.close(true)
	case config.RefuseHang:
		e.holdBack(s, lingerHang)
	case config.RefusePolite:
		if err := s.clt.tell(s.driver().Farewell(ErrRefused)); err != nil {
			e.worker.Fail(stats.Write, err) // there was never a session
			s.clt.conn.close(true)
			return
		}
		e.holdBack(s, lingerDrain)
	default:
		e.holdBack(s, lingerDrain)
	}
}

// holdBack keeps the socket of a refused client for a while.
func (e *Engine) holdBack(s *Session, kind lingerKind) {
	s.state.Store(stateEnded)
	if err := e.reactor.add(s.clt, false); err != nil {
		s.clt.conn.close(true)
		return
	}
	e.lingers.add(s.clt, kind)
}

// tell writes a few last words without ever waiting for the peer.
func (k *socket) tell(words []byte) error {
	if len(words) == 0 {
		return nil
	}
	n, err := k.conn.write(words)
	k.sent(max(n, 0))
	if err == nil && n < len(words) {
		err = errors.New("peer takes no more")
	}
	return err
}
