package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLookupReturnsAddressesOfBothFamiliesInTurn(t *testing.T) {
	s := serve(t, zone(t,
		"www.lab.test. 60 IN A 192.0.2.1",
		"www.lab.test. 60 IN A 192.0.2.2",
		"www.lab.test. 60 IN A 192.0.2.3",
		"www.lab.test. 60 IN AAAA 2001:db8::1",
		"www.lab.test. 60 IN AAAA 2001:db8::2",
	))
	r, _ := newTest(s)
	for _, host := range []string{"www.lab.test", "WWW.Lab.Test", "www.lab.test."} {
		got, err := r.Lookup(t.Context(), host)
		require.NoError(t, err)
		assert.Equal(t, addrs("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"), got)
	}
	assert.Len(t, s.requests(), 2, "one name in three spellings")
}

func TestLookupNeedsNoServerFor(t *testing.T) {
	r := New(Settings{})
	for host, want := range map[string][]netip.Addr{
		"192.0.2.7":          addrs("192.0.2.7"),
		"::1":                addrs("::1"),
		"2001:DB8::A":        addrs("2001:db8::a"),
		"fe80::1%eth0":       addrs("fe80::1%eth0"),
		"::ffff:127.0.0.1":   addrs("::ffff:127.0.0.1"),
		"localhost":          addrs("::1", "127.0.0.1"),
		"LOCALHOST.":         addrs("::1", "127.0.0.1"),
		"anything.localhost": addrs("::1", "127.0.0.1"),
	} {
		got, err := r.Lookup(t.Context(), host)
		require.NoError(t, err, host)
		assert.Equal(t, want, got, host)
	}
	assert.Zero(t, r.Stats())
}

func TestLookupReadsAnswers(t *testing.T) {
	const a = "www.lab.test. 60 IN A 192.0.2.1"
	for name, tc := range map[string]struct {
		answer []string // sent for A; for AAAA there is nothing
		want   []netip.Addr
		err    error
		detail string
	}{
		"plain":          {answer: []string{a}, want: addrs("192.0.2.1")},
		"doubled":        {answer: []string{a, a}, want: addrs("192.0.2.1")},
		"owner in caps":  {answer: []string{"WWW.LAB.test. 60 IN A 192.0.2.1"}, want: addrs("192.0.2.1")},
		"foreign owner":  {answer: []string{a, "bank.test. 60 IN A 192.0.2.66"}, want: addrs("192.0.2.1")},
		"foreign only":   {answer: []string{"bank.test. 60 IN A 192.0.2.66"}, err: ErrNotFound, detail: "no such record"},
		"wrong type":     {answer: []string{"www.lab.test. 60 IN AAAA 2001:db8::1"}, err: ErrNotFound},
		"wrong class":    {answer: []string{"www.lab.test. 60 CH A 192.0.2.1"}, err: ErrNotFound},
		"empty":          {err: ErrNotFound},
		"alias":          {answer: []string{"www.lab.test. 60 IN CNAME x.lab.test.", "x.lab.test. 60 IN A 192.0.2.2"}, want: addrs("192.0.2.2")},
		"aliases mixed":  {answer: []string{"z.lab.test. 60 IN A 192.0.2.3", "y.lab.test. 60 IN CNAME Z.lab.test.", "www.lab.test. 60 IN CNAME y.lab.test."}, want: addrs("192.0.2.3")},
		"alias hides":    {answer: []string{a, "www.lab.test. 60 IN CNAME x.lab.test.", "x.lab.test. 60 IN A 192.0.2.2"}, want: addrs("192.0.2.2")},
		"alias dangling": {answer: []string{"www.lab.test. 60 IN CNAME x.lab.test."}, err: ErrNotFound},
		"alias circle":   {answer: []string{"www.lab.test. 60 IN CNAME x.lab.test.", "x.lab.test. 60 IN CNAME www.lab.test."}, err: ErrServer, detail: "aliases without end"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, byType(replies(dns.RcodeSuccess), func(w dns.ResponseWriter, q *dns.Msg) {
				m := new(dns.Msg).SetReply(q)
				m.Answer = parse(t, tc.answer...)
				w.WriteMsg(m)
			}))
			r, _ := newTest(s)
			got, err := r.Lookup(t.Context(), "www.lab.test")
			assert.Equal(t, tc.want, got)
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				assert.ErrorContains(t, err, tc.detail)
			}
		})
	}
}

