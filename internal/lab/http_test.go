package lab_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"fmt"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// startHTTP returns a listening origin, its address and a client that decodes
// and follows nothing by itself.
func startHTTP(t *testing.T) (*lab.HTTP, string, *http.Client) {
	t.Helper()
	origin := lab.NewHTTP()
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, origin.Close())
	})
	client := &http.Client{
		Transport:     transport,
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return origin, address, client
}

func do(t *testing.T, client *http.Client, method, url string, body io.Reader, fields ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, url, body)
	require.NoError(t, err)
	for i := 0; i+1 < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response, data
}

// converse sends raw bytes and returns everything the origin says until it
// closes; an empty request only waits.
func converse(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func TestHTTPObjects(t *testing.T) {
	_, address, client := startHTTP(t)
	eicar := lab.EICAR()
	tests := []struct {
		path     string
		size     int64 // -1: no Content-Length
		encoding string
		want     string // SHA-256 of what arrives, before decoding; "" doesn't ask
	}{
		{"/", 1024, "", ""},
		{"/bytes/0", 0, "", lab.ContentSHA256(0)},
		{"/bytes/1", 1, "", lab.ContentSHA256(1)},
		{"/bytes/1024", 1024, "", lab.ContentSHA256(1024)},
		{"/bytes/3000001", 3000001, "", lab.ContentSHA256(3000001)},
		{"/bytes/0?chunked=1", -1, "", lab.ContentSHA256(0)},
		{"/bytes/100000?chunked=1", -1, "", lab.ContentSHA256(100000)},
		{"/bytes/2000?rate=1000000", 2000, "", lab.ContentSHA256(2000)},
		{"/bytes/2000?rate=1000000&chunked=1", -1, "", lab.ContentSHA256(2000)},
		{"/eicar.com", 68, "", fmt.Sprintf("%x", sha256.Sum256(eicar))},
		{"/eicar.com?chunked=1", -1, "", fmt.Sprintf("%x", sha256.Sum256(eicar))},
		{"/eicar.zip", int64(len(lab.EICARZip())), "", fmt.Sprintf("%x", sha256.Sum256(lab.EICARZip()))},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			response, data := do(t, client, "GET", "http://"+address+test.path, nil)
			assert.Equal(t, http.StatusOK, response.StatusCode)
			assert.Equal(t, test.size, response.ContentLength)
			if test.want != "" {
				assert.Equal(t, test.want, fmt.Sprintf("%x", sha256.Sum256(data)))
			}
			head, body := do(t, client, "HEAD", "http://"+address+test.path, nil)
			assert.Equal(t, http.StatusOK, head.StatusCode)
			assert.Empty(t, body)
			if test.size >= 0 {
				assert.Equal(t, test.size, head.ContentLength)
			}
		})
	}
}

func TestHTTPObjectsOf64BitSize(t *testing.T) {
	_, address, client := startHTTP(t)
	const size = int64(1)<<62 + 5
	response, _ := do(t, client, "HEAD", fmt.Sprintf("http://%s/bytes/%d", address, size), nil)
	assert.Equal(t, size, response.ContentLength)
	response, tail := do(t, client, "GET", fmt.Sprintf("http://%s/bytes/%d", address, size), nil, "Range", "bytes=-5")
	assert.Equal(t, http.StatusPartialContent, response.StatusCode)
	assert.Equal(t, fmt.Sprintf("bytes %d-%d/%d", size-5, size-1, size), response.Header.Get("Content-Range"))
	assert.Len(t, tail, 5)
}

func TestHTTPRanges(t *testing.T) {
	_, address, client := startHTTP(t)
	url := "http://" + address + "/bytes/1000"
	_, whole := do(t, client, "GET", url, nil)
	response, part := do(t, client, "GET", url, nil, "Range", "bytes=100-199")
	assert.Equal(t, http.StatusPartialContent, response.StatusCode)
	assert.Equal(t, whole[100:200], part)
	etag := response.Header.Get("ETag")
	response, _ = do(t, client, "GET", url, nil, "Range", "bytes=100-199", "If-Range", `"another"`)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	response, _ = do(t, client, "GET", url, nil, "If-None-Match", etag)
	assert.Equal(t, http.StatusNotModified, response.StatusCode)
	response, _ = do(t, client, "GET", url, nil, "Range", "bytes=2000-")
	assert.Equal(t, http.StatusRequestedRangeNotSatisfiable, response.StatusCode)
	response, parts := do(t, client, "GET", url, nil, "Range", "bytes=0-1,10-11")
	assert.Equal(t, http.StatusPartialContent, response.StatusCode)
	assert.Contains(t, response.Header.Get("Content-Type"), "multipart/byteranges")
	assert.Contains(t, string(parts), string(whole[10:12]))
}

