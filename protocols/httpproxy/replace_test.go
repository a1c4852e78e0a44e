package httpproxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/proxy"
	"utmsim/scanner"
)

// read parses a rendered page with the standard library's parser.
func read(t *testing.T, page []byte, method string) (*http.Response, string) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(page))
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Empty(t, rest, "the page ends where it says")
	return resp, string(body)
}

func TestPageOfAMessage(t *testing.T) {
	body := "<b>no</b>"
	resp, got := read(t, page{status: 499, body: &body}.render(), "GET")
	assert.Equal(t, 499, resp.StatusCode)
	assert.False(t, resp.Close)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Equal(t, body, got)

	body = ""
	resp, got = read(t, page{status: 200, body: &body, plain: true}.render(), "GET")
	assert.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Empty(t, got, "an empty message is an empty page")
}

func TestPageEscapes(t *testing.T) {
	_, body := read(t, trouble(400, `<script>&"`).render(), "GET")
	assert.Contains(t, body, `<p>&lt;script&gt;&amp;"</p>`)
}

func TestPageHead(t *testing.T) {
	p := trouble(502, "x")
	p.close, p.bare = true, true
	resp, body := read(t, p.render(), "HEAD")
	assert.Empty(t, body)
	assert.True(t, resp.Close)
	assert.Positive(t, resp.ContentLength)

	p.close, p.bare, p.persist = false, false, true
	assert.Contains(t, string(p.render()), "\r\nConnection: keep-alive\r\n")
}

func TestFarewell(t *testing.T) {
	resp, body := read(t, new(Driver).Farewell(proxy.ErrRefused), "GET")
	assert.Equal(t, 503, resp.StatusCode)
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	assert.True(t, resp.Close)
	assert.True(t, strings.HasPrefix(body, "<!DOCTYPE html>"))
}

func TestBlockStatus(t *testing.T) {
	for in, want := range map[int]int{100: 403, 199: 403, 200: 200, 204: 403, 304: 403, 403: 403, 599: 599} {
		assert.Equal(t, want, blockStatus(in))
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		`attachment; filename="a b.zip"`:                           "a b.zip",
		`attachment; filename=a.zip; x=y`:                          "a.zip",
		`form-data; name="n"`:                                      "n",
		`attachment; filename="x"; filename*=UTF-8''%e2%82%ac.exe`: "€.exe",
		`attachment; filename="..\..\a.exe"`:                       "a.exe",
		`attachment; filename="/etc/passwd"`:                       "passwd",
		`attachment; filename="a\"b"`:                              `a"b`,
		`inline`:                                                   "",
		"attachment; filename=\"a\x01\xffb\"":                      "a__b",
		`attachment; filename="` + strings.Repeat("é", 200) + `"`:  strings.Repeat("é", maxName/2),
	} {
		got, isFile := fileOf([]byte(in))
		assert.Equal(t, want, got, in)
		assert.Equal(t, strings.Contains(in, "filename"), isFile, in)
	}
	for in, want := range map[string]string{
		"/a/b.txt?x/y": "b.txt", "/": "", "/a/": "", "/%65icar.com": "eicar.com", "/a%2fb": "b", "/a%zz": "a%zz", "/a%00b": "a_b",
	} {
		assert.Equal(t, want, fileOfPath(in), in)
	}
}

func TestEncodings(t *testing.T) {
	h, err := parseAll(t, lines("HTTP/1.1 200 OK", "Content-Encoding: X-GZip, identity", "Content-Encoding: br,, Weird"), true)
	require.NoError(t, err)
	list, err := encodings(nil, h)
	require.NoError(t, err)
	assert.Equal(t, []string{"gzip", "br", "weird"}, list)

	h, err = parseAll(t, lines("HTTP/1.1 200 OK", "Content-Encoding: "+strings.Repeat("gzip,", 50)), true)
	require.NoError(t, err)
	_, err = encodings(nil, h)
	assert.Error(t, err)
}

func TestInfections(t *testing.T) {
	at := func(vdom string, n int) place { return place{vdom: vdom, url: sha256.Sum256([]byte(strconv.Itoa(n)))} }
	var c infections
	assert.False(t, c.any())
	c.remember(0, at("root", 1), infection{verdict: scanner.Verdict{Name: "V"}, file: "f"})
	assert.True(t, c.any())
	i, ok := c.find(infectionTime-1, at("root", 1))
	assert.True(t, ok)
	assert.Equal(t, "V", i.verdict.Name)
	assert.Equal(t, "f", i.file)
	_, ok = c.find(infectionTime, at("root", 1))
	assert.False(t, ok, "it ends")
	_, ok = c.find(0, at("root", 2))
	assert.False(t, ok)
	_, ok = c.find(0, at("other", 1))
	assert.False(t, ok, "another VDOM has not met it")
	c.remember(infectionTime, at("root", 1), infection{})
	assert.Len(t, c.oldest, 1, "found again, entered once")
	for n := range 2 * maxInfections {
		c.remember(0, at("root", n), infection{})
	}
	assert.Len(t, c.known, maxInfections)
	assert.Len(t, c.oldest, maxInfections)
	_, ok = c.find(0, at("root", 2*maxInfections-1))
	assert.True(t, ok, "the youngest stays")
}

func TestIsWhole(t *testing.T) {
	for in, want := range map[string]bool{
		"bytes 0-67/68": true, "Bytes 0-0/1": true, "bytes 0-66/68": false, "bytes 1-67/68": false, "bytes 0-67/*": false, "": false, "bytes 0-67": false,
	} {
		assert.Equal(t, want, isWhole([]byte(in)), in)
	}
}
