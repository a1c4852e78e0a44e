package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// TestCacheKeeps looks a name up, again just before the time that its answer should be
// kept, and again at that time.
func TestCacheKeeps(t *testing.T) {
	answers := func(rcode int, answer, authority []string) dns.HandlerFunc {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetRcode(q, rcode)
			if q.Question[0].Qtype == dns.TypeA {
				m.Answer = parse(t, answer...)
			}
			m.Ns = parse(t, authority...)
			w.WriteMsg(m)
		}
	}
	soa := func(owner string, ttl, minimum int) []string {
		return []string{fmt.Sprintf("%s %d IN SOA ns.lab.test. root.lab.test. 1 3600 600 86400 %d", owner, ttl, minimum)}
	}
	record := func(ttl uint32) []string { return []string{fmt.Sprintf("www.lab.test. %d IN A 192.0.2.1", ttl)} }
	success, nxdomain := dns.RcodeSuccess, dns.RcodeNameError
	for name, tc := range map[string]struct {
		handle dns.HandlerFunc
		keep   time.Duration // how long the answer for A is kept; 0: not at all
	}{
		"for its TTL":             {answers(success, record(60), nil), 60 * time.Second},
		"for the least TTL":       {answers(success, []string{"www.lab.test. 60 IN A 192.0.2.1", "www.lab.test. 20 IN A 192.0.2.2"}, nil), 20 * time.Second},
		"for the alias's TTL":     {answers(success, []string{"www.lab.test. 10 IN CNAME x.lab.test.", "x.lab.test. 60 IN A 192.0.2.2"}, nil), 10 * time.Second},
		"no longer than CacheTTL": {answers(success, record(86400), nil), 10 * time.Minute},
		"not with TTL 0":          {answers(success, record(0), nil), 0},
		"not with a negative TTL": {answers(success, record(1<<31), nil), 0},

		"NXDOMAIN for the SOA's minimum":       {answers(nxdomain, nil, soa("lab.test.", 90, 30)), 30 * time.Second},
		"NXDOMAIN for the SOA's TTL":           {answers(nxdomain, nil, soa("lab.test.", 15, 30)), 15 * time.Second},
		"NXDOMAIN no longer than five minutes": {answers(nxdomain, nil, soa("lab.test.", 86400, 86400)), 5 * time.Minute},
		"NXDOMAIN not without a SOA":           {answers(nxdomain, nil, nil), 0},
		"NXDOMAIN not by another zone's SOA":   {answers(nxdomain, nil, soa("bank.test.", 90, 30)), 0},
		"NODATA for the SOA's minimum":         {answers(success, nil, soa("test.", 90, 30)), 30 * time.Second},
		"NODATA not without a SOA":             {answers(success, nil, nil), 0},

		"SERVFAIL for a second":     {replies(dns.RcodeServerFailure), time.Second},
		"endless aliases, a second": {answers(success, []string{"www.lab.test. 600 IN CNAME www.lab.test."}, nil), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tc.handle)
			r, c := newWith(Settings{Timeout: time.Minute, CacheEntries: 10, CacheTTL: 10 * time.Minute}, s)
			look := func() ([]netip.Addr, error) { return r.Lookup(t.Context(), "www.lab.test") }
			first, firstErr := look()
			asked := 1
			if tc.keep > 0 {
				c.Advance(tc.keep - 1)
				again, err := look()
				assert.Equal(t, first, again)
				assert.Equal(t, firstErr, err)
				assert.Equal(t, asked, s.count(dns.TypeA))
				c.Advance(1)
			}
			look()
			assert.Equal(t, asked+1, s.count(dns.TypeA))
		})
	}
}