func TestLookupTakesNoMappedAddress(t *testing.T) {
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeAAAA {
			h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeAAAA, Class: dns.ClassINET, Ttl: 60}
			m.Answer = []dns.RR{&dns.AAAA{Hdr: h, AAAA: net.ParseIP("::ffff:127.0.0.1")}}
		}
		w.WriteMsg(m)
	})
	r, _ := newTest(s)
	_, err := r.Lookup(t.Context(), "www.lab.test")
	assert.ErrorIs(t, err, ErrNotFound)
}

func TestLookupBoundsTheAddressesOfAnAnswer(t *testing.T) {
	s := serve(t, byType(replies(dns.RcodeSuccess), func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
			m.Truncated = true
			w.WriteMsg(m)
			return
		}
		m.Compress = true
		for i := range 3000 {
			h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}
			m.Answer = append(m.Answer, &dns.A{Hdr: h, A: net.IPv4(10, 0, byte(i>>8), byte(i))})
		}
		w.WriteMsg(m)
	}))
	r, _ := newTest(s)
	got, err := r.Lookup(t.Context(), "www.lab.test")
	require.NoError(t, err)
	assert.Len(t, got, maxAddrs)
}

func TestLookupTellsNamesThatAreNotThere(t *testing.T) {
	s := serve(t, zone(t, "mail.lab.test. 60 IN TXT here", "gone.lab.test. 60 IN CNAME nobody.lab.test."))
	r, _ := newTest(s)
	for host, detail := range map[string]string{
		"nobody.lab.test": "no such name",
		"mail.lab.test":   "the name has no such record",
		"gone.lab.test":   "no such name",
	} {
		_, err := r.Lookup(t.Context(), host)
		require.ErrorIs(t, err, ErrNotFound, host)
		assert.EqualError(t, err, "looking up "+host+" (A) at "+s.addr.String()+": not found: "+detail)
	}
}

func TestLookupAsksTheNextServer(t *testing.T) {
	good := zone(t, "www.lab.test. 60 IN A 192.0.2.1", "www.lab.test. 60 IN AAAA 2001:db8::1")
	for name, first := range map[string]dns.HandlerFunc{
		"after SERVFAIL": replies(dns.RcodeServerFailure),
		"after REFUSED":  replies(dns.RcodeRefused),
		"after NOTIMP":   replies(dns.RcodeNotImplemented),
		"after silence":  mute,
		"after REFUSED without a question": func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetRcode(q, dns.RcodeRefused)
			m.Question = nil
			w.WriteMsg(m)
		},
		"after a referral": func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Ns = parse(t, "test. 60 IN NS ns.test.")
			w.WriteMsg(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s1, s2 := serve(t, first), serve(t, good)
			r, _ := newImpatient(s1, s2)
			got, err := r.Lookup(t.Context(), "www.lab.test")
			require.NoError(t, err)
			assert.Equal(t, addrs("2001:db8::1", "192.0.2.1"), got)
			assert.NotZero(t, s1.count(dns.TypeA), "the first server comes first")
		})
	}
}

func TestLookupTriesSilentServersAgain(t *testing.T) {
	s1, s2 := serve(t, mute), serve(t, mute)
	r, _ := newWith(Settings{Timeout: 200 * time.Millisecond, Retries: 2, CacheEntries: 10}, s1, s2)
	_, err := r.Lookup(t.Context(), "www.lab.test")
	require.ErrorIs(t, err, ErrTimeout)
	assert.EqualError(t, err, "looking up www.lab.test (A) at "+s2.addr.String()+": no answer in time: waited 200ms")
	assert.Equal(t, Stats{Queries: 12, Timeouts: 12, Failures: 2}, r.Stats(), "two families, two servers, three rounds")
}

