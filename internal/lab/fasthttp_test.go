package lab_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startFastHTTP(t testing.TB) string {
	t.Helper()
	origin, err := lab.StartFastHTTP("127.0.0.1:0", 0, 1024, 1<<20)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin.Addr()
}

func TestFastHTTPAnswers(t *testing.T) {
	address := startFastHTTP(t)
	tests := []struct {
		name, request string
		status        int
		size          int64
		keeps         bool
	}{
		{"object", "GET /bytes/1024 HTTP/1.1\r\nHost: x\r\n\r\n", 200, 1024, true},
		{"absolute form", "GET http://x/bytes/1024 HTTP/1.1\r\nHost: x\r\n\r\n", 200, 1024, true},
		{"absolute form without path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", 404, 0, true},
		{"large object", "GET /bytes/1048576 HTTP/1.1\r\nHost: x\r\n\r\n", 200, 1 << 20, true},
		{"empty object", "GET /bytes/0 HTTP/1.1\r\nHost: x\r\n\r\n", 200, 0, true},
		{"head", "HEAD /bytes/1024 HTTP/1.1\r\nHost: x\r\n\r\n", 200, 1024, true},
		{"close", "GET /bytes/1024 HTTP/1.1\r\nHost: x\r\nCONNECTION: Close\r\n\r\n", 200, 1024, false},
		{"HTTP/1.0", "GET /bytes/1024 HTTP/1.0\r\n\r\n", 200, 1024, false},
		{"unknown size", "GET /bytes/1025 HTTP/1.1\r\nHost: x\r\n\r\n", 404, 0, true},
		{"empty body", "GET /bytes/0 HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 200, 0, true},
		{"body", "GET /bytes/0 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400, 0, false},
		{"chunked body", "GET /bytes/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, 0, false},
		{"method", "POST /bytes/0 HTTP/1.1\r\nHost: x\r\n\r\n", 400, 0, false},
		{"no request", "\r\n\r\n", 400, 0, false},
		{"endless head", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 16<<10-19), 431, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method, _, _ := strings.Cut(test.request, " ")
			asked := &http.Request{Method: method}
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			reader := bufio.NewReader(conn)
			_, err = io.WriteString(conn, test.request)
			require.NoError(t, err)
			for range 2 {
				response, err := http.ReadResponse(reader, asked)
				require.NoError(t, err)
				data, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				assert.Equal(t, test.status, response.StatusCode)
				assert.Equal(t, test.size, response.ContentLength)
				if method == "GET" && test.status == 200 {
					assert.Equal(t, lab.ContentSHA256(test.size), fmt.Sprintf("%x", sha256.Sum256(data)))
				}
				if !test.keeps {
					_, err = reader.ReadByte()
					require.ErrorIs(t, err, io.EOF)
					return
				}
				_, err = io.WriteString(conn, test.request)
				require.NoError(t, err)
			}
		})
	}
}

func TestFastHTTPPipelining(t *testing.T) {
	address := startFastHTTP(t)
	requests := "GET /bytes/1024 HTTP/1.1\r\nHost: x\r\n\r\n" +
		"GET /bytes/1048576 HTTP/1.1\r\nHost: x\r\n\r\n" +
		"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" +
		"GET /bytes/1024 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" +
		"GET /bytes/0 HTTP/1.1\r\nHost: x\r\n\r\n"
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, b := range []byte(requests[:60]) { // some of it a byte at a time
		_, err = conn.Write([]byte{b})
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, requests[60:])
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	reader := bufio.NewReader(conn)
	for _, want := range []int64{1024, 1 << 20, 0, 1024} {
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		data, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Len(t, data, int(want))
	}
	_, err = reader.ReadByte()
	require.ErrorIs(t, err, io.EOF, "nothing is answered after Connection: close")
}

func TestFastHTTPRefusesWhatItCannotHold(t *testing.T) {
	_, err := lab.StartFastHTTP("127.0.0.1:0", 256<<20+1)
	require.ErrorContains(t, err, "preparing an object")
	_, err = lab.StartFastHTTP("127.0.0.1:0", -1)
	require.ErrorContains(t, err, "preparing an object")
	address := startFastHTTP(t)
	_, err = lab.StartFastHTTP(address)
	require.ErrorContains(t, err, "listening on "+address)
}

func BenchmarkFastHTTP(b *testing.B) {
	address := startFastHTTP(b)
	conn, err := net.Dial("tcp", address)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	request := []byte("GET /bytes/1024 HTTP/1.1\r\nHost: lab.test\r\n\r\n")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
