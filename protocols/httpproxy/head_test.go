package httpproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lines is a head with one line an argument.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

func TestHops(t *testing.T) {
	for name, c := range map[string]struct {
		in, out string
		want    option
	}{
		"nothing to do":          {lines("GET / HTTP/1.1", "Host: a", "Accept: b"), "", optionNone},
		"keep-alive goes":        {lines("GET / HTTP/1.1", "Host: a", "Connection: keep-alive", "A: b"), lines("GET / HTTP/1.1", "Host: a", "A: b"), optionNone},
		"close that is ours":     {lines("GET / HTTP/1.1", "Connection: close", "A: b"), "", optionClose},
		"Close that is ours":     {lines("GET / HTTP/1.1", "Connection: Close", "A: b"), "", optionClose},
		"close is added":         {lines("HTTP/1.1 200 OK", "A: b"), lines("HTTP/1.1 200 OK", "A: b", "Connection: close"), optionClose},
		"two lines become one":   {lines("GET / HTTP/1.1", "Connection: close", "Connection: x", "X: 1"), lines("GET / HTTP/1.1", "Connection: close"), optionClose},
		"named fields go":        {lines("GET / HTTP/1.1", "X-a: 1", "B: 2", "Connection: x-A, , b,keep-alive", "x-A: 3", "X-ab: 4"), lines("GET / HTTP/1.1", "X-ab: 4"), optionNone},
		"hop-by-hop fields go":   {lines("GET / HTTP/1.1", "Keep-Alive: 5", "Proxy-Connection: close", "Proxy-Authorization: x", "TE: trailers", "Trailer: X", "Upgrade: h2c", "A: b"), lines("GET / HTTP/1.1", "A: b"), optionNone},
		"named and hop-by-hop":   {lines("GET / HTTP/1.1", "Connection: TE, keep-alive", "TE: trailers", "A: b"), lines("GET / HTTP/1.1", "A: b"), optionNone},
		"upgrade":                {lines("GET / HTTP/1.1", "Connection: keep-alive, Upgrade", "Upgrade: websocket", "A: b"), lines("GET / HTTP/1.1", "Upgrade: websocket", "A: b", "Connection: Upgrade"), optionUpgrade},
		"upgrade as it came":     {lines("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: websocket"), "", optionUpgrade},
		"upgrade to h2c":         {lines("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"), lines("GET / HTTP/1.1", "Upgrade: h2c", "Connection: Upgrade"), optionUpgrade},
		"HTTP/1.0 goes on":       {lines("GET / HTTP/1.0", "Connection: Keep-Alive"), "", optionKeepAlive},
		"order and case stay":    {lines("GET / HTTP/1.1", "zZ: 1", "Connection: x", "aA:2 ", "Te: y", "mM:\t3"), lines("GET / HTTP/1.1", "zZ: 1", "aA:2 ", "mM:\t3"), optionNone},
		"a line behind the last": {lines("GET / HTTP/1.1", "A: b", "TE: x"), lines("GET / HTTP/1.1", "A: b", "Connection: close"), optionClose},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := parseAll(t, c.in, strings.HasPrefix(c.in, "HTTP"))
			require.NoError(t, err)
			said, err := connectionOf(h, false)
			require.NoError(t, err)
			var d draft
			d.begin(h)
			d.hops(said, c.want)
			if c.out == "" {
				assert.Empty(t, d.edits, "passed on as it came")
				c.out = c.in
			}
			assert.Equal(t, c.out, string(d.apply(nil)))
		})
	}
}

func TestConnectionOf(t *testing.T) {
	for in, want := range map[string]connection{
		lines("GET / HTTP/1.1", "A: b"):                                          {},
		lines("GET / HTTP/1.1", "Connection: close"):                             {close: true},
		lines("GET / HTTP/1.1", "Connection: CLOSE , x"):                         {close: true, named: 1},
		lines("GET / HTTP/1.1", "Connection: x", "Connection: close"):            {close: true, named: 1},
		lines("GET / HTTP/1.1", "Connection: keep-alive"):                        {keepAlive: true},
		lines("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: x"):             {upgrade: true},
		lines("GET / HTTP/1.1", "Connection: upgrade"):                           {},
		lines("GET / HTTP/1.1", "Upgrade: x"):                                    {},
		lines("GET / HTTP/1.0", "Connection: upgrade", "Upgrade: x"):             {},
		lines("GET / HTTP/1.0", "Proxy-Connection: keep-alive", "Connection: x"): {named: 1},
	} {
		h, err := parseAll(t, in, false)
		require.NoError(t, err)
		got, err := connectionOf(h, false)
		require.NoError(t, err)
		assert.Equal(t, want, got, "%q", in)
	}
	h, err := parseAll(t, lines("GET / HTTP/1.0", "Proxy-Connection: keep-alive"), false)
	require.NoError(t, err)
	got, err := connectionOf(h, true)
	require.NoError(t, err)
	assert.True(t, got.persists(0), "a client that knows of the proxy may say it there")
}

func TestConnectionMayNotNameFraming(t *testing.T) {
	for _, in := range []string{
		"Connection: content-length", "Connection: close, Transfer-Encoding", "Connection: HOST", "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
	} {
		h, err := parseAll(t, lines("GET / HTTP/1.1", "Host: a", in), false)
		require.NoError(t, err)
		_, err = connectionOf(h, false)
		assert.Equal(t, 400, status(t, err), in)
	}
}

func TestEditsInLFHeads(t *testing.T) {
	h, err := parseAll(t, "HTTP/1.1 200 OK\nKeep-Alive: 5\nA: b\n\n", true)
	require.NoError(t, err)
	var d draft
	d.begin(h)
	d.hops(connection{}, optionClose)
	assert.Equal(t, "HTTP/1.1 200 OK\nA: b\nConnection: close\r\n\n", string(d.apply(nil)))
}
