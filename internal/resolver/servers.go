package resolver

import (
	"net/netip"
	"time"
)

// silentFor is how long a server that did not answer is asked last. Without it a
// dead first server would cost every new name a whole time-out.
const silentFor = 30 * time.Second

// order returns the servers in the order to ask them: as configured, but those that
// lately stayed silent behind the others. The slice is the caller's.
func (r *Resolver) order(servers []netip.AddrPort) []netip.AddrPort {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	ordered := make([]netip.AddrPort, 0, len(servers))
	for _, server := range servers {
		if !r.silentLocked(server, now) {
			ordered = append(ordered, server)
		}
	}
	for _, server := range servers {
		if r.silentLocked(server, now) {
			ordered = append(ordered, server)
		}
	}
	return ordered
}

func (r *Resolver) silentLocked(server netip.AddrPort, now time.Time) bool {
	since, ok := r.silent[server]
	return ok && now.Sub(since) < silentFor
}

func (r *Resolver) unheard(server netip.AddrPort) {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent[server] = now
}

func (r *Resolver) heard(server netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.silent, server)
}
