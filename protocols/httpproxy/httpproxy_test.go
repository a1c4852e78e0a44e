package httpproxy

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/proxy"
)

// An upload that waits for its 100 rests, but its session is not idle: idledrop
// may not take it. Once the exchange is over, it may.
func TestWaitingUploadIsNotIdle(t *testing.T) {
	r := newRig(t)
	c := r.Dial()
	_, err := c.Write([]byte("POST / HTTP/1.1\r\nHost: origin.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"))
	require.NoError(t, err)
	origin := r.Accept()
	from := bufio.NewReader(origin)
	_, err = http.ReadRequest(from)
	require.NoError(t, err)
	r.Eventually(func() bool {
		for row := range r.Engine.Rows {
			return row.State == proxy.RowTransaction
		}
		return false
	}, "the session rests")
	require.Zero(t, r.Engine.DropAllIdle())
	_, err = c.Write([]byte("hi"))
	require.NoError(t, err)
	body := make([]byte, 2)
	_, err = io.ReadFull(from, body)
	require.NoError(t, err)
	_, err = origin.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, 204, resp.StatusCode)
	r.Eventually(func() bool { return r.Engine.DropAllIdle() == 1 }, "the session is idle")
}