func decoders() map[string]func(io.Reader) (io.Reader, error) {
	return map[string]func(io.Reader) (io.Reader, error){
		"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"br":      func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
		"raw":     func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
	}
}

func TestHTTPContentCodings(t *testing.T) {
	_, address, client := startHTTP(t)
	tests := []struct{ path, encoding, decoder, want string }{
		{"/gzip/100000", "gzip", "gzip", lab.ContentSHA256(100000)},
		{"/br/100000", "br", "br", lab.ContentSHA256(100000)},
		{"/zstd/100000", "zstd", "zstd", lab.ContentSHA256(100000)},
		{"/deflate/100000", "deflate", "deflate", lab.ContentSHA256(100000)},
		{"/deflate/1000?raw=1", "deflate", "raw", lab.ContentSHA256(1000)},
		{"/gzip/0", "gzip", "gzip", lab.ContentSHA256(0)},
		{"/gzip/5000?zeros=1", "gzip", "gzip", fmt.Sprintf("%x", sha256.Sum256(make([]byte, 5000)))},
		{"/eicar.gz", "gzip", "gzip", fmt.Sprintf("%x", sha256.Sum256(lab.EICAR()))},
		{"/eicar.gz?chunked=1", "gzip", "gzip", fmt.Sprintf("%x", sha256.Sum256(lab.EICAR()))},
		{"/eicar.br", "br", "br", fmt.Sprintf("%x", sha256.Sum256(lab.EICAR()))},
		{"/eicar.zst", "zstd", "zstd", fmt.Sprintf("%x", sha256.Sum256(lab.EICAR()))},
		{"/eicar.deflate", "deflate", "deflate", fmt.Sprintf("%x", sha256.Sum256(lab.EICAR()))},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			response, data := do(t, client, "GET", "http://"+address+test.path, nil)
			assert.Equal(t, test.encoding, response.Header.Get("Content-Encoding"))
			decoder, err := decoders()[test.decoder](bytes.NewReader(data))
			require.NoError(t, err)
			plain, err := io.ReadAll(decoder)
			require.NoError(t, err)
			assert.Equal(t, test.want, fmt.Sprintf("%x", sha256.Sum256(plain)))
			_, again := do(t, client, "GET", "http://"+address+test.path, nil)
			assert.Equal(t, data, again, "the same bytes every time")
		})
	}
}

func TestHTTPEICARZipHoldsTheTestFile(t *testing.T) {
	data := lab.EICARZip()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	require.Len(t, archive.File, 1)
	file, err := archive.File[0].Open()
	require.NoError(t, err)
	plain, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, lab.EICAR(), plain)
}

func TestHTTPRateIsKept(t *testing.T) {
	_, address, client := startHTTP(t)
	began := time.Now()
	do(t, client, "GET", "http://"+address+"/bytes/3000?rate=10000", nil)
	assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
}

func TestHTTPStatusAndErrors(t *testing.T) {
	_, address, client := startHTTP(t)
	tests := []struct {
		method, path string
		status       int
		field, value string
	}{
		{"GET", "/status/200", 200, "", ""},
		{"GET", "/status/204", 204, "Content-Length", ""},
		{"GET", "/status/304", 304, "Content-Length", ""},
		{"GET", "/status/302", 302, "Location", "/"},
		{"GET", "/status/401", 401, "WWW-Authenticate", `Basic realm="lab"`},
		{"GET", "/status/407", 407, "Proxy-Authenticate", `Basic realm="lab"`},
		{"POST", "/status/599", 599, "", ""},
		{"GET", "/status/101", 400, "", ""},
		{"GET", "/status/600", 400, "", ""},
		{"GET", "/status/x", 400, "", ""},
		{"GET", "/bytes/-1", 400, "", ""},
		{"GET", "/bytes/9223372036854775808", 400, "", ""},
		{"GET", "/bytes/10?rate=0", 400, "", ""},
		{"GET", "/bytes/10?rate=x", 400, "", ""},
		{"GET", "/gzip/x", 400, "", ""},
		{"GET", "/delay/0", 200, "", ""},
		{"GET", "/delay/3600001", 400, "", ""},
		{"GET", "/delay/-1", 400, "", ""},
		{"GET", "/page?n=1001", 400, "", ""},
		{"GET", "/page?n=x", 400, "", ""},
		{"GET", "/page/img/0.css", 404, "", ""},
		{"GET", "/page/img/-1.png", 404, "", ""},
		{"GET", "/close?n=x", 400, "", ""},
		{"GET", "/reset?n=x", 400, "", ""},
		{"GET", "/upgrade", 426, "Upgrade", "echo"},
		{"GET", "/upload", 405, "Allow", "POST, PUT"},
		{"GET", "/nothing", 404, "", ""},
		{"DELETE", "/bytes/1", 405, "Allow", "GET, HEAD"},
	}
	for _, test := range tests {
		t.Run(test.method+test.path, func(t *testing.T) {
			response, _ := do(t, client, test.method, "http://"+address+test.path, nil)
			assert.Equal(t, test.status, response.StatusCode)
			if test.field != "" {
				assert.Equal(t, test.value, response.Header.Get(test.field))
			}
		})
	}
}

