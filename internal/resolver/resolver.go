package resolver

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Settings is what the operator decides. The zero value has no server, so that
// every lookup fails with ErrNoServers.
type Settings struct {
	// Servers are asked in this order.
	Servers []netip.AddrPort
	// Timeout is how long one try waits for the answer of one server; 0 means 5 s.
	Timeout time.Duration
	// Retries is how many more rounds are made through the servers that stayed
	// silent. A server that answered, be it with a failure, is not asked again.
	Retries int
	// CacheEntries is how many results are kept, the least recently used going
	// first. A host takes two: one for IPv4, one for IPv6. 0 keeps none.
	CacheEntries int
	// CacheTTL is the longest time a positive answer is kept, whatever TTL it came
	// with; 0 means a week.
	CacheTTL time.Duration
	// Outstanding is how many questions may be in the air before further ones fail
	// with ErrBusy. 0 lets 256 be in the air and the others wait.
	Outstanding int
}

const (
	defaultTimeout = 5 * time.Second
	// defaultCacheTTL is the cap that RFC 8767 section 4 recommends.
	defaultCacheTTL = 7 * 24 * time.Hour
	// maxOutstanding is how many queries may be in the air: each costs a socket,
	// and the servers are shared with everybody else.
	maxOutstanding = 256
	// familyPatience is how long an IPv6 answer is waited for once the IPv4 one is
	// there (RFC 8305 section 3, "Resolution Delay"): some servers never answer for
	// AAAA, and the session should not wait for all the tries.
	familyPatience = 50 * time.Millisecond
)

// Resolver asks DNS servers. Create it with New.
type Resolver struct {
	// Now tells the time to the cache and to the memory of silent servers; it is
	// time.Now unless set before the first use. Waiting on the network goes by the
	// real clock.
	Now func() time.Time

	patience time.Duration // familyPatience; longer in tests
	slots    chan struct{} // holds one token for each query in the air
	counters counters

	mu       sync.Mutex // guards the fields below
	settings Settings
	cache    cache
	flights  map[question]*flight
	flying   int                          // flights that have not landed, those that nobody can join any more too
	silent   map[netip.AddrPort]time.Time // servers that did not answer, and when
}

// New returns a resolver that works by s.
func New(s Settings) *Resolver {
	r := &Resolver{
		Now:      time.Now,
		patience: familyPatience,
		slots:    make(chan struct{}, maxOutstanding),
	}
	r.forgetLocked()
	r.settings = complete(s)
	return r
}

// Configure changes the settings while lookups go on. Those already asking finish
// with the settings they began with. When the servers differ in any way from
// those before, everything kept is forgotten, for other servers may tell another truth.
func (r *Resolver) Configure(s Settings) {
	s = complete(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(s.Servers, r.settings.Servers) {
		r.forgetLocked()
	}
	r.settings = s
	r.cache.shrink(s.CacheEntries)
}

// forgetLocked drops what the servers have said. Queries in the air are no longer
// joined, and their results are not kept.
func (r *Resolver) forgetLocked() {
	r.cache = newCache()
	r.flights = make(map[question]*flight)
	r.silent = make(map[netip.AddrPort]time.Time)
}

// complete puts the defaults in and makes the servers our own.
func complete(s Settings) Settings {
	s.Servers = slices.Clone(s.Servers)
	s.Retries = max(s.Retries, 0)
	s.CacheEntries = max(s.CacheEntries, 0)
	if s.Timeout <= 0 {
		s.Timeout = defaultTimeout
	}
	if s.CacheTTL <= 0 {
		s.CacheTTL = defaultCacheTTL
	}
	return s
}
