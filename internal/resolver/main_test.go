package resolver

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testServer is a DNS server on UDP and TCP of one port, which remembers what it was
// asked.
type testServer struct {
	addr netip.AddrPort

	mu   sync.Mutex
	seen []request
}

type request struct {
	*dns.Msg
	network string
	from    netip.AddrPort
}

// serve starts a server that answers by handle.
func serve(t testing.TB, handle dns.HandlerFunc) *testServer {
	t.Helper()
	tcp, udp := listenBoth(t)
	s := &testServer{addr: netip.MustParseAddrPort(tcp.Addr().String())}
	recorder := dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		from := w.RemoteAddr()
		s.mu.Lock()
		s.seen = append(s.seen, request{m, from.Network(), netip.MustParseAddrPort(from.String())})
		s.mu.Unlock()
		handle(w, m)
	})
	for _, server := range []*dns.Server{
		{Listener: tcp, Handler: recorder},
		{PacketConn: udp, Handler: recorder},
	} {
		started, ended := make(chan struct{}), make(chan error, 1)
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			require.NoError(t, server.Shutdown())
			require.NoError(t, <-ended)
		})
	}
	return s
}

// listenBoth finds a port that is free for TCP and UDP.
func listenBoth(t testing.TB) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 50 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp
		}
		require.NoError(t, tcp.Close())
	}
	require.Fail(t, "no port is free for both TCP and UDP")
	return nil, nil
}

// requests returns what the server was asked for so far.
func (s *testServer) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.seen...)
}

// count returns how often the server was asked for qtype.
func (s *testServer) count(qtype uint16) int {
	n := 0
	for _, q := range s.requests() {
		if q.Question[0].Qtype == qtype {
			n++
		}
	}
	return n
}

// labSOA goes with the negative answers of zone.
const labSOA = "lab.test. 90 IN SOA ns.lab.test. root.lab.test. 1 3600 600 86400 30"

// zone answers from rrs, written as in a zone file: with what is there for the name
// and its aliases, NXDOMAIN for a name not there, and the SOA when there is nothing.
func zone(t testing.TB, rrs ...string) dns.HandlerFunc {
	t.Helper()
	records := parse(t, rrs...)
	soa := parse(t, labSOA)
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		name, known, found := q.Question[0].Name, false, false
		for i := 0; i < len(records); i++ {
			h := records[i].Header()
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			known = true
			if alias, ok := records[i].(*dns.CNAME); ok {
				m.Answer = append(m.Answer, alias)
				name, known, i = alias.Target, false, -1
				continue
			}
			if h.Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, records[i])
				found = true
			}
		}
		if !found {
			m.Ns = soa
		}
		if !known {
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	}
}

// parse reads records as in a zone file.
func parse(t testing.TB, rrs ...string) []dns.RR {
	t.Helper()
	records := make([]dns.RR, len(rrs))
	for i, s := range rrs {
		rr, err := dns.NewRR(s)
		require.NoError(t, err)
		records[i] = rr
	}
	return records
}

// replies answers everything with rcode and nothing else.
func replies(rcode int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, rcode)) }
}

// mute never answers.
func mute(dns.ResponseWriter, *dns.Msg) {}

// byType answers AAAA and everything else by different handlers.
func byType(aaaa, others dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeAAAA {
			aaaa(w, q)
			return
		}
		others(w, q)
	}
}

// clock is a time that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newTest returns a resolver for servers with a clock that stands still, and with
// time-outs that nothing but a silent server ever reaches.
func newTest(servers ...*testServer) (*Resolver, *clock) {
	return newWith(Settings{Timeout: time.Minute, CacheEntries: 100}, servers...)
}

// newImpatient is newTest for tests in which a server stays silent. The others must
// answer within a second at the worst, which three retries make sure of.
func newImpatient(servers ...*testServer) (*Resolver, *clock) {
	return newWith(Settings{Timeout: 250 * time.Millisecond, Retries: 3, CacheEntries: 100}, servers...)
}

func newWith(s Settings, servers ...*testServer) (*Resolver, *clock) {
	for _, server := range servers {
		s.Servers = append(s.Servers, server.addr)
	}
	r := New(s)
	c := &clock{now: time.Unix(1_000_000_000, 0)}
	r.Now = c.Now
	r.patience = time.Minute
	return r, c
}

func addrs(list ...string) []netip.Addr {
	out := make([]netip.Addr, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddr(s)
	}
	return out
}
