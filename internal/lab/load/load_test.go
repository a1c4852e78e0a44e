package load_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"utmsim/internal/lab"
	"utmsim/internal/lab/load"
)

// patience is how long a step may take that is waited for; a test that passes never
// waits so long.
const patience = time.Minute

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func startOrigin(t *testing.T) (*lab.HTTP, string) {
	t.Helper()
	origin := lab.NewHTTP()
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, address
}

// script is a server that reads a request head, sends the same text each time
// and, if told so, closes.
func script(t *testing.T, answer string, closes bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var running sync.WaitGroup
	conns := map[net.Conn]bool{}
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		reader := bufio.NewReader(conn)
		for {
			if _, err := http.ReadRequest(reader); err != nil {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil || closes {
				return
			}
		}
	}
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			running.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

func TestKeepAlive(t *testing.T) {
	tests := []struct {
		path  string
		bytes int64
	}{
		{"/bytes/0", 0}, {"/bytes/1024", 1024}, {"/bytes/1000000", 1_000_000},
		{"/bytes/0?chunked=1", 0}, {"/bytes/1024?chunked=1", 1024}, {"/bytes/1000000?chunked=1", 1_000_000},
		{"/trailers", 39}, {"/early-hints", 35},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			origin, address := startOrigin(t)
			result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: test.path}},
				load.Limit{Connections: 4, Duration: time.Minute, Requests: 100})
			require.NoError(t, err)
			assert.Empty(t, result.Errors)
			assert.Equal(t, int64(100), result.Transactions)
			assert.Equal(t, int64(100), origin.Counts().Requests)
			assert.Equal(t, origin.Counts().Connections, result.Sessions)
			assert.LessOrEqual(t, result.Sessions, int64(4))
			assert.Equal(t, 100*test.bytes, result.Bytes)
			assert.Positive(t, result.Rate())
			assert.LessOrEqual(t, result.Latency.P50, result.Latency.P99)
			assert.LessOrEqual(t, result.Latency.P99, result.Latency.P999)
			assert.LessOrEqual(t, result.Latency.P999, result.Latency.Max)
		})
	}
}

func TestNewSessions(t *testing.T) {
	origin, address := startOrigin(t)
	result, err := load.NewSessions(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/bytes/10"}},
		load.Limit{Connections: 4, Duration: time.Minute, Requests: 50})
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.Equal(t, int64(50), result.Transactions)
	assert.Equal(t, int64(50), result.Sessions)
	assert.Equal(t, int64(50), origin.Counts().Connections)
	assert.InDelta(t, 500/result.Elapsed.Seconds(), result.Throughput(), 1e-6)
}

func TestRunEndsWithItsTime(t *testing.T) {
	_, address := startOrigin(t)
	result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/bytes/10"}},
		load.Limit{Connections: 2, Duration: 30 * time.Millisecond})
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.GreaterOrEqual(t, result.Elapsed, 30*time.Millisecond)
}

func TestRunEndsAlthoughTheServerHangs(t *testing.T) {
	_, address := startOrigin(t)
	target := load.Target{Address: address, Script: load.HTTP{Path: "/delay/3000000"}, Timeout: 20 * time.Millisecond}
	result, err := load.KeepAlive(context.Background(), target, load.Limit{Connections: 2, Duration: time.Second})
	require.NoError(t, err)
	assert.Zero(t, result.Transactions)
	assert.GreaterOrEqual(t, result.Errors["timeout"], int64(2))
}

func TestRunEndsWithItsContext(t *testing.T) {
	origin, address := startOrigin(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan load.Result)
	go func() {
		result, _ := load.KeepAlive(ctx, load.Target{Address: address, Script: load.HTTP{Path: "/delay/3000000"}},
			load.Limit{Connections: 2, Duration: time.Minute})
		done <- result
	}()
	require.Eventually(t, func() bool { return origin.Counts().Requests == 2 }, patience, time.Millisecond)
	cancel()
	assert.Less(t, (<-done).Elapsed, time.Minute)
}