func TestCacheKeepsTimeOutsForASecond(t *testing.T) {
	s := serve(t, mute)
	r, c := newWith(Settings{Timeout: 200 * time.Millisecond, CacheEntries: 10}, s)
	for range 3 {
		_, err := r.Lookup(t.Context(), "www.lab.test")
		require.ErrorIs(t, err, ErrTimeout)
	}
	assert.EqualValues(t, 2, r.Stats().Queries)
	c.Advance(time.Second)
	_, err := r.Lookup(t.Context(), "www.lab.test")
	require.ErrorIs(t, err, ErrTimeout)
	assert.EqualValues(t, 4, r.Stats().Queries)
}

func TestCacheIsCountedAndHandsOutCopies(t *testing.T) {
	r, _ := newTest(serve(t, zone(t, "www.lab.test. 60 IN A 192.0.2.1")))
	got, err := r.Lookup(t.Context(), "www.lab.test")
	require.NoError(t, err)
	got[0] = netip.MustParseAddr("203.0.113.66")
	got, err = r.Lookup(t.Context(), "www.lab.test")
	require.NoError(t, err)
	assert.Equal(t, addrs("192.0.2.1"), got)
	assert.Equal(t, Stats{Queries: 2, Answers: 2, CacheHits: 2}, r.Stats())
}

func TestCacheDropsTheLeastRecentlyUsed(t *testing.T) {
	s := serve(t, zone(t, "a.lab.test. 60 IN A 192.0.2.1", "b.lab.test. 60 IN A 192.0.2.2", "c.lab.test. 60 IN A 192.0.2.3"))
	r, _ := newWith(Settings{Timeout: time.Minute, CacheEntries: 4}, s) // room for two hosts
	for _, step := range []struct {
		host string
		hit  bool
	}{
		{"a.lab.test", false},
		{"b.lab.test", false},
		{"a.lab.test", true},
		{"c.lab.test", false}, // in the place of b
		{"a.lab.test", true},
		{"b.lab.test", false}, // in the place of c
		{"a.lab.test", true},
	} {
		before := len(s.requests())
		_, err := r.Lookup(t.Context(), step.host)
		require.NoError(t, err)
		assert.Equal(t, step.hit, len(s.requests()) == before, "%+v", step)
		assert.LessOrEqual(t, len(r.cache.entries), 4)
	}
}

func TestConfigure(t *testing.T) {
	old := serve(t, zone(t, "www.lab.test. 600 IN A 192.0.2.1", "www.lab.test. 600 IN AAAA 2001:db8::1"))
	other := serve(t, zone(t, "www.lab.test. 600 IN A 192.0.2.9"))
	base := Settings{Timeout: time.Minute, CacheEntries: 10, Servers: []netip.AddrPort{old.addr}}
	r, c := newWith(base)
	look := func() []netip.Addr {
		t.Helper()
		got, err := r.Lookup(t.Context(), "www.lab.test")
		require.NoError(t, err)
		return got
	}
	look()

	same := base
	same.Servers = []netip.AddrPort{old.addr}
	same.Retries = 5
	r.Configure(same)
	look()
	assert.Len(t, old.requests(), 2, "the same servers: what they said holds")

	shorter := base
	shorter.CacheTTL = 10 * time.Second
	r.Configure(shorter)
	c.Advance(10 * time.Second)
	look()
	assert.Len(t, old.requests(), 4, "a shorter CacheTTL holds for what is kept already")

	smaller := base
	smaller.CacheEntries = 1
	r.Configure(smaller)
	assert.Len(t, r.cache.entries, 1)
	r.Configure(base)

	elsewhere := base
	elsewhere.Servers = []netip.AddrPort{other.addr}
	r.Configure(elsewhere)
	elsewhere.Servers[0] = old.addr // the resolver has its own copy
	assert.Equal(t, addrs("192.0.2.9"), look())

	r.Configure(Settings{Timeout: time.Minute, Servers: []netip.AddrPort{other.addr}})
	look()
	look()
	assert.Len(t, other.requests(), 6, "no cache")
}

