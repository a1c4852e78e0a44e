package httpproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequestFraming(t *testing.T) {
	for _, c := range []struct {
		fields string
		status int
		kind   bodyKind
		length int64
	}{
		{"", 0, bodyNone, 0},
		{"Content-Length: 0", 0, bodyCounted, 0},
		{"Content-Length: 42", 0, bodyCounted, 42},
		{"Content-Length: 0042", 0, bodyCounted, 42},
		{"Content-Length: 4611686018427387900", 0, bodyCounted, 4611686018427387900},
		{"Transfer-Encoding: chunked", 0, bodyChunked, 0},
		{"Transfer-Encoding: CHUNKED", 0, bodyChunked, 0},
		{"Content-Length: 99999999999999999999", 413, 0, 0},
		{"Content-Length: 5|Transfer-Encoding: chunked", 400, 0, 0},
		{"Transfer-Encoding: chunked|Content-Length: 5", 400, 0, 0},
		{"Content-Length: 5|Content-Length: 6", 400, 0, 0},
		{"Content-Length: 5|Content-Length: 5", 400, 0, 0},
		{"Content-Length: 5, 5", 400, 0, 0},
		{"Content-Length: 5,6", 400, 0, 0},
		{"Content-Length: +5", 400, 0, 0},
		{"Content-Length: -5", 400, 0, 0},
		{"Content-Length: 5 5", 400, 0, 0},
		{"Content-Length: 0x5", 400, 0, 0},
		{"Content-Length: 5.0", 400, 0, 0},
		{"Content-Length:", 400, 0, 0},
		{"Content-Length: \xb2", 400, 0, 0},
		{"Transfer-Encoding: gzip", 400, 0, 0},
		{"Transfer-Encoding: chunked, gzip", 400, 0, 0},
		{"Transfer-Encoding: chunked, chunked", 400, 0, 0},
		{"Transfer-Encoding: gzip, chunked", 501, 0, 0},
		{"Transfer-Encoding: x-gzip ,deflate,  chunked", 501, 0, 0},
		{"Transfer-Encoding: xchunked", 400, 0, 0},
		{"Transfer-Encoding: chunkedx", 400, 0, 0},
		{"Transfer-Encoding: chunked;q=1", 400, 0, 0},
		{"Transfer-Encoding: chunked,", 400, 0, 0},
		{"Transfer-Encoding: ,chunked", 400, 0, 0},
		{"Transfer-Encoding: identity", 400, 0, 0},
		{"Transfer-Encoding: identity, chunked", 400, 0, 0},
		{"Transfer-Encoding:", 400, 0, 0},
		{"Transfer-Encoding: \"chunked\"", 400, 0, 0},
		{"Transfer-Encoding: chunked|Transfer-Encoding: chunked", 400, 0, 0},
		{"Transfer-Encoding: chunked|Transfer-Encoding: identity", 400, 0, 0},
		{"Transfer-Encoding: gzip|Transfer-Encoding: chunked", 400, 0, 0},
	} {
		text := "POST / HTTP/1.1\r\nHost: a\r\n"
		if c.fields != "" {
			text += strings.ReplaceAll(c.fields, "|", "\r\n") + "\r\n"
		}
		h, err := parseAll(t, text+"\r\n", false)
		require.NoError(t, err, "%q", c.fields)
		f, err := requestFraming(h)
		assert.Equal(t, c.status, status(t, err), "%q", c.fields)
		if c.status == 0 {
			assert.Equal(t, framing{c.kind, c.length}, f, "%q", c.fields)
		}
	}
}

func TestFramingByMethodAndVersion(t *testing.T) {
	for text, want := range map[string]int{
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n":        400,
		"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n":     400,
		"TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n":     0,
		"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n":       0,
	} {
		h, err := parseAll(t, text, false)
		require.NoError(t, err)
		_, err = requestFraming(h)
		assert.Equal(t, want, status(t, err), "%q", text)
	}
}

func TestResponseFraming(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		text   string
		toHead bool
		fault  bool
		want   framing
	}{
		{ok, false, false, framing{kind: bodyUntilClose}},
		{ok + "Content-Length: 7\r\n", false, false, framing{bodyCounted, 7}},
		{ok + "Content-Length: 7\r\n", true, false, framing{}},
		{ok + "Transfer-Encoding: chunked\r\n", false, false, framing{kind: bodyChunked}},
		{"HTTP/1.1 204 No\r\nContent-Length: 7\r\n", false, false, framing{}},
		{"HTTP/1.1 304 No\r\nContent-Length: 7\r\n", false, false, framing{}},
		{"HTTP/1.1 100 No\r\n", false, false, framing{}},
		{"HTTP/1.0 200 OK\r\n", false, false, framing{kind: bodyUntilClose}},
		{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", false, true, framing{}},
		{ok + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", false, true, framing{}},
		{ok + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", true, true, framing{}},
		{ok + "Content-Length: 7\r\nContent-Length: 8\r\n", false, true, framing{}},
		{ok + "Content-Length: seven\r\n", false, true, framing{}},
		{ok + "Transfer-Encoding: gzip\r\n", false, true, framing{}},
	} {
		h, err := parseAll(t, c.text+"\r\n", true)
		require.NoError(t, err)
		f, err := responseFraming(h, c.toHead)
		assert.Equal(t, c.fault, err != nil, "%q", c.text)
		assert.Equal(t, c.want, f, "%q", c.text)
	}
}
