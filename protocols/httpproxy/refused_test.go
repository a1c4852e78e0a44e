package httpproxy

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
)

func archive(t *testing.T, name string) []txtar.File {
	raw, err := os.ReadFile("../../testdata/http/refused/" + name)
	require.NoError(t, err)
	a := txtar.Parse(raw)
	require.NotEmpty(t, a.Files)
	return a.Files
}

// Every request in refused/requests.txtar gets its page, the end of its
// connection, and never a connection to the server.
func TestRefusedRequests(t *testing.T) {
	for _, f := range archive(t, "requests.txtar") {
		t.Run(f.Name, func(t *testing.T) {
			r := newRig(t)
			status, why, _ := strings.Cut(f.Name, " ")
			door := reverse
			if strings.HasPrefix(why, "forward:") {
				door = forward
			}
			c := r.DialAt(door)
			_, err := c.Write(r.Bytes(string(f.Data)))
			require.NoError(t, err)
			wantPage(t, bufio.NewReader(c), status)
			c.Close()
			r.NobodyConnected()
			clean, ok := r.Engine.Report().Stat[protocols.HTTP].Get("Web responses clean")
			assert.True(t, ok)
			assert.Zero(t, clean)
		})
	}
}

// wantPage reads one page of a status that ends the connection, and its end.
func wantPage(t *testing.T, from *bufio.Reader, status string) {
	t.Helper()
	resp, err := http.ReadResponse(from, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, status, strconv.Itoa(resp.StatusCode), "%s", body)
	assert.True(t, resp.Close, "the connection ends")
	assert.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	rest, err := io.ReadAll(from)
	assert.NoError(t, err)
	assert.Empty(t, rest, "one page for one connection")
}

// Every response in refused/responses.txtar becomes a page, and nothing of it
// reaches the client.
func TestRefusedResponses(t *testing.T) {
	for _, f := range archive(t, "responses.txtar") {
		t.Run(f.Name, func(t *testing.T) {
			r := newRig(t)
			status, _, _ := strings.Cut(f.Name, " ")
			c := r.Dial()
			_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n"))
			require.NoError(t, err)
			origin := r.Accept()
			_, err = http.ReadRequest(bufio.NewReader(origin))
			require.NoError(t, err)
			_, err = origin.Write(r.Bytes(string(f.Data)))
			require.NoError(t, err)
			from := bufio.NewReader(c)
			if strings.Contains(f.Name, "interim") {
				skipInterim(t, from)
			}
			wantPage(t, from, status)
			_, _ = io.Copy(io.Discard, origin) // ends, by a FIN or by a reset
			origin.Close()
			c.Close()
		})
	}
}

// skipInterim reads the 100s that are passed on before there were too many.
func skipInterim(t *testing.T, from *bufio.Reader) {
	for {
		b, err := from.Peek(len("HTTP/1.1 100"))
		require.NoError(t, err)
		if string(b) != "HTTP/1.1 100" {
			return
		}
		_, err = from.ReadString('\n')
		require.NoError(t, err)
		_, err = from.ReadString('\n')
		require.NoError(t, err)
	}
}