func TestConfigureLeavesQueriesInTheAirAlone(t *testing.T) {
	open, asked := make(chan struct{}), make(chan struct{}, 2)
	right := zone(t, "www.lab.test. 600 IN A 192.0.2.1")
	old := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { asked <- struct{}{}; <-open; right(w, q) })
	other := serve(t, zone(t, "www.lab.test. 600 IN A 192.0.2.9"))
	r, _ := newTest(old)
	early := make(chan []netip.Addr, 1)
	go func() {
		got, err := r.Lookup(t.Context(), "www.lab.test")
		assert.NoError(t, err)
		early <- got
	}()
	<-asked
	<-asked
	r.Configure(Settings{Timeout: time.Minute, CacheEntries: 10, Servers: []netip.AddrPort{other.addr}})
	got, err := r.Lookup(t.Context(), "www.lab.test")
	require.NoError(t, err)
	assert.Equal(t, addrs("192.0.2.9"), got, "the old query is not joined")

	close(open)
	assert.Equal(t, addrs("192.0.2.1"), <-early)
	got, err = r.Lookup(t.Context(), "www.lab.test")
	require.NoError(t, err)
	assert.Equal(t, addrs("192.0.2.9"), got, "its answer did not replace the new one")
	assert.Len(t, other.requests(), 2)
}

func TestConcurrentLookupsShareOneQuery(t *testing.T) {
	open := make(chan struct{})
	right := zone(t, "www.lab.test. 0 IN A 192.0.2.1", "www.lab.test. 0 IN AAAA 2001:db8::1") // TTL 0: the cache is no help
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { <-open; right(w, q) })
	r, _ := newTest(s)
	const callers = 1000
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			got, err := r.Lookup(t.Context(), "www.lab.test")
			assert.NoError(t, err)
			assert.Equal(t, addrs("2001:db8::1", "192.0.2.1"), got)
		})
	}
	require.Eventually(t, func() bool { return r.waiting("www.lab.test") == 2*callers }, 30*time.Second, time.Millisecond)
	close(open)
	wg.Wait()
	assert.Equal(t, 1, s.count(dns.TypeA))
	assert.Equal(t, 1, s.count(dns.TypeAAAA))
	assert.Equal(t, Stats{Queries: 2, Answers: 2}, r.Stats())
}

// waiting returns how many tickets are out for name.
func (r *Resolver) waiting(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for q, f := range r.flights {
		if q.name == name {
			n += f.waiters
		}
	}
	return n
}

func TestTheLastToLeaveEndsTheQuery(t *testing.T) {
	s := serve(t, mute)
	here := goleak.IgnoreCurrent()
	r, _ := newTest(s)
	stay, leaveLast := context.WithCancel(t.Context())
	leave, leaveFirst := context.WithCancel(t.Context())
	results := make(chan error, 2)
	for _, ctx := range []context.Context{stay, leave} {
		go func() {
			_, err := r.Lookup(ctx, "www.lab.test")
			results <- err
		}()
	}
	require.Eventually(t, func() bool { return r.waiting("www.lab.test") == 4 }, 30*time.Second, time.Millisecond)
	leaveFirst()
	require.ErrorIs(t, <-results, context.Canceled)
	assert.Equal(t, 2, r.waiting("www.lab.test"), "the other still waits")
	leaveLast()
	require.ErrorIs(t, <-results, context.Canceled)
	assert.Zero(t, r.waiting("www.lab.test"))
	assert.Zero(t, r.Stats().Outstanding)
	goleak.VerifyNone(t, here)
}

