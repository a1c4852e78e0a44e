package httpproxy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// parseAll parses a head that is there at once.
func parseAll(t require.TestingT, text string, response bool) (*head, error) {
	h := new(head)
	h.reset(response)
	done, err := h.parse([]byte(text))
	if err == nil {
		require.True(t, done, "the head is not complete: %q", text)
	}
	return h, err
}

// status is the status of a fault, 0 for none.
func status(t require.TestingT, err error) int {
	if err == nil {
		return 0
	}
	var f fault
	require.True(t, errors.As(err, &f), "%v is no fault", err)
	return f.status
}

func TestRequestLine(t *testing.T) {
	for line, want := range map[string]int{
		"GET / HTTP/1.1":                 0,
		"GET / HTTP/1.0":                 0,
		"M-SEARCH * HTTP/1.1":            0,
		"GET /ümläut?a={b}|c HTTP/1.1":   0,
		"GET / HTTP/2.0":                 505,
		"GET / HTTP/1.2":                 505,
		"GET / HTTP/0.9":                 505,
		"PRI * HTTP/2.0":                 505,
		"GET /":                          400,
		"GET  / HTTP/1.1":                400,
		"GET /  HTTP/1.1":                400,
		"GET / HTTP/1.1 ":                400,
		" GET / HTTP/1.1":                400,
		"GET\t/ HTTP/1.1":                400,
		"GET /a b HTTP/1.1":              400,
		"GET / HTTP/1.10":                400,
		"GET / http/1.1":                 400,
		"GET / HTTP/1,1":                 400,
		"GET / HTTP/x.1":                 400,
		"G@T / HTTP/1.1":                 400,
		"GET /\x00 HTTP/1.1":             400,
		"GET /\x7f HTTP/1.1":             400,
		"GET / HTTP/1.1\r":               400,
		"GET \x0b/ HTTP/1.1":             400,
		"":                               400,
		"GET":                            400,
		"GET / HTTP/1.1\nX: y":           400, // a bare LF
		"GET http://[::1]:80/ HTTP/1.1":  0,
		"OPTIONS * HTTP/1.1":             0,
		"CONNECT example.org:1 HTTP/1.1": 0,
	} {
		_, err := parseAll(t, line+"\r\nHost: a\r\n\r\n", false)
		assert.Equal(t, want, status(t, err), "%q", line)
	}
}

func TestStatusLine(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 200 OK":       200,
		"HTTP/1.0 404 Not here": 404,
		"HTTP/1.1 204 ":         204,
		"HTTP/1.1 204":          204,
		"HTTP/1.1 599 \xfcml":   599,
		"HTTP/1.1 099 X":        0,
		"HTTP/1.1 20 OK":        0,
		"HTTP/1.1 2000 OK":      0,
		"HTTP/1.1  200 OK":      0,
		"HTTP/1.1 2x0 OK":       0,
		"HTTP/2.0 200 OK":       0,
		"HTTP/1.1 200 O\x01K":   0,
		"HTTP/1.1":              0,
		"ICY 200 OK":            0,
		"<html>":                0,
	} {
		h, err := parseAll(t, line+"\r\n\r\n", true)
		if want == 0 {
			assert.Error(t, err, "%q", line)
			continue
		}
		require.NoError(t, err, "%q", line)
		assert.Equal(t, want, h.status)
	}
}

func TestFieldLines(t *testing.T) {
	for line, want := range map[string]int{
		"X: y":                      0,
		"X:y":                       0,
		"X:":                        0,
		"X: \t y \t":                0,
		"X: a\xff":                  0,
		"X : y":                     400,
		"X\t: y":                    400,
		" X: y":                     400,
		"\tX: y":                    400,
		": y":                       400,
		"X":                         400,
		"X y":                       400,
		"X: a\x00b":                 400,
		"X: a\x1fb":                 400,
		"X: a\x7fb":                 400,
		"X: a\rb":                   400,
		"X: a\r":                    400,
		"X: longer than a word\r":   400,
		"X: longer than a wor\x0bd": 400,
		"X\x80: y":                  400,
		"X(: y":                     400,
		"X: a\nY: b":                400,
	} {
		_, err := parseAll(t, "GET / HTTP/1.1\r\nHost: a\r\n"+line+"\r\n\r\n", false)
		assert.Equal(t, want, status(t, err), "%q", line)
	}
}

