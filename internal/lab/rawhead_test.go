package lab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// takeAll returns every head recorded from stream fed in pieces of at most step.
func takeAll(stream []byte, step int) []string {
	var follower requestHeads
	for len(stream) > 0 {
		n := min(step, len(stream))
		follower.feed(stream[:n])
		stream = stream[n:]
	}
	var heads []string
	for head := follower.take(); head != nil; head = follower.take() {
		heads = append(heads, string(head))
	}
	return heads
}

func TestRequestHeadsFollowsPipelines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream strings.Builder
		var want []string
		for i := range rapid.IntRange(1, 6).Draw(t, "requests") {
			body := rapid.StringMatching(`[a-zGET /\r\n]{0,40}`).Draw(t, "body")
			head := fmt.Sprintf("POST /%d HTTP/1.1\r\nhost: x\r\n", i)
			switch rapid.SampledFrom([]string{"length", "chunked", "none"}).Draw(t, "framing") {
			case "length":
				head += fmt.Sprintf("content-LENGTH:%d\r\n\r\n", len(body))
			case "chunked":
				head += "Transfer-Encoding: Chunked\r\n\r\n"
				if body != "" {
					body = fmt.Sprintf("%x;a=b\r\n%s\r\n", len(body), body)
				}
				body += "0\r\nX-Trailer: 1\r\n\r\n"
			default:
				head += "\r\n"
				body = ""
			}
			want = append(want, head)
			stream.WriteString(head + body)
		}
		step := rapid.IntRange(1, 64).Draw(t, "step")
		assert.Equal(t, want, takeAll([]byte(stream.String()), step))
	})
}

func TestRequestHeadsIsBounded(t *testing.T) {
	heads := takeAll([]byte("GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 3*maxRawHead)+"\r\n\r\n"), 4096)
	require.Len(t, heads, 1)
	assert.Len(t, heads[0], maxRawHead)

	var follower requestHeads
	for range 3 {
		follower.feed([]byte(strings.Repeat("x", maxRawHead)))
	}
	assert.LessOrEqual(t, cap(follower.line), 2*maxRawHead)
}

func FuzzRequestHeads(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /"), 3)
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\n\n"), 1)
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: -1\r\nTransfer-Encoding: chunked\r\n\r\n-f\r\n"), 7)
	f.Add([]byte("A\r\nTransfer-Encoding: chunked\r\n\r\n3fffffffffffffff\r\nx"), 2)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		whole := takeAll(stream, len(stream)+1)
		assert.Equal(t, whole, takeAll(stream, max(1, step)), "pieces must not matter")
		for _, head := range whole {
			assert.LessOrEqual(t, len(head), maxRawHead)
		}
	})
}