// The cache behaves like a list in order of use, searched from the front.
func TestCacheModel(t *testing.T) {
	type kept struct {
		question question
		answer   answer
		until    time.Time
	}
	rapid.Check(t, func(t *rapid.T) {
		c := newCache()
		now := time.Unix(0, 0)
		var model []kept
		find := func(q question) int {
			for i := range model {
				if model[i].question == q {
					return i
				}
			}
			return -1
		}
		take := func(i int) kept {
			k := model[i]
			model = append(model[:i:i], model[i+1:]...)
			return k
		}
		key := rapid.Custom(func(t *rapid.T) question {
			return question{rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name"), rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA}).Draw(t, "type")}
		})
		seconds := rapid.IntRange(0, 5)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				q, limit := key.Draw(t, "q"), rapid.IntRange(0, 6).Draw(t, "limit")
				a := answer{ttl: time.Duration(seconds.Draw(t, "ttl")) * time.Second}
				c.put(q, a, now, limit)
				if i := find(q); i >= 0 {
					take(i)
				}
				if a.ttl > 0 && limit > 0 {
					model = append([]kept{{q, a, now.Add(a.ttl)}}, model[:min(len(model), limit-1)]...)
				}
			},
			"get": func(t *rapid.T) {
				q := key.Draw(t, "q")
				a, ok := c.get(q, now, time.Hour)
				i := find(q)
				if i < 0 {
					assert.False(t, ok)
					return
				}
				k := take(i)
				assert.Equal(t, now.Before(k.until), ok)
				if ok {
					assert.Equal(t, k.answer, a)
					model = append([]kept{k}, model...)
				}
			},
			"wait":   func(t *rapid.T) { now = now.Add(time.Duration(seconds.Draw(t, "s")) * time.Second) },
			"shrink": func(t *rapid.T) { n := seconds.Draw(t, "n"); c.shrink(n); model = model[:min(len(model), n)] },
			"": func(t *rapid.T) {
				assert.Len(t, c.entries, len(model))
				assert.Equal(t, len(model), c.recent.Len())
			},
		})
	})
}

// Whatever a server sends, reading it ends, and yields addresses or a reason.
func FuzzAnswer(f *testing.F) {
	query := newQuery(dns.Question{Name: "www.lab.test.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, true)
	query.Id = 0x1234
	for _, rrs := range [][]string{
		nil,
		{"www.lab.test. 60 IN A 192.0.2.1"},
		{"www.lab.test. 60 IN CNAME x.lab.test.", "x.lab.test. 60 IN CNAME www.lab.test."},
		{"www.lab.test. 60 IN CNAME x.lab.test.", "x.lab.test. 60 IN A 192.0.2.1"},
	} {
		m := new(dns.Msg).SetReply(query)
		m.Answer = parse(f, rrs...)
		m.Ns = parse(f, labSOA)
		m.Compress = true
		packet, err := m.Pack()
		require.NoError(f, err)
		f.Add(packet)
		f.Add(packet[:len(packet)-5])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		msg := parseAnswer(packet, query, true)
		if msg == nil {
			return
		}
		assert.Equal(t, query.Id, msg.Id)
		a := read(msg, query.Question[0])
		assert.NotEqual(t, a.err == nil, len(a.addrs) == 0)
		assert.LessOrEqual(t, len(a.addrs), maxAddrs)
		assert.GreaterOrEqual(t, a.ttl, time.Duration(0))
		assert.LessOrEqual(t, a.ttl, defaultCacheTTL)
	})
}

func BenchmarkLookup(b *testing.B) {
	rrs := []string{"www.lab.test. 3600 IN A 192.0.2.1", "www.lab.test. 3600 IN AAAA 2001:db8::1"}
	b.Run("hit", func(b *testing.B) {
		r, _ := newTest(serve(b, zone(b, rrs...)))
		r.Now = time.Now
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Lookup(b.Context(), "www.lab.test"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hit, all processors", func(b *testing.B) {
		r, _ := newTest(serve(b, zone(b, rrs...)))
		r.Now = time.Now
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := r.Lookup(b.Context(), "www.lab.test"); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("miss", func(b *testing.B) { // both families, answered on loopback
		r, _ := newWith(Settings{Timeout: time.Minute}, serve(b, zone(b, rrs...)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Lookup(b.Context(), "www.lab.test"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
