package proxy

import (
	"sync"
	"time"

	"utmsim/internal/stats"
)

// lingerKind is what happens to a socket whose session is over.
type lingerKind uint8

const (
	lingerDrain lingerKind = iota // our direction is ended; read and forget until the peer ends its own
	lingerHang                    // say nothing, then reset; the last kind
)

// Limits of lingering. A closed socket waits for its peer so that what was sent
// before is not destroyed by a reset; a hanging one is the refusal style hang.
const (
	drainTime  = 2 * time.Second
	hangTime   = 60 * time.Second
	maxLingers = 1024 // of each kind
)

// lingers holds sockets that outlive their session for a moment. Reading and
// closing happen under its lock, so that no descriptor is closed while another
// goroutine reads it; both never block.
type lingers struct {
	eng *Engine

	mu   sync.Mutex // guards the fields below
	set  map[*socket]lingering
	many [lingerHang + 1]int // how many of each kind
}

type lingering struct {
	kind lingerKind
	end  int64 // engine clock, ns
}

// add takes a socket over. With too many of its kind lingering it is closed at once.
func (l *lingers) add(k *socket, kind lingerKind) {
	if kind == lingerDrain && k.conn.closeWrite() != nil {
		k.close(true)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.many[kind] >= maxLingers {
		k.close(kind == lingerHang)
		return
	}
	l.many[kind]++
	after := drainTime
	if kind == lingerHang {
		after = hangTime
	}
	l.set[k] = lingering{kind: kind, end: l.eng.now() + int64(after)}
	k.set(flagLingering)
	l.lookLocked(k, k.flags.Load())
}

// happened is the reactor's word about a lingering socket.
func (l *lingers) happened(k *socket, flags uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.set[k]; there {
		l.lookLocked(k, flags)
	}
}

// lookLocked reads what has come and closes the socket when its peer is done.
func (l *lingers) lookLocked(k *socket, flags uint32) {
	if l.set[k].kind == lingerHang {
		if flags&(flagHangup|flagDead) != 0 {
			l.closeLocked(k)
		}
		return
	}
	for range forgets {
		n, err := k.conn.forget()
		if err == errWouldBlock {
			return
		}
		if err != nil {
			l.eng.worker.Fail(stats.Read, err) // it belongs to no session any more
		}
		if n <= 0 || err != nil {
			l.closeLocked(k)
			return
		}
	}
}

// forgets is how often a socket is read before others have their turn. One that has
// more is looked at again with the next sweep: a close would destroy what was sent last.
const forgets = 64

func (l *lingers) closeLocked(k *socket) {
	kind := l.set[k].kind
	l.many[kind]--
	delete(l.set, k)
	k.close(kind == lingerHang)
}

// sweep closes those whose time is over, and looks at the others.
func (l *lingers) sweep(now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, v := range l.set {
		if now >= v.end {
			l.closeLocked(k)
			continue
		}
		l.lookLocked(k, k.flags.Load())
	}
}

// closeAll ends them all.
func (l *lingers) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.set {
		l.closeLocked(k)
	}
}