func TestErrorsByKind(t *testing.T) {
	tests := []struct {
		name, answer string
		closes       bool
		kind         string
		sessions     int64
	}{
		{"status, connection kept", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false, "status 503", 1},
		{"status, connection closed", "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true, "status 403", 3},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", false, "status 204", 1},
		{"nothing", "", true, "closed", 3},
		{"half a head", "HTTP/1.1 200 OK\r\nContent-", true, "short", 3},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab", true, "short", 3},
		{"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab", true, "short", 3},
		{"too much", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", false, "malformed", 3},
		{"too much after chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", false, "malformed", 3},
		{"no HTTP", "220 mail.lab.test ESMTP\r\n\r\n", false, "malformed", 3},
		{"bad status", "HTTP/1.1 99 Low\r\n\r\n", false, "malformed", 3},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na", false, "malformed", 3},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", false, "malformed", 3},
		{"unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na", false, "malformed", 3},
		{"bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", false, "malformed", 3},
		{"bad chunk end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", false, "malformed", 3},
		{"endless chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 2000), false, "malformed", 3},
		{"endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 33<<10), false, "malformed", 3},
		{"field without colon", "HTTP/1.1 200 OK\r\nConnection\r\n\r\n", false, "malformed", 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := script(t, test.answer, test.closes)
			result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/"}},
				load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
			require.NoError(t, err)
			assert.Equal(t, map[string]int64{test.kind: 3}, result.Errors)
			assert.Equal(t, int64(3), result.Failures())
			assert.Zero(t, result.Transactions)
			assert.Equal(t, test.sessions, result.Sessions)
		})
	}
}

func TestAnswersThatEndTheConnection(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\n\r\nab",
	} {
		address := script(t, answer, true)
		result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/"}},
			load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
		require.NoError(t, err)
		assert.Empty(t, result.Errors)
		assert.Equal(t, int64(3), result.Sessions)
		assert.Equal(t, int64(6), result.Bytes)
	}
}

func TestRefusedAndReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	limit := load.Limit{Connections: 1, Duration: time.Minute, Requests: 2}
	result, err := load.KeepAlive(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/"}}, limit)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"refused": 2}, result.Errors)

	_, origin := startOrigin(t)
	result, err = load.KeepAlive(context.Background(), load.Target{Address: origin, Script: load.HTTP{Path: "/reset?n=10000000"}}, limit)
	require.NoError(t, err)
	assert.Equal(t, map[string]int64{"reset": 2}, result.Errors)
}

// A forward proxy sees the absolute form; the origin sees the usual one.
func TestForwardProxy(t *testing.T) {
	origin, address := startOrigin(t)
	var seen []string
	var mu sync.Mutex
	forward := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	defer forward.CloseIdleConnections()
	proxy := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.RequestURI)
		mu.Unlock()
		response, err := forward.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = response.Body.Close() }()
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- proxy.Serve(listener) }()
	target := load.Target{Address: address, Script: load.HTTP{Path: "/bytes/5", Proxy: listener.Addr().String()}}
	result, err := load.KeepAlive(context.Background(), target, load.Limit{Connections: 1, Duration: time.Minute, Requests: 3})
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.Equal(t, int64(3), origin.Counts().Requests)
	require.NoError(t, proxy.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	assert.Equal(t, []string{"http://" + address + "/bytes/5", "http://" + address + "/bytes/5", "http://" + address + "/bytes/5"}, seen)
}

func TestSources(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 on its loopback interface")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var clients sync.Map
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		clients.Store(host, true)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	target := load.Target{Address: listener.Addr().String(), Script: load.HTTP{Path: "/"}, Sources: []netip.Addr{
		netip.MustParseAddr("127.0.0.7"), netip.MustParseAddr("127.0.0.8"), netip.MustParseAddr("127.0.0.9"),
	}}
	idle, result, err := load.OpenIdle(context.Background(), target, 6)
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	idle.Close()
	for _, source := range target.Sources {
		_, ok := clients.Load(source.String())
		assert.True(t, ok, source)
	}
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
}

