package httpproxy

import (
	"bytes"
	"io"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
	"utmsim/scanner"
)

var headSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST http://a.test:80/x?y HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nConnection: close, TE\r\nTE: trailers\r\n\r\nhello",
	"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Connection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip, br\r\n\r\n",
	"HTTP/1.0 101\nConnection: upgrade\nUpgrade: x\n\n",
}

// FuzzRequestHead: whatever is accepted is unambiguous, has no hop-by-hop field
// left when it is passed on, and is accepted again and understood in the same way.
func FuzzRequestHead(f *testing.F) {
	for _, s := range headSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, first, ok := forwarded(in)
		if !ok {
			return
		}
		for _, line := range strings.SplitAfter(string(out), "\n") {
			require.True(t, line == "" || strings.HasSuffix(line, "\r\n"), "a line end: %q", line)
			require.LessOrEqual(t, strings.Count(line, "\r"), 1)
		}
		for _, k := range []string{"Te", "Trailer", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization"} {
			require.NotContains(t, fieldNames(out), k)
		}
		again, second, ok := forwarded(out)
		require.True(t, ok, "what is forwarded is a request: %q", out)
		require.Equal(t, first, second, "the body is delimited in the same way")
		require.Equal(t, string(out), string(again), "nothing is left to change")
	})
}

// forwarded is a request head as a server gets it, and how its body is delimited.
func forwarded(in []byte) ([]byte, framing, bool) {
	var h head
	h.reset(false)
	done, err := h.parse(in)
	if err != nil || !done {
		return nil, framing{}, false
	}
	fr, err := requestFraming(&h)
	if err != nil {
		return nil, framing{}, false
	}
	said, err := connectionOf(&h, false)
	if err != nil {
		return nil, framing{}, false
	}
	to, err := destinationOf(&h)
	if err != nil || to.form == authorityForm {
		return nil, framing{}, false
	}
	var d draft
	d.begin(&h)
	d.hops(said, optionNone)
	d.retarget(to)
	return d.apply(nil), fr, true
}

func fieldNames(head []byte) (names []string) {
	for _, line := range bytes.Split(head, []byte("\r\n"))[1:] {
		name, _, _ := bytes.Cut(line, []byte(":"))
		names = append(names, textproto.CanonicalMIMEHeaderKey(string(name)))
	}
	return names
}

// FuzzResponseHead: no input breaks the parser or the editing of heads, and an
// accepted head loses nothing but what it has to lose.
func FuzzResponseHead(f *testing.F) {
	for _, s := range headSeeds {
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, toHead bool) {
		var h head
		h.reset(true)
		done, err := h.parse(in)
		if err != nil || !done {
			return
		}
		require.True(t, bytes.HasPrefix(in, h.raw))
		require.GreaterOrEqual(t, h.status, 100)
		if _, err := responseFraming(&h, toHead); err != nil {
			return
		}
		said, err := connectionOf(&h, false)
		if err != nil {
			return
		}
		_, _ = encodings(nil, &h)
		name, _ := fileOf(h.get(fieldContentDisposition))
		_ = cleanName(name)
		var d draft
		d.begin(&h)
		d.hops(said, optionClose)
		out := d.apply(nil)
		require.Equal(t, 1, bytes.Count(bytes.ToLower(out), []byte("\nconnection:")), "%q", out)
	})
}

// FuzzChunked: a body that is accepted is passed on as it came, and Go's own
// reader finds the same content in it.
func FuzzChunked(f *testing.F) {
	for _, s := range []string{"0\r\n\r\n", "5\r\nhello\r\n0\r\nA: b\r\n\r\n", "5;x=y\r\nhello\r\n0\r\n\r\nrest", "5\nhello\n0\n\n", "ffffffffffffffff\r\n"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step < 1 {
			return
		}
		conn := wire.NewConn(&script{reads: inSteps(string(in), step)})
		all, content, err := drain(t, chunked(conn, 1<<10))
		if err != nil {
			return
		}
		require.True(t, bytes.HasPrefix(in, all))
		got, err := io.ReadAll(goChunked(all))
		require.NoError(t, err, "%q", all)
		require.Equal(t, string(content), string(got))
	})
}

// FuzzSplitForm: no body breaks the splitter, what lies in one piece is split
// like what does not, and a body that is no clean form is judged as a whole.
func FuzzSplitForm(f *testing.F) {
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nv\r\n--B--\r\n"), []byte("B"))
	f.Add([]byte("x\n--B\n\n--B\r\n\r\n\r\n--B--"), []byte("B"))
	f.Fuzz(func(t *testing.T, body, boundary []byte) {
		if len(boundary) == 0 || len(boundary) > maxBoundary {
			return
		}
		flat := scanner.Object{Name: "whole", Size: int64(len(body)), Flat: body, Body: bytes.NewReader(body)}
		if flat.Flat == nil {
			flat.Flat = []byte{}
		}
		read := flat
		read.Flat = nil
		a, b := splitForm(&flat, true, boundary), splitForm(&read, true, boundary)
		require.Equal(t, len(a), len(b))
		for i := range a {
			require.Equal(t, a[i].Size, b[i].Size)
			require.Equal(t, a[i].Name, b[i].Name)
			require.LessOrEqual(t, a[i].Size, flat.Size)
		}
	})
}
