package rating_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"utmsim/internal/lab"
	"utmsim/internal/resolver"
	"utmsim/internal/resolver/rating"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the lab's DNS and a client whose tries end only where a test lets the
// server be silent.
func start(t *testing.T, timeout time.Duration) (*lab.DNS, *rating.Client) {
	server, err := lab.NewDNS(lab.LabZone(), lab.RatingZone())
	require.NoError(t, err)
	address, err := server.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server, rating.New(settings(address, timeout))
}

func settings(address string, timeout time.Duration) rating.Settings {
	return rating.Settings{
		Server: netip.MustParseAddrPort(address), Zone: lab.RatingApex, Timeout: timeout, Tries: 2, CacheEntries: 100, Outstanding: 256,
	}
}

const long = time.Minute

func TestRatingsComeFromTheZone(t *testing.T) {
	server, client := start(t, long)
	for _, tc := range []struct {
		host string
		want rating.Rating
	}{
		{"news.lab.test", rating.Rating{Category: 36, Name: "News and Media"}},
		{"NEWS.Lab.Test.", rating.Rating{Category: 36, Name: "News and Media"}},
		{"alias.lab.test", rating.Rating{Category: 52, Name: "Information Technology"}},
		{"127.0.0.1", rating.Rating{Category: 52, Name: "Information Technology"}},
		{"::ffff:127.0.0.1", rating.Rating{Category: 52, Name: "Information Technology"}},
		{"unrated.lab.test", rating.Rating{Name: "Unrated"}},
		{"xn--bcher-kva.lab.test", rating.Rating{Name: "Unrated"}},
		{"2001:db8::1", rating.Rating{Name: "Unrated"}},
	} {
		got, err := client.Rate(t.Context(), tc.host)
		require.NoError(t, err, tc.host)
		got.News = resolver.Known
		assert.Equal(t, tc.want, got, tc.host)
	}
	assert.EqualValues(t, 1, server.Queries("news.lab.test.rating.lab.test"), "the second time the cache knows")
	assert.EqualValues(t, 1, server.Queries("1.0.0.127.rating.lab.test"))
	assert.EqualValues(t, 1, server.Queries("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rating.lab.test"))
	stats := client.Stats()
	assert.EqualValues(t, 8, stats.Requests)
	assert.EqualValues(t, 2, stats.CacheHits)
	assert.Equal(t, 6, stats.Cached)
}

// TestOnlyTheFirstHearsNews: what came from the server is news once, what the cache
// knows never.
func TestOnlyTheFirstHearsNews(t *testing.T) {
	_, client := start(t, long)
	for _, host := range []string{"news.lab.test", "unrated.lab.test", "failing-rating.lab.test"} {
		first, _ := client.Rate(t.Context(), host)
		assert.Equal(t, resolver.First, first.News, host)
		second, _ := client.Rate(t.Context(), host)
		assert.Equal(t, resolver.Known, second.News, host)
	}
}

func TestWhatIsNoRating(t *testing.T) {
	server, client := start(t, long)
	_, err := client.Rate(t.Context(), "failing-rating.lab.test")
	require.ErrorIs(t, err, resolver.ErrServer)
	assert.ErrorContains(t, err, "SERVFAIL")
	_, err = client.Rate(t.Context(), "odd-rating.lab.test")
	assert.ErrorContains(t, err, "does not name a category")

	for _, host := range []string{"", "a..b", "under score", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 120) + "test", "b\xfccher.test"} {
		before := client.Stats().Queries
		_, err := client.Rate(t.Context(), host)
		assert.ErrorIs(t, err, resolver.ErrBadName, "%q", host)
		assert.Equal(t, before, client.Stats().Queries, "nothing is sent for %q", host)
	}
	nowhere := rating.New(rating.Settings{Zone: lab.RatingApex, Timeout: long, Tries: 2})
	_, err = nowhere.Rate(t.Context(), "news.lab.test")
	require.ErrorIs(t, err, resolver.ErrNoServers)
	assert.EqualValues(t, 1, server.Queries("failing-rating.lab.test.rating.lab.test"), "a failure is not tried again")
}

func TestSilenceIsATimeout(t *testing.T) {
	server, client := start(t, 50*time.Millisecond)
	_, err := client.Rate(t.Context(), "silent-rating.lab.test")
	require.ErrorIs(t, err, rating.ErrTimeout)
	require.Eventually(t, func() bool { return server.Queries("silent-rating.lab.test.rating.lab.test") == 2 }, long, time.Millisecond, "two tries")
	assert.EqualValues(t, 2, client.Stats().Timeouts)
}

