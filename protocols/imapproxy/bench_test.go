package imapproxy

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures one command and its answer through the engine, over loopback.
func benchmark(b *testing.B, command, reply string) {
	rig := transcript.NewRig(b, protocols.IMAP, new(Driver), "")
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

// fetched is the answer to a FETCH of a mail.
func fetched(mail string) string {
	return fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\na OK done\r\n", len(mail), mail)
}

func BenchmarkCommand(b *testing.B) { benchmark(b, "a NOOP\r\n", "a OK\r\n") }

func BenchmarkSmallMail(b *testing.B) {
	benchmark(b, "a UID FETCH 1 BODY[]\r\n", fetched("Subject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 64)))
}

func BenchmarkLargeMail(b *testing.B) {
	benchmark(b, "a UID FETCH 1 BODY[]\r\n", fetched("Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 74)+"\r\n", 1<<20/76)))
}
