package resolver

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var txtQuestion = dns.Question{Name: "rated.lab.test", Qtype: dns.TypeTXT}

const txtRecord = "rated.lab.test. 60 IN TXT news"

func requireTXT(t *testing.T, msg *dns.Msg, err error) {
	t.Helper()
	require.NoError(t, err)
	require.Len(t, msg.Answer, 1)
	assert.Equal(t, []string{"news"}, msg.Answer[0].(*dns.TXT).Txt)
}

func TestExchangeAsksAnyType(t *testing.T) {
	s := serve(t, zone(t, txtRecord))
	r, _ := newTest(s)
	for range 2 {
		msg, err := r.Exchange(t.Context(), txtQuestion)
		requireTXT(t, msg, err)
	}
	assert.Len(t, s.requests(), 2, "nothing is kept")
	assert.Equal(t, Stats{Queries: 2, Answers: 2}, r.Stats())

	msg, err := r.Exchange(t.Context(), dns.Question{Name: "2.0.0.127.bl.lab.test.", Qtype: dns.TypeA, Qclass: dns.ClassINET})
	require.NoError(t, err, "a name that is not there is an answer")
	assert.Equal(t, dns.RcodeNameError, msg.Rcode)

	_, err = r.Exchange(t.Context(), dns.Question{Name: "a..b", Qtype: dns.TypeA})
	require.ErrorIs(t, err, ErrBadName)
	_, err = New(Settings{}).Exchange(t.Context(), txtQuestion)
	require.ErrorIs(t, err, ErrNoServers)
}

func TestExchangeReportsFailures(t *testing.T) {
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.SetEdns0(advertisedSize, false)
		m.Rcode = dns.RcodeBadVers
		w.WriteMsg(m)
	})
	r, _ := newTest(s)
	_, err := r.Exchange(t.Context(), txtQuestion)
	require.ErrorIs(t, err, ErrServer)
	assert.ErrorContains(t, err, "looking up rated.lab.test (TXT) at "+s.addr.String()+": DNS server failed: BADVERS")
	assert.Equal(t, "response code 3999", rcodeName(3999))
}

func TestRequestIsRecursiveWithEDNS(t *testing.T) {
	s := serve(t, zone(t, txtRecord))
	r, _ := newTest(s)
	_, err := r.Exchange(t.Context(), txtQuestion)
	require.NoError(t, err)
	q := s.requests()[0]
	assert.True(t, q.RecursionDesired)
	require.NotNil(t, q.IsEdns0())
	assert.EqualValues(t, 1232, q.IsEdns0().UDPSize())
	assert.Equal(t, []dns.Question{{Name: "rated.lab.test.", Qtype: dns.TypeTXT, Qclass: dns.ClassINET}}, q.Question)
}

func TestRequestsCanNotBeGuessed(t *testing.T) {
	s := serve(t, zone(t, txtRecord))
	r, _ := newTest(s)
	const n = 64
	for range n {
		_, err := r.Exchange(t.Context(), txtQuestion)
		require.NoError(t, err)
	}
	ids, ports := map[uint16]bool{}, map[uint16]bool{}
	for _, q := range s.requests() {
		ids[q.Id] = true
		ports[q.from.Port()] = true
	}
	assert.Greater(t, len(ids), n*3/4)
	assert.Greater(t, len(ports), n/2)
}

// forgeries are answers that look right but for one thing.
func forgeries(t *testing.T, q *dns.Msg) []*dns.Msg {
	forge := func(change func(m *dns.Msg)) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Answer = parse(t, "rated.lab.test. 60 IN TXT forged")
		change(m)
		return m
	}
	return []*dns.Msg{
		forge(func(m *dns.Msg) { m.Id++ }),
		forge(func(m *dns.Msg) { m.Question[0].Name = "other.lab.test." }),
		forge(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }),
		forge(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		forge(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		forge(func(m *dns.Msg) { m.Question = nil }),
		forge(func(m *dns.Msg) { m.Question = nil; m.Answer = nil; m.Rcode = dns.RcodeNameError }),
		forge(func(m *dns.Msg) { m.Response = false }),
		forge(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
	}
}

func TestExchangeIgnoresForgedAnswers(t *testing.T) {
	right := zone(t, txtRecord)
	poisoned := func(w dns.ResponseWriter, q *dns.Msg) {
		for _, m := range forgeries(t, q) {
			w.WriteMsg(m)
		}
		cut, _ := forgeries(t, q)[0].Pack()
		binary.BigEndian.PutUint16(cut, q.Id)
		w.Write(cut[:len(cut)-3]) // the right id, and a record that breaks off
		w.Write([]byte{1, 2, 3})  // no message at all
		right(w, q)
	}
	const wrong = 9 + 2
	t.Run("udp", func(t *testing.T) {
		r, _ := newTest(serve(t, poisoned))
		msg, err := r.Exchange(t.Context(), txtQuestion)
		requireTXT(t, msg, err)
		assert.Equal(t, Stats{Queries: 1, Answers: 1, Ignored: wrong}, r.Stats())
	})
	t.Run("tcp", func(t *testing.T) {
		r, _ := newTest(serve(t, truncateUDP(poisoned)))
		msg, err := r.Exchange(t.Context(), txtQuestion)
		requireTXT(t, msg, err)
		assert.Equal(t, Stats{Queries: 2, Answers: 2, Ignored: wrong}, r.Stats())
	})
	t.Run("nothing but forgeries", func(t *testing.T) {
		s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(forgeries(t, q)[0]) })
		r, _ := newWith(Settings{Timeout: 30 * time.Millisecond}, s)
		_, err := r.Exchange(t.Context(), txtQuestion)
		assert.ErrorIs(t, err, ErrTimeout)
		assert.EqualValues(t, 1, r.Stats().Failures)
	})
}

