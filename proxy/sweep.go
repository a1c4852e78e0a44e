package proxy

import "time"

// sweepEvery is how often time-outs are looked for. They may be late by as much.
const sweepEvery = 250 * time.Millisecond

// sweepLoop is the engine's one timer.
func (e *Engine) sweepLoop() {
	defer close(e.swept)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var second int64
	for {
		select {
		case <-e.stopping:
			return
		case <-tick.C:
		}
		now := e.now()
		e.sweep(now)
		if s := now / int64(time.Second); s != second {
			second = s
			e.events.flush(e.log)
		}
	}
}

// sweep ends what has waited or rested too long at now, and wakes reads that
// are to be interrupted.
func (e *Engine) sweep(now int64) {
	e.reg.each(func(k *socket) {
		if k.has(flagLingering) {
			return
		}
		if t := k.until.Load(); t != 0 && now >= t && k.has(flagWaiting) {
			k.set(flagTimedOut)
		}
		if t := k.wakeAt.Load(); t != 0 && now >= t {
			k.set(flagNudged)
		}
		if s := k.sess; k == s.clt {
			if t := s.restEnd.Load(); t != 0 && now >= t {
				s.expire()
			}
		}
	})
	e.lingers.sweep(now)
}

// expire ends a session that has rested too long.
func (s *Session) expire() {
	if !s.state.CompareAndSwap(stateResting, stateRunning) {
		return
	}
	if !s.wake() {
		return
	}
	s.expired = true
	s.eng.workers.run(s)
}
