package httpproxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// size is more than the buffers of all sockets on the way take.
const size = 64 << 20

// way is how a large body comes: the fields that announce it, and its length as it
// travels.
type way struct {
	head string
	body func() io.Reader
	size int64
}

// uploads are the ways by their names.
func uploads() map[string]way {
	flat := func() io.Reader { return io.LimitReader(sevens{}, size) }
	const chunk = 1 << 20
	chunked := func() io.Reader {
		var list []io.Reader
		for range size / chunk {
			list = append(list, strings.NewReader(fmt.Sprintf("%x\r\n", chunk)), io.LimitReader(sevens{}, chunk), strings.NewReader("\r\n"))
		}
		return io.MultiReader(append(list, strings.NewReader("0\r\n\r\n"))...)
	}
	framing := int64(len("100000\r\n\r\n"))
	return map[string]way{
		"counted":                {fmt.Sprintf("Content-Length: %d\r\n", size), flat, size},
		"chunked":                {"Transfer-Encoding: chunked\r\n", chunked, size + size/chunk*framing + 5},
		"announced, not waiting": {fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n", size), flat, size},
	}
}

type sevens struct{}

func (sevens) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '7'
	}
	return len(p), nil
}

const smallHold = "config firewall profile-protocol-options\nedit default\nconfig http\nset oversize-limit 1\nend\nnext\nend\n"

// needInterrupts skips a test where a write that waits does not hear the peer.
func needInterrupts(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sockets block while they write on this system")
	}
}

// TestInterimDuringUpload: a server that says something before it takes the rest of
// an upload that passes gets the rest all the same, and the client hears it at once.
func TestInterimDuringUpload(t *testing.T) {
	needInterrupts(t)
	for name, way := range uploads() {
		t.Run(name, func(t *testing.T) {
			r := transcript.NewRig(t, protocols.HTTP, new(Driver), smallHold)
			client := r.Dial()
			const line = "POST /u HTTP/1.1\r\n"
			head := line + "Host: origin.test\r\n" + way.head + "\r\n"
			sent := make(chan error, 1)
			go func() {
				_, err := io.Copy(client, io.MultiReader(strings.NewReader(head), way.body()))
				sent <- err
			}()
			server, answers := r.Accept(), bufio.NewReader(client)
			for _, interim := range []string{"102 Processing", "100 Continue", "103 Early Hints"} {
				for _, part := range []string{"HTTP/1.1 ", interim, "\r\n\r\n"} {
					_, err := io.WriteString(server, part)
					require.NoError(t, err)
				}
				got := make([]byte, len("HTTP/1.1 \r\n\r\n")+len(interim))
				_, err := io.ReadFull(answers, got)
				require.NoError(t, err, "while the upload waits")
				assert.Equal(t, "HTTP/1.1 "+interim+"\r\n\r\n", string(got))
			}
			n, err := io.Copy(io.Discard, io.LimitReader(server, int64(len(head))+way.size))
			require.NoError(t, err)
			assert.Equal(t, int64(len(head))+way.size, n)
			require.NoError(t, <-sent)
			_, err = io.WriteString(server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			require.NoError(t, err)
			res, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			assert.Equal(t, 200, res.StatusCode)
			require.NoError(t, client.CloseWrite())
		})
	}
}

// TestLastWordDuringUpload: behind interim answers, the final one ends the upload,
// and so do too many or what is none.
func TestLastWordDuringUpload(t *testing.T) {
	needInterrupts(t)
	for _, c := range []struct {
		says, want string
	}{
		{"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 413 "},
		{strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1), "HTTP/1.1 502 "},
		{"HTTP/1.1 102 Processing\r\n\r\nnonsense\r\n\r\n", "HTTP/1.1 502 "},
		{"HTTP/1.1 102 Processing\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 502 "},
		{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 502 "},
	} {
		t.Run(c.want+c.says[:20], func(t *testing.T) {
			r := transcript.NewRig(t, protocols.HTTP, new(Driver), smallHold)
			client := r.Dial()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				head := fmt.Sprintf("POST /u HTTP/1.1\r\nHost: origin.test\r\nContent-Length: %d\r\n\r\n", size)
				_, _ = io.Copy(client, io.MultiReader(strings.NewReader(head), io.LimitReader(sevens{}, size))) // the session ends
			}()
			server := r.Accept()
			_, err := io.WriteString(server, c.says)
			require.NoError(t, err)
			answers := bufio.NewReader(client)
			last := ""
			for !strings.HasPrefix(last, c.want) {
				line, err := answers.ReadString('\n')
				require.NoError(t, err, "behind %q", last)
				if strings.HasPrefix(line, "HTTP/1.1 ") {
					last = line
					require.True(t, strings.HasPrefix(line, "HTTP/1.1 102 ") || strings.HasPrefix(line, c.want), line)
				}
			}
			require.NoError(t, client.Close())
			<-sent
		})
	}
}
