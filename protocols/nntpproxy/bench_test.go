package nntpproxy

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures what the client says and the reply to it through the engine,
// over loopback. ends tells how many replies a piece of what the server gets is for.
func benchmark(b *testing.B, command, reply string, ends func([]byte) int) {
	rig := transcript.NewRig(b, protocols.NNTP, new(Driver), "")
	client, server := pair(b, rig)
	for _, c := range []*peer{client, server} {
		require.NoError(b, c.SetDeadline(time.Time{}))
	}
	client.say("MODE STREAM\n")
	server.hear("MODE STREAM\n")
	server.say("203\n")
	client.hear("203\n")
	answer, got := []byte(reply), make([]byte, len(reply))
	done := make(chan struct{})
	go func() {
		defer close(done)
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
	ask := []byte(command)
	b.SetBytes(int64(len(command) + len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(ask); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client.r, got); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, client.CloseWrite())
	<-done
}

func lines(p []byte) int { return bytes.Count(p, []byte("\n")) }

func BenchmarkCommand(b *testing.B) { benchmark(b, "DATE\r\n", "111 20260101000000\r\n", lines) }

func BenchmarkSmallArticle(b *testing.B) {
	benchmark(b, "ARTICLE 1\r\n", "220 1 <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 256)+".\r\n", lines)
}

func BenchmarkLargeArticle(b *testing.B) {
	benchmark(b, "ARTICLE 1\r\n", "220 1 <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 126)+"\r\n", 1<<20/128)+".\r\n", lines)
}

func BenchmarkTakeThis(b *testing.B) {
	benchmark(b, "TAKETHIS <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 256)+".\r\n", "239 <1@x>\r\n",
		func(p []byte) int { return bytes.Count(p, []byte(".")) })
}
