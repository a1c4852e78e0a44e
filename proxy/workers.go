package proxy

import "sync"

// workers are goroutines that run sessions. A goroutine whose session has gone
// to rest waits a moment for the next one instead of ending, because its stack
// has grown to what an exchange needs: growing it anew cost 6 % of a transaction.
type workers struct {
	mu     sync.Mutex // guards the fields below
	idle   []chan *Session
	closed bool

	all sync.WaitGroup
}

// maxIdleWorkers bounds how many goroutines wait for work.
const maxIdleWorkers = 64

// run runs s in a goroutine.
func (w *workers) run(s *Session) {
	w.mu.Lock()
	if n := len(w.idle); n > 0 {
		c := w.idle[n-1]
		w.idle = w.idle[:n-1]
		w.mu.Unlock()
		c <- s
		return
	}
	w.mu.Unlock()
	w.all.Add(1)
	go w.loop(s)
}

func (w *workers) loop(s *Session) {
	defer w.all.Done()
	next := make(chan *Session, 1)
	for ; s != nil; s = <-next {
		s.run()
		if !w.rest(next) {
			return
		}
	}
}

// rest offers a goroutine for the next session. It is false when there are
// enough, or no more are needed.
func (w *workers) rest(next chan *Session) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) == maxIdleWorkers {
		return false
	}
	w.idle = append(w.idle, next)
	return true
}

// close ends the waiting goroutines and waits for all. No session runs any more.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	for _, c := range w.idle {
		c <- nil
	}
	w.idle = nil
	w.mu.Unlock()
	w.all.Wait()
}
