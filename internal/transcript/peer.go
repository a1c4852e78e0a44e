package transcript

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Peer is one end of a session of a line protocol, spoken for by the test.
type Peer struct {
	t testing.TB
	*net.TCPConn
	R *bufio.Reader // what it receives
}

// NewPeer speaks for the end that c is.
func NewPeer(t testing.TB, c *net.TCPConn) *Peer { return &Peer{t, c, bufio.NewReader(c)} }

// Greeted is a session in which the server has said its greeting, a line that ends
// with \n.
func (r *Rig) Greeted(greeting string) (client, server *Peer) {
	r.t.Helper()
	client, server = NewPeer(r.t, r.Dial()), NewPeer(r.t, r.Accept())
	server.Say(greeting)
	client.Hear(greeting)
	return client, server
}

// Say sends lines; each \n becomes CR LF.
func (p *Peer) Say(text string) {
	p.t.Helper()
	_, err := io.WriteString(p, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(p.t, err)
}

// Hear receives exactly these lines next; each \n stands for CR LF.
func (p *Peer) Hear(want string) {
	p.t.Helper()
	for line := range strings.Lines(want) {
		got, err := p.R.ReadString('\n')
		require.NoError(p.t, err, "waiting for %q", line)
		require.Equal(p.t, strings.TrimSuffix(line, "\n")+"\r\n", got)
	}
}

// Gone receives the end of the connection and nothing before it.
func (p *Peer) Gone() {
	p.t.Helper()
	rest, err := io.ReadAll(p.R)
	require.NoError(p.t, err)
	require.Empty(p.t, string(rest))
}

// Replies answers every line with what reply says, as it is, until the end; the
// channel then has the error, nil for an end in good order.
func (p *Peer) Replies(reply func(line string) string) <-chan error {
	done := make(chan error, 1)
	go func() {
		for {
			line, err := p.R.ReadString('\n')
			if errors.Is(err, io.EOF) {
				done <- nil
				return
			}
			if err == nil {
				_, err = io.WriteString(p, reply(strings.TrimRight(line, "\r\n")))
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}

// Lines counts the lines that end in a piece of a stream; see Benchmark.
func Lines(piece []byte) int { return bytes.Count(piece, []byte("\n")) }

// Benchmark measures what a client says and the reply to it, through the engine.
// ends tells how many replies the server owes for a piece of what it gets.
func Benchmark(b *testing.B, client, server *Peer, command, reply string, ends func(piece []byte) int) {
	for _, p := range []*Peer{client, server} {
		require.NoError(b, p.SetDeadline(time.Time{}))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answer := []byte(reply)
		for buf := make([]byte, 64<<10); ; {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			for range ends(buf[:n]) {
				if _, err := server.Write(answer); err != nil {
					return
				}
			}
		}
	}()
	ask, got := []byte(command), make([]byte, len(reply))
	b.SetBytes(int64(len(command) + len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(ask); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client.R, got); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, client.CloseWrite())
	<-done
}
