package pop3proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures one command and its reply through the engine, over loopback.
func benchmark(b *testing.B, command, reply string) {
	rig := transcript.NewRig(b, protocols.POP3, new(Driver), "")
	client, server := pair(b, rig)
	for _, c := range []*peer{client, server} {
		require.NoError(b, c.SetDeadline(time.Time{}))
	}
	answer, got := []byte(reply), make([]byte, len(reply))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			for range bytes.Count(buf[:n], []byte("\n")) {
				if _, err := server.Write(answer); err != nil {
					return
				}
			}
		}
	}()
	ask := []byte(command)
	b.SetBytes(int64(len(reply)))
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

func BenchmarkCommand(b *testing.B) { benchmark(b, "NOOP\r\n", "+OK\r\n") }

func BenchmarkSmallMail(b *testing.B) {
	benchmark(b, "RETR 1\r\n", "+OK\r\nSubject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 64)+".\r\n")
}

func BenchmarkAttachment(b *testing.B) {
	benchmark(b, "RETR 1\r\n", "+OK\r\n"+string(lab.Specimen(4<<10))+".\r\n")
}

func BenchmarkLargeMail(b *testing.B) {
	benchmark(b, "RETR 1\r\n", "+OK\r\nSubject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 74)+"\r\n", 1<<20/76)+".\r\n")
}