func TestHTTPDelayEndsWithItsClient(t *testing.T) {
	origin, address, _ := startHTTP(t)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET /delay/3000000 HTTP/1.1\r\nHost: lab.test\r\n\r\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return origin.Counts().Requests == 1 }, patience, time.Millisecond)
	require.NoError(t, conn.Close()) // Close of the origin, in the clean-up, would wait for the handler
}

func TestHTTPUpload(t *testing.T) {
	origin, address, client := startHTTP(t)
	for _, size := range []int64{0, 1, 1024, 5_000_000} {
		want := fmt.Sprintf("size %d\nsha256 %s\n", size, lab.ContentSHA256(size))
		_, got := do(t, client, "POST", "http://"+address+"/upload", lab.NewContent(size)) // chunked
		assert.Equal(t, want, string(got))
		data, err := io.ReadAll(lab.NewContent(size))
		require.NoError(t, err)
		_, got = do(t, client, "PUT", "http://"+address+"/upload", bytes.NewReader(data), "Expect", "100-continue")
		assert.Equal(t, want, string(got))
	}
	assert.Equal(t, int64(2*(0+1+1024+5_000_000)), origin.Counts().Uploaded)
}

func TestHTTPCountsABrokenUpload(t *testing.T) {
	origin, address, _ := startHTTP(t)
	answer := converse(t, address, "POST /upload HTTP/1.1\r\nHost: lab.test\r\nContent-Length: 10\r\n\r\nfour")
	assert.NotContains(t, answer, "200 OK")
	assert.Equal(t, int64(4), origin.Counts().Uploaded)
}

func TestHTTPEchoIsByteExact(t *testing.T) {
	_, address, _ := startHTTP(t)
	first := "POST /echo?a=1%20b HTTP/1.1\r\nhOST: lab.test\r\nX-Second:   two spaces  \r\nX-FIRST: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
	firstBody := "5;ext=1\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n"
	upload := "POST /upload HTTP/1.1\r\nHost: lab.test\r\nContent-Length: 27\r\n\r\nGET /echo HTTP/1.1\r\nHost: x"
	last := "GET /echo HTTP/1.1\r\nHost: lab.test\r\nConnection: close\r\n\r\n"
	answer := converse(t, address, first+firstBody+upload+last)
	assert.Contains(t, answer, "\r\n\r\n"+first+"hello")
	assert.Contains(t, answer, "size 27\n")
	assert.True(t, strings.HasSuffix(answer, "\r\n\r\n"+last), "the request inside the upload is not one: %q", answer)
}

func TestHTTPEchoCutsLongBodies(t *testing.T) {
	_, address, client := startHTTP(t)
	_, got := do(t, client, "POST", "http://"+address+"/echo", lab.NewContent(1<<20+7))
	assert.True(t, strings.HasSuffix(string(got), "\n... and 7 bytes more\n"))
}

func TestHTTPPageRefersToItsObjects(t *testing.T) {
	_, address, client := startHTTP(t)
	_, page := do(t, client, "GET", "http://"+address+"/page?n=50", nil)
	paths := regexp.MustCompile(`(?:href|src)="(/page/[^"]+)"`).FindAllSubmatch(page, -1)
	require.Len(t, paths, 50)
	kinds := map[string]int{}
	for _, path := range paths {
		response, data := do(t, client, "GET", "http://"+address+string(path[1]), nil)
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.NotEmpty(t, data)
		kinds[response.Header.Get("Content-Type")]++
		if response.Header.Get("Content-Type") == "image/png" {
			_, err := png.Decode(bytes.NewReader(data))
			require.NoError(t, err)
		}
	}
	assert.Len(t, kinds, 3)
}