func TestExchangeHearsOnlyTheServerAsked(t *testing.T) {
	stranger, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer stranger.Close()
	right := zone(t, txtRecord)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Answer = parse(t, "rated.lab.test. 60 IN TXT forged")
		forged, err := m.Pack()
		assert.NoError(t, err)
		_, err = stranger.WriteTo(forged, w.RemoteAddr()) // perfect but for where it comes from
		assert.NoError(t, err)
		right(w, q)
	})
	r, _ := newTest(s)
	msg, err := r.Exchange(t.Context(), txtQuestion)
	requireTXT(t, msg, err)
}

// truncateUDP answers by handle over TCP only.
func truncateUDP(handle dns.HandlerFunc) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if _, ok := w.RemoteAddr().(*net.UDPAddr); !ok {
			handle(w, q)
			return
		}
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		m.Answer = parse(&testing.T{}, "rated.lab.test. 60 IN TXT halved")
		packet, _ := m.Pack()
		w.Write(packet[:len(packet)-4])
	}
}

func TestExchangeAsksAgainOverTCP(t *testing.T) {
	s := serve(t, truncateUDP(zone(t, txtRecord)))
	r, _ := newTest(s)
	msg, err := r.Exchange(t.Context(), txtQuestion)
	requireTXT(t, msg, err)
	seen := s.requests()
	require.Len(t, seen, 2)
	assert.Equal(t, []string{"udp", "tcp"}, []string{seen[0].network, seen[1].network})
}

func TestExchangeLeavesAServerWithoutTCP(t *testing.T) {
	hangsUp := serve(t, truncateUDP(func(w dns.ResponseWriter, _ *dns.Msg) { w.Close() }))
	r, _ := newTest(hangsUp, serve(t, zone(t, txtRecord)))
	msg, err := r.Exchange(t.Context(), txtQuestion)
	requireTXT(t, msg, err)

	r, _ = newTest(hangsUp)
	_, err = r.Exchange(t.Context(), txtQuestion)
	assert.ErrorIs(t, err, ErrServer, "half an answer is none")
}

func TestExchangeGetsAlongWithoutEDNS(t *testing.T) {
	right := zone(t, txtRecord)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.IsEdns0() == nil {
			right(w, q)
			return
		}
		m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
		m.Question = nil
		w.WriteMsg(m)
	})
	r, _ := newTest(s)
	msg, err := r.Exchange(t.Context(), txtQuestion)
	requireTXT(t, msg, err)
	assert.Len(t, s.requests(), 2)

	alwaysWrong := serve(t, replies(dns.RcodeFormatError))
	r, _ = newTest(alwaysWrong)
	_, err = r.Exchange(t.Context(), txtQuestion)
	require.ErrorIs(t, err, ErrServer)
	assert.Len(t, alwaysWrong.requests(), 2)
}

func TestExchangeAsksSilentServersLast(t *testing.T) {
	var speaks atomic.Bool // whether the first server answers
	right := zone(t, txtRecord)
	first := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if speaks.Load() {
			right(w, q)
		}
	})
	second := serve(t, right)
	r, c := newWith(Settings{Timeout: time.Second, Retries: 3}, first, second)
	ask := func() {
		t.Helper()
		msg, err := r.Exchange(t.Context(), txtQuestion)
		requireTXT(t, msg, err)
	}
	ask()
	before := len(first.requests())
	require.NotZero(t, before)
	ask()
	assert.Len(t, first.requests(), before, "it goes last now")

	speaks.Store(true)
	c.Advance(silentFor)
	n := len(second.requests())
	ask()
	assert.Len(t, first.requests(), before+1, "it has its chance again")
	assert.Len(t, second.requests(), n)
}

func TestOutstandingQueriesAreBounded(t *testing.T) {
	open := make(chan struct{})
	right := zone(t, txtRecord)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) { <-open; right(w, q) })
	// The burst may overrun the server's socket buffer: what is lost is sent again.
	r, _ := newWith(Settings{Timeout: 5 * time.Second, Retries: 10}, s)

	const callers = maxOutstanding + 40
	results := make(chan error, callers)
	for range callers {
		go func() {
			_, err := r.Exchange(t.Context(), txtQuestion)
			results <- err
		}()
	}
	require.Eventually(t, func() bool { return r.Stats().Outstanding == maxOutstanding }, 30*time.Second, time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := r.Exchange(ctx, txtQuestion)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	assert.False(t, failed.Server.IsValid(), "it ended while waiting for a place: nobody was asked")
	assert.Equal(t, maxOutstanding, r.Stats().Outstanding)

	close(open)
	for range callers {
		require.NoError(t, <-results)
	}
	assert.EqualValues(t, callers, r.Stats().Answers)
	assert.Zero(t, r.Stats().Outstanding)
}
