package httpproxy

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

// TestTranscripts plays the dialogues in testdata/http; package transcript says how
// they are written. Two steps are ours:
//
//	client page     the client has received a page of the proxy: its status, and
//	                words that stand in it, one a line; "close" and "keep" mean
//	                its Connection, "empty" its body
//	client floods   the client sends until nobody takes it any more
//
// The client of a transcript that dials 127.0.0.1:10 speaks to the forward proxy.
func TestTranscripts(t *testing.T) {
	transcript.Set{
		Folder: "../../testdata/http", Protocol: protocols.HTTP, Driver: func() proxy.Driver { return new(Driver) }, Config: withForward,
		Steps: map[string]transcript.Step{"client page": seesPage, "client floods": flood},
	}.Play(t)
}

// The listeners of the rig, as they are configured.
const (
	reverse = "127.0.0.1:9"
	forward = "127.0.0.1:10"
)

const withForward = `config web-proxy explicit
    set status enable
    set incoming-ip 127.0.0.1
    set http-incoming-port 10
    set connect-ports 443 {port}
    set allow-loopback enable
    set av-profile "default"
end
`

// newRig is an engine with the HTTP driver, a reverse and a forward listener.
func newRig(t testing.TB) *transcript.Rig {
	return transcript.NewRig(t, protocols.HTTP, new(Driver), withForward)
}

// flood sends until the buffers on the way are full, which shows by a write of which
// not a byte goes in a while: the proxy is slow at times, but not as slow as that.
func flood(t testing.TB, client *net.TCPConn, _ string) {
	t.Helper()
	chunk := make([]byte, 1<<20)
	for {
		require.NoError(t, client.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := client.Write(chunk)
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		if n == 0 {
			return
		}
	}
}

// seesPage reads a page in reply to any method but HEAD.
func seesPage(t testing.TB, client *net.TCPConn, text string) {
	t.Helper()
	seen := recorder{r: client}
	resp, err := http.ReadResponse(bufio.NewReader(&seen), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		switch {
		case i == 0:
			require.Equal(t, line, strconv.Itoa(resp.StatusCode), "%s", body)
		case line == "close":
			require.True(t, resp.Close, "Connection: close")
		case line == "keep":
			require.False(t, resp.Close, "the connection goes on")
		case line == "empty":
			require.Empty(t, string(body))
		case line != "":
			require.Contains(t, seen.seen.String(), line)
		}
	}
}

// recorder hands a reader on byte by byte, so that nothing behind a message is
// taken, and keeps what went through.
type recorder struct {
	r    io.Reader
	seen bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.r.Read(p[:min(len(p), 1)])
	r.seen.Write(p[:n])
	return n, err
}
