package httpproxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
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

func TestBlockedPage(t *testing.T) {
	virus := scanner.Verdict{Class: scanner.Virus, Name: "EICAR_TEST_FILE"}
	resp, body := read(t, blocked(403, proxy.Detected, virus, downloading, "eicar.com", "http://a/eicar.com").render(), "GET")
	assert.Equal(t, 403, resp.StatusCode)
	assert.False(t, resp.Close)
	assert.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	assert.Contains(t, body, "<title>High Security Alert</title>")
	assert.Contains(t, body, "<h1>High Security Alert</h1>")
	assert.Contains(t, body, `<p>You are not permitted to download the file "eicar.com" because it is infected with the virus "EICAR_TEST_FILE".</p>`)
	assert.Contains(t, body, "<td>URL</td><td>http://a/eicar.com</td>")
	assert.Contains(t, body, "<td>Quarantined File Name</td>")

	_, body = read(t, blocked(403, proxy.Detected, virus, uploading, "x", "u").render(), "POST")
	assert.Contains(t, body, `You are not permitted to transfer the file "x" because it is infected`)
}

func TestBlockedPagesByOutcome(t *testing.T) {
	for outcome, want := range map[proxy.Outcome]struct {
		status int
		text   string
	}{
		proxy.TooLarge:   {499, "larger than the size limit"},
		proxy.ScanFailed: {499, "could not be scanned"},
		proxy.Backlog:    {503, "wait to be scanned"},
	} {
		resp, body := read(t, blocked(499, outcome, scanner.Verdict{}, downloading, "f", "u").render(), "GET")
		assert.Equal(t, want.status, resp.StatusCode)
		assert.Contains(t, body, want.text)
		assert.Equal(t, outcome == proxy.Backlog, resp.Header.Get("Retry-After") != "")
	}
	_, body := read(t, blocked(403, proxy.Detected, scanner.Verdict{Class: scanner.Encrypted}, downloading, "f", "u").render(), "GET")
	assert.Contains(t, body, "archives of this kind are blocked: encrypted")
}

func TestPageEscapes(t *testing.T) {
	_, body := read(t, blocked(403, proxy.Detected, scanner.Verdict{Class: scanner.Virus, Name: "<v>"}, downloading, `"><script>`, "http://a/?<b>&c").render(), "GET")
	assert.NotContains(t, body, "<script>")
	assert.NotContains(t, body, "<v>")
	assert.Contains(t, body, "http://a/?&lt;b&gt;&amp;c")
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
		assert.Equal(t, want, fileOf([]byte(in)), in)
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
	var c infections
	assert.False(t, c.any())
	c.remember(0, "u", "f", scanner.Verdict{Name: "V"})
	assert.True(t, c.any())
	i, ok := c.find(infectionTime-1, "u")
	assert.True(t, ok)
	assert.Equal(t, "V", i.verdict.Name)
	assert.Equal(t, "f", i.file)
	_, ok = c.find(infectionTime, "u")
	assert.False(t, ok, "it ends")
	_, ok = c.find(0, "other")
	assert.False(t, ok)
	for n := range 2 * maxInfections {
		c.remember(0, strings.Repeat("x", n), "", scanner.Verdict{})
	}
	assert.Len(t, c.byURL, maxInfections)
	assert.Len(t, c.oldest, maxInfections)
	_, ok = c.find(0, strings.Repeat("x", 2*maxInfections-1))
	assert.True(t, ok, "the youngest stays")
}

func TestIsWhole(t *testing.T) {
	for in, want := range map[string]bool{
		"bytes 0-67/68": true, "Bytes 0-0/1": true, "bytes 0-66/68": false, "bytes 1-67/68": false, "bytes 0-67/*": false, "": false, "bytes 0-67": false,
	} {
		assert.Equal(t, want, isWhole([]byte(in)), in)
	}
}