func TestLookupDoesNotTryFailedServersAgain(t *testing.T) {
	s1, s2 := serve(t, replies(dns.RcodeRefused)), serve(t, replies(dns.RcodeServerFailure))
	r, _ := newWith(Settings{Timeout: time.Minute, Retries: 5, CacheEntries: 10}, s1, s2)
	_, err := r.Lookup(t.Context(), "www.lab.test")
	require.ErrorIs(t, err, ErrServer)
	assert.EqualError(t, err, "looking up www.lab.test (A) at "+s2.addr.String()+": DNS server failed: SERVFAIL")
	assert.Equal(t, Stats{Queries: 4, Answers: 4, Failures: 2}, r.Stats(), "two families, two servers, once")
}

func TestLookupWithNobodyListening(t *testing.T) {
	tcp, udp := listenBoth(t)
	require.NoError(t, tcp.Close())
	require.NoError(t, udp.Close())
	r := New(Settings{Servers: []netip.AddrPort{netip.MustParseAddrPort(tcp.Addr().String())}, Timeout: time.Second})
	_, err := r.Lookup(t.Context(), "www.lab.test")
	require.Error(t, err)
	if errors.Is(err, ErrServer) { // a system that reports ICMP errors on UDP sockets, as Linux does
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		return
	}
	assert.ErrorIs(t, err, ErrTimeout)
}

func TestLookupWithoutServers(t *testing.T) {
	_, err := New(Settings{}).Lookup(t.Context(), "www.lab.test")
	require.ErrorIs(t, err, ErrNoServers)
	assert.EqualError(t, err, "looking up www.lab.test (A): no DNS server is configured")
}

func TestLookupNeedsOnlyOneFamily(t *testing.T) {
	good := zone(t, "www.lab.test. 60 IN A 192.0.2.1", "www.lab.test. 60 IN AAAA 2001:db8::1")
	none := zone(t, "www.lab.test. 60 IN TXT x")
	failing := replies(dns.RcodeServerFailure)
	for name, tc := range map[string]struct {
		six, four dns.HandlerFunc
		want      []netip.Addr
		err       error
	}{
		"IPv6 fails":            {six: failing, four: good, want: addrs("192.0.2.1")},
		"IPv4 fails":            {six: good, four: failing, want: addrs("2001:db8::1")},
		"no IPv6":               {six: none, four: good, want: addrs("192.0.2.1")},
		"IPv6 denies the name":  {six: replies(dns.RcodeNameError), four: good, want: addrs("192.0.2.1")},
		"no IPv6, IPv4 fails":   {six: none, four: failing, err: ErrServer},
		"IPv6 fails, no IPv4":   {six: failing, four: none, err: ErrServer},
		"IPv6 is silent at all": {six: mute, four: none, err: ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newImpatient(serve(t, byType(tc.six, tc.four)))
			got, err := r.Lookup(t.Context(), "www.lab.test")
			require.ErrorIs(t, err, tc.err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestLookupDoesNotWaitForASilentFamily(t *testing.T) {
	asked := make(chan struct{}, 100)
	four := zone(t, "www.lab.test. 3600 IN A 192.0.2.1")
	s := serve(t, byType(func(dns.ResponseWriter, *dns.Msg) { asked <- struct{}{} }, func(w dns.ResponseWriter, q *dns.Msg) {
		<-asked // so that the silent family is known to be asked, however slow the machine
		four(w, q)
	}))
	r, c := newTest(s) // a try takes a minute
	r.patience = familyPatience
	for range 3 {
		got, err := r.Lookup(t.Context(), "www.lab.test")
		require.NoError(t, err)
		assert.Equal(t, addrs("192.0.2.1"), got)
	}
	assert.Equal(t, 1, s.count(dns.TypeAAAA), "for a second it is not asked again")
	require.Eventually(t, func() bool { // the time for it may be over before it is on its way
		c.Advance(failureTTL)
		_, err := r.Lookup(t.Context(), "www.lab.test")
		return assert.NoError(t, err) && s.count(dns.TypeAAAA) >= 2
	}, time.Minute, time.Millisecond)
	assert.Zero(t, r.Stats().Outstanding)
}

func TestLookupEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{}, 10)
	s := serve(t, func(dns.ResponseWriter, *dns.Msg) { asked <- struct{}{} })
	r, _ := newTest(s)

	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; <-asked; cancel() }()
	_, err := r.Lookup(ctx, "www.lab.test")
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "looking up www.lab.test")
	assert.Zero(t, r.Stats().Outstanding, "the query ended before Lookup did")

	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = r.Lookup(ctx, "www.lab.test")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, ErrTimeout, "the servers had more time than the caller")
	assert.Zero(t, r.Stats().Failures)
	assert.Empty(t, r.cache.entries, "nothing is known about the name")
}

func TestInterleaveKeepsEachFamilyInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		six := make([]netip.Addr, rapid.IntRange(0, 9).Draw(t, "six"))
		four := make([]netip.Addr, rapid.IntRange(0, 9).Draw(t, "four"))
		for i := range six {
			six[i] = netip.AddrFrom16([16]byte{0: 0x20, 15: byte(i)})
		}
		for i := range four {
			four[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		}
		var gotSix, gotFour []netip.Addr
		for i, addr := range interleave(six, four) {
			if addr.Is6() {
				gotSix = append(gotSix, addr)
			} else {
				gotFour = append(gotFour, addr)
			}
			if i < 2*min(len(six), len(four)) {
				assert.Equal(t, i%2 == 0, addr.Is6(), "in turn while both last")
			}
		}
		assert.True(t, len(six) == 0 && gotSix == nil || assert.ObjectsAreEqual(six, gotSix))
		assert.True(t, len(four) == 0 && gotFour == nil || assert.ObjectsAreEqual(four, gotFour))
	})
}

func TestLookupRefusesBadNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, label[:61]}, ".") // 253 octets
	require.Len(t, long, 253)
	for host, detail := range map[string]string{
		"":                   "it is empty",
		".":                  "it is empty",
		"..":                 "empty label",
		".lab.test":          "empty label",
		"www..test":          "empty label",
		"www.test..":         "empty label",
		label + "a.test":     "a label longer than 63 octets",
		"www." + label + "a": "a label longer than 63 octets",
		long + "a":           "longer than 253 octets",
		"a b.test":           `byte " " is not allowed`,
		"a\x00.test":         `byte "\x00" is not allowed`,
		"a/b.test":           `byte "/" is not allowed`,
		"user@lab.test":      `byte "@" is not allowed`,
		"www.lab.test:80":    `byte ":" is not allowed`,
		"[::1]":              `byte "[" is not allowed`,
		"münchen.test":       `byte "\xc3" is not allowed`,
		"a\r\nb.test":        `byte "\r" is not allowed`,
		"127.1":              "its last label is a number",
		"2130706433":         "its last label is a number",
		"0x7f000001":         "its last label is a number",
		"256.0.0.1":          "its last label is a number",
		"1.2.3.4.":           "its last label is a number",
		"www.0X":             "its last label is a number",
	} {
		_, err := New(Settings{}).Lookup(t.Context(), host)
		require.ErrorIs(t, err, ErrBadName, "%q", host)
		assert.ErrorContains(t, err, detail, "%q", host)
		assert.NotContains(t, err.Error(), "\r", "nothing that would break a log line")
	}
	for _, host := range []string{long, long + ".", label, "_dmarc.lab.test", "a-.-b.test", "xn--mnchen-3ya.test", "4.3.2.1.in-addr.arpa", "1.0xg"} {
		_, err := New(Settings{}).Lookup(t.Context(), host)
		assert.ErrorIs(t, err, ErrNoServers, "%q is a good name", host)
	}
}

// What hostName accepts, the DNS can carry, and means one name only.
func FuzzHostName(f *testing.F) {
	for _, seed := range []string{"www.lab.test", "WWW.lab.test.", "a..b", "127.1", "0x1", "\x00", strings.Repeat("a.", 127), "-", "_", "[::1]", "1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		name, err := hostName(host)
		if err != nil {
			require.ErrorIs(t, err, ErrBadName)
			return
		}
		_, isAddr := Literal(name)
		assert.False(t, isAddr)
		wire := make([]byte, 255)
		end, err := dns.PackDomainName(name+".", wire, 0, nil, false)
		require.NoError(t, err)
		back, _, err := dns.UnpackDomainName(wire[:end], 0)
		require.NoError(t, err)
		assert.Equal(t, name+".", back)
		again, err := hostName(name)
		require.NoError(t, err)
		assert.Equal(t, name, again)
	})
}