func TestWhoLeavesGivesUp(t *testing.T) {
	server, client := start(t, long)
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := client.Rate(ctx, "silent-rating.lab.test")
		left <- err
	}()
	require.Eventually(t, func() bool { return server.Queries("silent-rating.lab.test.rating.lab.test") == 1 }, long, time.Millisecond)
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	assert.Zero(t, client.Stats().Outstanding, "the last to leave ends the query")
}

// TestForgedAnswersAreIgnored: one with a wrong id and one to another question come
// before the true answer.
func TestForgedAnswersAreIgnored(t *testing.T) {
	_, client := start(t, long)
	got, err := client.Rate(t.Context(), "forged-rating.lab.test")
	require.NoError(t, err)
	assert.Equal(t, rating.Rating{Category: 36, Name: "News and Media", News: resolver.First}, got)
	assert.EqualValues(t, 2, client.Stats().Ignored)
}

// TestManyAskersShareOneQuery has a server that answers when it is told to.
func TestManyAskersShareOneQuery(t *testing.T) {
	const askers = 1000
	asked, answer := make(chan struct{}), make(chan struct{})
	address := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		close(asked) // panics on a second query
		<-answer
		reply := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN TXT 36")
		reply.Answer = []dns.RR{rr}
		_ = w.WriteMsg(reply)
	})
	client := rating.New(settings(address, long))
	var all sync.WaitGroup
	fresh := make(chan bool, askers)
	for range askers {
		all.Go(func() {
			got, err := client.Rate(t.Context(), "news.lab.test")
			assert.NoError(t, err)
			assert.Equal(t, 36, got.Category)
			fresh <- got.News == resolver.First
		})
	}
	<-asked
	close(answer)
	all.Wait()
	close(fresh)
	news := 0
	for f := range fresh {
		if f {
			news++
		}
	}
	assert.Equal(t, 1, news)
	assert.EqualValues(t, askers, client.Stats().Requests)
	assert.EqualValues(t, 1, client.Stats().Queries)
}

// TestTooManyQuestionsAreRefused: what is asked already may be joined, something new
// may not be asked.
func TestTooManyQuestionsAreRefused(t *testing.T) {
	release := make(chan struct{})
	asked := make(chan struct{}, 10)
	address := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		asked <- struct{}{}
		<-release
		_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
	})
	s := settings(address, long)
	s.Outstanding = 2
	client := rating.New(s)
	var waiting sync.WaitGroup
	for _, host := range []string{"a.test", "b.test"} {
		waiting.Go(func() {
			_, err := client.Rate(t.Context(), host)
			assert.NoError(t, err)
		})
		<-asked
	}
	_, err := client.Rate(t.Context(), "c.test")
	require.ErrorIs(t, err, rating.ErrBusy)
	waiting.Go(func() {
		_, err := client.Rate(t.Context(), "a.test")
		assert.NoError(t, err)
	})
	close(release)
	waiting.Wait()
	_, err = client.Rate(t.Context(), "c.test")
	require.NoError(t, err, "there is room again, and the refusal was not kept")
}

func TestAnotherZoneIsAnotherTruth(t *testing.T) {
	_, client := start(t, long)
	got, err := client.Rate(t.Context(), "news.lab.test")
	require.NoError(t, err)
	require.Equal(t, 36, got.Category)
	client.Configure(rating.Settings{})
	_, err = client.Rate(t.Context(), "news.lab.test")
	require.ErrorIs(t, err, resolver.ErrNoServers)
}

// serve runs a DNS server over UDP.
func serve(t *testing.T, handle dns.HandlerFunc) string {
	t.Helper()
	started, ended := make(chan struct{}), make(chan error, 1)
	server := &dns.Server{Addr: "127.0.0.1:0", Net: "udp", Handler: handle, NotifyStartedFunc: func() { close(started) }}
	go func() { ended <- server.ListenAndServe() }()
	<-started
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown())
		require.NoError(t, <-ended)
	})
	return server.PacketConn.LocalAddr().String()
}

func BenchmarkCachedRating(b *testing.B) {
	server, err := lab.NewDNS(lab.LabZone(), lab.RatingZone())
	require.NoError(b, err)
	address, err := server.Listen("127.0.0.1:0")
	require.NoError(b, err)
	defer server.Close()
	client := rating.New(settings(address, long))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Rate(b.Context(), "news.lab.test"); err != nil {
			b.Fatal(err)
		}
	}
}