func TestRefusesWhatIsNotLoopbackOrBounded(t *testing.T) {
	good := load.Target{Address: "127.0.0.1:1", Script: load.HTTP{Path: "/"}}
	bounded := load.Limit{Connections: 1, Duration: time.Second}
	with := func(change func(*load.Target, *load.Limit)) func() (load.Target, load.Limit) {
		return func() (load.Target, load.Limit) {
			target, limit := good, bounded
			change(&target, &limit)
			return target, limit
		}
	}
	tests := []struct {
		make func() (load.Target, load.Limit)
		want string
	}{
		{with(func(t *load.Target, _ *load.Limit) { t.Address = "192.0.2.1:80" }), "checking the server address 192.0.2.1:80: load is sent to loopback addresses only"},
		{with(func(t *load.Target, _ *load.Limit) { t.Address = "localhost:80" }), "must be an IP address and a port"},
		{with(func(t *load.Target, _ *load.Limit) { t.Address = "0.0.0.0:80" }), "loopback addresses only"},
		{with(func(t *load.Target, _ *load.Limit) { t.Script = load.HTTP{Path: "/", Proxy: "[2001:db8::1]:3128"} }), "checking the proxy address [2001:db8::1]:3128: load is sent"},
		{with(func(t *load.Target, _ *load.Limit) { t.Script = load.HTTP{Path: "bytes"} }), "must begin with a slash"},
		{with(func(t *load.Target, _ *load.Limit) { t.Sources = []netip.Addr{netip.MustParseAddr("192.0.2.1")} }), "source address 192.0.2.1"},
		{with(func(_ *load.Target, l *load.Limit) { l.Connections = 0 }), "0 connections"},
		{with(func(_ *load.Target, l *load.Limit) { l.Connections = load.MaxConnections + 1 }), "4097 connections"},
		{with(func(_ *load.Target, l *load.Limit) { l.Duration = 0 }), "a duration of 0s"},
		{with(func(_ *load.Target, l *load.Limit) { l.Duration = time.Hour }), "a duration of 1h0m0s"},
		{with(func(_ *load.Target, l *load.Limit) { l.Requests = -1 }), "-1 requests"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			target, limit := test.make()
			_, err := load.KeepAlive(context.Background(), target, limit)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, _, err := load.OpenIdle(context.Background(), good, load.MaxIdle+1)
	require.ErrorContains(t, err, "100001 sessions")
	_, _, err = load.OpenIdle(context.Background(), load.Target{Address: "192.0.2.1:80", Script: load.HTTP{Path: "/"}}, 1)
	require.ErrorContains(t, err, "loopback addresses only")
}

func TestIdleSessions(t *testing.T) {
	origin, address := startOrigin(t)
	idle, result, err := load.OpenIdle(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/bytes/10"}}, 40)
	require.NoError(t, err)
	assert.Empty(t, result.Errors)
	assert.Equal(t, int64(40), result.Transactions)
	assert.Equal(t, 40, idle.Held())
	result, err = idle.Add(context.Background(), 10)
	require.NoError(t, err)
	assert.Equal(t, int64(10), result.Transactions)
	assert.Equal(t, 50, idle.Held())

	result = idle.Again(context.Background())
	assert.Equal(t, int64(50), result.Transactions)
	assert.Zero(t, result.Sessions, "over the same connections")
	assert.Equal(t, int64(50), origin.Counts().Connections)

	require.NoError(t, origin.Close())
	result = idle.Again(context.Background())
	assert.Equal(t, int64(50), result.Failures())
	assert.Zero(t, idle.Held())
	idle.Close()
}

func TestIdleCountsWhatItCannotHold(t *testing.T) {
	address := script(t, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", true)
	idle, result, err := load.OpenIdle(context.Background(), load.Target{Address: address, Script: load.HTTP{Path: "/"}}, 5)
	require.NoError(t, err)
	assert.Equal(t, int64(5), result.Transactions)
	assert.Zero(t, idle.Held())

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	result, err = idle.Add(cancelled, 5)
	require.NoError(t, err)
	assert.Equal(t, int64(5), result.Failures())
	assert.Zero(t, idle.Held())
}

func TestProcessCosts(t *testing.T) {
	if runtime.GOOS != "linux" {
		_, err := load.CPU(os.Getpid())
		require.ErrorIs(t, err, load.ErrNoProc)
		_, err = load.RSS(os.Getpid())
		require.ErrorIs(t, err, load.ErrNoProc)
		return
	}
	before, err := load.CPU(os.Getpid())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		lab.ContentSHA256(1 << 20)
		after, err := load.CPU(os.Getpid())
		return err == nil && after > before
	}, patience, time.Millisecond)
	small, err := load.RSS(os.Getpid())
	require.NoError(t, err)
	touched := make([]byte, 64<<20)
	for i := range touched {
		touched[i] = 1
	}
	large, err := load.RSS(os.Getpid())
	require.NoError(t, err)
	assert.Greater(t, large-small, int64(48<<20))
	runtime.KeepAlive(touched)
	_, err = load.CPU(-1)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = load.RSS(-1)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func BenchmarkKeepAlive(b *testing.B) {
	origin, err := lab.StartFastHTTP("127.0.0.1:0", 1024)
	require.NoError(b, err)
	b.ReportAllocs()
	result, err := load.KeepAlive(context.Background(), load.Target{Address: origin.Addr(), Script: load.HTTP{Path: "/bytes/1024"}},
		load.Limit{Connections: 16, Duration: time.Minute, Requests: int64(b.N)})
	require.NoError(b, err)
	assert.Equal(b, int64(b.N), result.Transactions)
	require.NoError(b, origin.Close())
}
