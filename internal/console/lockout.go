package console

import (
	"net/netip"
	"sync"
	"time"
)

// lockout remembers where failed logins came from.
type lockout struct {
	mu      sync.Mutex // guards the fields below
	sources map[netip.Prefix]*attempts
}

// attempts are the failed logins of one source.
type attempts struct {
	failed int       // since the last success
	last   time.Time // of them
	until  time.Time // locked until then
}

// maxSources is how many sources are remembered. When there are more, the one
// that has been quiet longest is forgotten.
const maxSources = 4096

// sourceOf is what counts as one source: an IPv4 address, or the network that one
// IPv6 site has.
func sourceOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// locked tells whether a source is locked out.
func (l *lockout) locked(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sources[sourceOf(a)]
	return s != nil && now.Before(s.until)
}

// fail counts a failed login; the source is locked out for a while with the one
// that makes threshold. Failures that are older than that while are forgotten.
func (l *lockout) fail(a netip.Addr, now time.Time, threshold int, while time.Duration) (lockedNow bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := sourceOf(a)
	s := l.sources[p]
	if s == nil {
		l.makeRoomLocked()
		s = new(attempts)
		l.sources[p] = s
	}
	if now.Sub(s.last) > while {
		s.failed = 0
	}
	s.failed, s.last = s.failed+1, now
	if s.failed < threshold {
		return false
	}
	s.failed, s.until = 0, now.Add(while)
	return true
}

// forgive forgets the failures of a source that has logged in.
func (l *lockout) forgive(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sources, sourceOf(a))
}

func (l *lockout) makeRoomLocked() {
	if len(l.sources) < maxSources {
		return
	}
	var quiet netip.Prefix
	var since time.Time
	for p, s := range l.sources {
		if since.IsZero() || s.last.Before(since) {
			quiet, since = p, s.last
		}
	}
	delete(l.sources, quiet)
}
