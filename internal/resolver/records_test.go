package resolver

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestIPv4AsksForAllAtOnce(t *testing.T) {
	var meet sync.WaitGroup
	meet.Add(2) // both queries are in the air before one is answered
	answer := zone(t, "2.0.0.127.bl.test. 60 IN A 127.0.0.2", "2.0.0.127.bl.test. 60 IN AAAA ::1")
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		meet.Done()
		meet.Wait()
		answer(w, q)
	})
	r, _ := newTest(server)
	got := r.IPv4(t.Context(), "2.0.0.127.bl.test", "bad name", "1.0.0.127.bl.test")
	require.Len(t, got, 3)
	require.NoError(t, got[0].Err)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("127.0.0.2")}, got[0].Addrs)
	assert.ErrorIs(t, got[1].Err, ErrBadName)
	assert.ErrorIs(t, got[2].Err, ErrNotFound)
	assert.Zero(t, server.count(dns.TypeAAAA))
	assert.Empty(t, r.IPv4(t.Context()))
	require.NoError(t, r.IPv4(t.Context(), "2.0.0.127.BL.test.")[0].Err)
	assert.Equal(t, 2, server.count(dns.TypeA), "what is known is not asked again")
}

func TestIPv4GivesUpWithItsContext(t *testing.T) {
	server := serve(t, mute)
	r, _ := newTest(server)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for _, got := range r.IPv4(ctx, "a.test", "b.test") {
		assert.ErrorIs(t, got.Err, context.DeadlineExceeded)
	}
	assert.Zero(t, r.Stats().Outstanding)
}

func TestTexts(t *testing.T) {
	server := serve(t, zone(t, `a.test. 60 IN TXT "one " "text"`, `a.test. 60 IN TXT "another"`, "b.test. 60 IN A 127.0.0.1"))
	r, clock := newTest(server)
	for range 2 {
		got, err := r.Texts(t.Context(), "A.test")
		require.NoError(t, err)
		assert.Equal(t, []string{"one text", "another"}, got)
	}
	assert.Equal(t, 1, server.count(dns.TypeTXT))
	clock.Advance(time.Minute)
	_, err := r.Texts(t.Context(), "a.test")
	require.NoError(t, err)
	assert.Equal(t, 2, server.count(dns.TypeTXT), "texts live as long as their TTL says")
	_, err = r.Texts(t.Context(), "b.test")
	assert.ErrorIs(t, err, ErrNotFound)
	_, err = r.Texts(t.Context(), "b..test")
	assert.ErrorIs(t, err, ErrBadName)
}