func TestResponsesMayEndLinesWithLF(t *testing.T) {
	h, err := parseAll(t, "HTTP/1.1 200 OK\nContent-Length: 3\nX: y\n\n", true)
	require.NoError(t, err)
	assert.Equal(t, "3", string(h.get(fieldContentLength)))
	_, err = parseAll(t, "HTTP/1.1 200 OK\nX: a\rb\n\n", true)
	assert.Error(t, err)
}

func TestKnownFields(t *testing.T) {
	h, err := parseAll(t, "POST /x HTTP/1.1\r\nhOST:  a.b:81 \r\nX-Other: 1\r\nCONTENT-LENGTH:5\r\nTe: trailers\r\nConnection:\r\n\r\nbody", false)
	require.NoError(t, err)
	assert.Equal(t, "POST", string(h.text(h.method)))
	assert.Equal(t, "/x", string(h.text(h.target)))
	assert.Equal(t, "a.b:81", string(h.get(fieldHost)))
	assert.Equal(t, "5", string(h.get(fieldContentLength)))
	assert.Equal(t, "trailers", string(h.get(fieldTE)))
	assert.True(t, h.has(fieldConnection))
	assert.Empty(t, h.get(fieldConnection))
	assert.False(t, h.has(fieldRange))
	assert.Len(t, h.known, 4, "fields without a kind are not collected")
	assert.True(t, strings.HasSuffix(string(h.raw), "Connection:\r\n\r\n"))
	assert.Equal(t, "hOST:  a.b:81 \r\n", string(h.text(h.known[0].line)))
}

// However the bytes are cut into reads, the outcome is the same.
func TestParseInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := "GET /some/path?q=1 HTTP/1.1\r\nHost: example.org\r\n" +
			rapid.SampledFrom([]string{"", "Accept: */*\r\n", "Content-Length: 12\r\n", "Bad : x\r\n", "Connection: close\r\n"}).Draw(t, "field") +
			"User-Agent: x\r\n\r\n"
		whole, wantErr := parseAll(t, text, false)
		h := new(head)
		h.reset(false)
		var err error
		done := false
		for n := 0; n < len(text) && !done && err == nil; {
			n = min(len(text), n+rapid.IntRange(1, 20).Draw(t, "read"))
			done, err = h.parse([]byte(text[:n]))
		}
		require.Equal(t, wantErr, err)
		if err == nil {
			require.True(t, done)
			require.Equal(t, string(whole.raw), string(h.raw))
			require.Equal(t, whole.known, h.known)
			require.Equal(t, whole.target, h.target)
		}
	})
}

func TestIsText(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			b := []byte("abcdefghijklmnopqrst")
			b[at] = byte(c)
			assert.Equal(t, allText(b), isText(b), "byte %#x at %d", c, at)
		}
	}
}

// TestNamesOfAFile: programs differ in which of several names they take.
func TestNamesOfAFile(t *testing.T) {
	for in, want := range map[string][]string{
		`attachment; filename=a.txt`:                             {"a.txt"},
		`attachment; filename="a.scr"; filename*=UTF-8''b%2etxt`: {"b.txt", "a.scr"},
		`attachment; filename=a.txt; filename="b.scr"`:           {"a.txt", "b.scr"},
		`form-data; name="f"`:                                    nil,
		`x` + strings.Repeat("; filename=a", maxFileNames+5):     slices.Repeat([]string{"a"}, maxFileNames),
	} {
		assert.Equal(t, want, filesOf(nil, []byte(in)), in)
	}
}
