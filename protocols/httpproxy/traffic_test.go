package httpproxy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// honest is an ordinary server on the rig's listener: /bytes/N, /chunked/N,
// /eicar, /gzip, and /sum, which answers with the sum of what it was sent.
func honest(r *transcript.Rig) (stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("/bytes/{n}", func(w http.ResponseWriter, q *http.Request) {
		b := numbered(q.PathValue("n"))
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	})
	mux.HandleFunc("/chunked/{n}", func(w http.ResponseWriter, q *http.Request) {
		for b := numbered(q.PathValue("n")); len(b) > 0; {
			n := min(len(b), 1000)
			_, _ = w.Write(b[:n])
			w.(http.Flusher).Flush()
			b = b[n:]
		}
	})
	mux.HandleFunc("/eicar", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(samples.EICAR()) })
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(samples.Gzip(samples.EICAR()))
	})
	mux.HandleFunc("/sum", func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		if err != nil || bytes.Contains(b, []byte(string(samples.EICAR()))) {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "%x", sha256.Sum256(b))
	})
	server := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(r.Origin) }()
	return func() { server.Close(); <-done }
}

// numbered is n bytes that are the same every time.
func numbered(n string) []byte {
	count, err := strconv.Atoi(n)
	if err != nil {
		return nil
	}
	b := make([]byte, count)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*7)
	}
	return b
}

// Many clients of the standard library at once, through both listeners: what is
// clean arrives byte by byte, what is not never does.
func TestTraffic(t *testing.T) {
	r := newRig(t)
	stop := honest(r)
	direct := &http.Transport{DisableCompression: true}
	viaProxy := &http.Transport{DisableCompression: true, Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: r.Listener(forward)})}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			c, base := &http.Client{Transport: direct}, "http://"+r.Listener(reverse)
			if i%2 == 1 {
				c, base = &http.Client{Transport: viaProxy}, "http://"+r.Origin.Addr().String()
			}
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 40 {
				one(t, c, base, random)
			}
		})
	}
	wg.Wait()
	direct.CloseIdleConnections()
	viaProxy.CloseIdleConnections()
	r.Eventually(func() bool { return r.Engine.Sessions() == 0 }, "the sessions end")
	stop()
}

// one is one request of a random kind.
func one(t *testing.T, c *http.Client, base string, random *rand.Rand) {
	n := []int{0, 1, 68, 1023, 16 << 10, 16<<10 + 1, 70_000, 1 << 20}[random.IntN(8)]
	switch random.IntN(7) {
	case 0, 1:
		same(t, numbered(strconv.Itoa(n)), get(t, c, fmt.Sprintf("%s/bytes/%d", base, n), 200))
	case 2:
		same(t, numbered(strconv.Itoa(n)), get(t, c, fmt.Sprintf("%s/chunked/%d", base, n), 200))
	case 3:
		assert.Contains(t, string(get(t, c, base+"/eicar", 403)), `the virus "EICAR_TEST_FILE"`)
	case 4:
		get(t, c, base+"/gzip", 403)
	case 5:
		b := numbered(strconv.Itoa(n))
		sum := fmt.Sprintf("%x", sha256.Sum256(b))
		same(t, []byte(sum), post(t, c, base+"/sum", "", bytes.NewReader(b), 200))
		same(t, []byte(sum), post(t, c, base+"/sum", "", io.MultiReader(bytes.NewReader(b)), 200))
	case 6:
		post(t, c, base+"/sum", "", strings.NewReader(string(samples.EICAR())), 403)
		post(t, c, base+"/sum", "", io.MultiReader(strings.NewReader(string(samples.EICAR()))), 403)
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("f", "x.zip")
		assert.NoError(t, err)
		_, _ = part.Write(samples.Zip(samples.File{Name: "e", Data: samples.EICAR()}))
		w.Close()
		assert.Contains(t, string(post(t, c, base+"/sum", w.FormDataContentType(), &form, 403)), "transfer the file")
	}
}

func same(t *testing.T, want, got []byte) {
	t.Helper()
	assert.True(t, bytes.Equal(want, got), "%d bytes sent, %d arrived", len(want), len(got))
}

func get(t *testing.T, c *http.Client, u string, status int) []byte {
	t.Helper()
	resp, err := c.Get(u)
	return answer(t, resp, err, status)
}

func post(t *testing.T, c *http.Client, u, contentType string, body io.Reader, status int) []byte {
	t.Helper()
	resp, err := c.Post(u, contentType, body)
	return answer(t, resp, err, status)
}

func answer(t *testing.T, resp *http.Response, err error, status int) []byte {
	t.Helper()
	if !assert.NoError(t, err) {
		return nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.Equal(t, status, resp.StatusCode, "%s", resp.Request.URL)
	return b
}

// BenchmarkKeepAlive is a transaction of 1 KiB through the engine, judged by the
// built-in scanner, with a client and an origin that allocate nothing.
func BenchmarkKeepAlive(b *testing.B) {
	r := newRig(b)
	request, response := []byte(benchRequest), []byte(benchResponse+strings.Repeat("x", 1024))
	go func() {
		c, err := r.Origin.AcceptTCP()
		if err != nil {
			return
		}
		defer c.Close()
		for in := make([]byte, 4096); ; {
			if _, err := c.Read(in); err != nil {
				return
			}
			if _, err := c.Write(response); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", r.Listener(reverse))
	require.NoError(b, err)
	defer c.Close()
	in := make([]byte, len(response))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	c.Close()
	clean, _ := r.Engine.Report().Stat[protocols.HTTP].Get("Web responses clean")
	require.EqualValues(b, b.N, clean, "each was judged")
}
