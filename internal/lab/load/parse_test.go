package load

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseHead(t *testing.T) {
	tests := []struct {
		text string
		want head
	}{
		{"HTTP/1.1 200 OK", head{status: 200, length: -1}},
		{"HTTP/1.1 200", head{status: 200, length: -1}},
		{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3", head{status: 200, length: 3}},
		{"HTTP/1.0 200 OK\r\nContent-Length: 3", head{status: 200, length: 3, close: true}},
		{"HTTP/1.1 200 OK\r\ncontent-length:3\r\nCONTENT-LENGTH: 3\r\nconnection: CLOSE", head{status: 200, length: 3, close: true}},
		{"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nContent-Type: x", head{status: 200, length: -1, chunked: true}},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3", head{status: 304}},
		{"HTTP/1.1 103 Early Hints\r\nLink: x", head{status: 103}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := parseHead([]byte(test.text))
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

// Whatever we accept, net/http reads the same way.
func FuzzParseHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close"))
	f.Add([]byte("HTTP/1.0 404 Not Found\r\nTransfer-Encoding: chunked"))
	f.Add([]byte("HTTP/1.1 204 No Content\r\nContent-Length: 3"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseHead(text)
		if err != nil {
			return
		}
		assert.GreaterOrEqual(t, got.length, int64(-1))
		reader := bufio.NewReader(io.MultiReader(bytes.NewReader(text), strings.NewReader("\r\n\r\n")))
		response, err := http.ReadResponse(reader, nil)
		if err != nil || response.ProtoMajor != 1 || bytes.Contains(text, []byte("\r\n\r\n")) {
			return // we are more tolerant: servers are trusted to be servers
		}
		_ = response.Body.Close()
		assert.Equal(t, response.StatusCode, got.status)
	})
}

func TestChunksReadsWhatNetHTTPWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream bytes.Buffer
		var want int64
		for _, size := range rapid.SliceOfN(rapid.IntRange(1, 300), 0, 5).Draw(t, "sizes") {
			fmt.Fprintf(&stream, "%X ;name=value\r\n%s\r\n", size, strings.Repeat("\n", size))
			want += int64(size)
		}
		stream.WriteString("0\r\nTrailer: 1\r\n\r\n")
		text := stream.Bytes()
		var c chunks
		for len(text) > 0 {
			n := rapid.IntRange(1, len(text)).Draw(t, "piece")
			taken, err := c.follow(text[:n])
			require.NoError(t, err)
			require.Equal(t, n, taken)
			text = text[n:]
		}
		assert.True(t, c.done)
		assert.Equal(t, want, c.body.size)
	})
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\nrest"), 2)
	f.Add([]byte("ffffffffffffffff\r\n"), 1)
	f.Add([]byte("-1\r\n\n0\r\n"), 5)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		var whole, pieces chunks
		taken, wholeErr := whole.follow(stream)
		assert.LessOrEqual(t, taken, len(stream))
		assert.LessOrEqual(t, whole.body.size, int64(len(stream)))
		var err error
		for rest := stream; len(rest) > 0 && err == nil && !pieces.done; {
			n := min(max(1, step), len(rest))
			_, err = pieces.follow(rest[:n])
			rest = rest[n:]
		}
		assert.Equal(t, wholeErr == nil, err == nil)
		assert.Equal(t, whole.done, pieces.done)
		assert.Equal(t, whole.body, pieces.body)
	})
}

func TestParseCPU(t *testing.T) {
	const after = " S 1 2 3 4 5 6 7 8 9 10 120 34 0 0 20"
	for _, name := range []string{"(utmsim)", "(a b)", "(a) S 9 9 (b)"} {
		got, err := parseCPU([]byte("77 " + name + after))
		require.NoError(t, err)
		assert.Equal(t, 1540*time.Millisecond, got)
	}
	for _, bad := range []string{"", "77 utmsim S", "77 (utmsim) S 1 2", "77 (x) S 1 2 3 4 5 6 7 8 9 10 x 34", "77 (x) S 1 2 3 4 5 6 7 8 9 10 12 -4"} {
		_, err := parseCPU([]byte(bad))
		require.ErrorContains(t, err, "reading stat", bad)
	}
}

func TestParseRSS(t *testing.T) {
	got, err := parseRSS([]byte("55a-7ff ---p 00000000 00:00 0    [rollup]\nRss:                1200 kB\nPss: 9 kB\n"))
	require.NoError(t, err)
	assert.Equal(t, int64(1200<<10), got)
	for _, bad := range []string{"", "Rss: 12", "Rss: x kB", "Rss: -1 kB"} {
		_, err := parseRSS([]byte(bad))
		require.ErrorContains(t, err, "reading smaps_rollup", bad)
	}
}

func FuzzParseProcess(f *testing.F) {
	f.Add([]byte("77 (utmsim) S 1 2 3 4 5 6 7 8 9 10 120 34 0"))
	f.Add([]byte("Rss: 1200 kB\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if cpu, err := parseCPU(text); err == nil {
			assert.GreaterOrEqual(t, cpu, time.Duration(0))
		}
		if rss, err := parseRSS(text); err == nil {
			assert.GreaterOrEqual(t, rss, int64(0))
		}
	})
}

func TestParseProcessors(t *testing.T) {
	busy, all, err := parseProcessors([]byte("cpu  100 20 30 1000 50 1 2 3 9 9\ncpu0 1 1 1 1 1\n"))
	require.NoError(t, err)
	assert.Equal(t, 1560*time.Millisecond, busy)
	assert.Equal(t, 12060*time.Millisecond, all)
	for _, wrong := range []string{"", "cpu", "cpu0 1 2 3 4 5 6", "cpu 1 2 3 x 5 6", "cpu -1 2 3 4 5 6"} {
		_, _, err := parseProcessors([]byte(wrong))
		assert.Error(t, err, wrong)
	}
}