func TestHTTPTrailers(t *testing.T) {
	_, address, client := startHTTP(t)
	response, data := do(t, client, "GET", "http://"+address+"/trailers", nil)
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256(data)), response.Trailer.Get("X-Content-SHA256"))
	assert.Equal(t, "3", response.Trailer.Get("X-Chunks"))
	response, _ = do(t, client, "HEAD", "http://"+address+"/trailers", nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
}

func TestHTTPEarlyHints(t *testing.T) {
	_, address, client := startHTTP(t)
	var hints []int
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		hints = append(hints, code)
		return nil
	}}
	ctx := httptrace.WithClientTrace(context.Background(), trace)
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/early-hints", nil)
	require.NoError(t, err)
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, []int{103}, hints)
	assert.Equal(t, http.StatusOK, response.StatusCode)
}

func TestHTTPUpgradeEchoes(t *testing.T) {
	_, address, _ := startHTTP(t)
	answer := converse(t, address, "GET /upgrade HTTP/1.1\r\nHost: lab.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst bytes")
	assert.Equal(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst bytes", answer)
}

func TestHTTPUntilClose(t *testing.T) {
	_, address, _ := startHTTP(t)
	answer := converse(t, address, "GET /close?n=3000 HTTP/1.1\r\nHost: lab.test\r\n\r\n")
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	assert.True(t, strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n"))
	assert.NotContains(t, head, "Content-Length")
	assert.Equal(t, lab.ContentSHA256(3000), fmt.Sprintf("%x", sha256.Sum256([]byte(body))))
	answer = converse(t, address, "HEAD /close HTTP/1.1\r\nHost: lab.test\r\n\r\n")
	assert.True(t, strings.HasSuffix(answer, "\r\n\r\n"))
}

func TestHTTPReset(t *testing.T) {
	_, address, client := startHTTP(t)
	response, err := client.Get("http://" + address + "/reset?n=1000")
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.Error(t, err)
	require.NoError(t, response.Body.Close())
	assert.LessOrEqual(t, len(data), 500)
	assert.Equal(t, int64(1000), response.ContentLength)
}

func TestHTTPCounts(t *testing.T) {
	origin, address, client := startHTTP(t)
	do(t, client, "GET", "http://"+address+"/", nil)
	do(t, client, "GET", "http://"+address+"/nothing", nil)
	response, count := do(t, client, "GET", "http://"+address+"/count", nil)
	assert.Equal(t, "2\n", string(count))
	assert.Equal(t, "1", response.Header.Get("X-Origin-Connections"))
	seen, err := strconv.ParseInt(response.Header.Get("X-Origin-Bytes"), 10, 64)
	require.NoError(t, err)
	assert.Positive(t, seen)

	converse(t, address, "no HTTP at all\r\n\r\n")
	after := origin.Counts()
	assert.Equal(t, int64(2), after.Requests, "malformed requests reach no handler")
	assert.Equal(t, int64(2), after.Connections)
	assert.Equal(t, seen+int64(len("no HTTP at all\r\n\r\n")), after.Bytes, "but their bytes are counted")
}

func TestHTTPPipelining(t *testing.T) {
	_, address, _ := startHTTP(t)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = io.WriteString(conn, strings.Repeat("GET /bytes/10 HTTP/1.1\r\nHost: lab.test\r\n\r\n", 5))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	reader := bufio.NewReader(conn)
	for range 5 {
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		data, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Len(t, data, 10)
	}
}

func TestHTTPCloseEndsHijackedAndWaiting(t *testing.T) {
	origin := lab.NewHTTP()
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	for _, request := range []string{
		"GET /upgrade HTTP/1.1\r\nHost: lab.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
		"GET /delay/3000000 HTTP/1.1\r\nHost: lab.test\r\n\r\n",
		"GET /bytes/1000000?rate=1 HTTP/1.1\r\nHost: lab.test\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return origin.Counts().Requests == 3 }, patience, time.Millisecond)
	require.NoError(t, origin.Close())
	_, err = origin.Listen("127.0.0.1:0")
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestHTTPRoutesAreListed(t *testing.T) {
	origin := lab.NewHTTP()
	listed := map[string]bool{}
	for _, route := range origin.Routes() {
		assert.NotEmpty(t, route.Holds)
		listed[route.Path] = true
	}
	for _, path := range []string{"/", "/eicar.com", "/eicar.zip", "/eicar.gz", "/bytes/N", "/status/CODE", "/delay/MS", "/upload", "/echo"} {
		assert.True(t, listed[path], path)
	}
	require.NoError(t, origin.Close())
}
