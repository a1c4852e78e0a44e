package smtpproxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// benchmark sends one mail after the other through the engine, over loopback, a
// command at a time.
func benchmark(b *testing.B, mail string) {
	_, client, server := session(b, "")
	for _, c := range []*peer{client, server} {
		require.NoError(b, c.SetDeadline(time.Time{}))
	}
	steps := []struct{ up, down []byte }{
		{[]byte("MAIL FROM:<a@lab.test>\r\n"), []byte("250 ok\r\n")},
		{[]byte("RCPT TO:<b@lab.test>\r\n"), []byte("250 ok\r\n")},
		{[]byte("DATA\r\n"), []byte("354 go\r\n")},
		{[]byte(mail + ".\r\n"), []byte("250 ok\r\n")},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			for _, step := range steps {
				if n, err := server.r.Discard(len(step.up)); n < len(step.up) || err != nil {
					return
				}
				if _, err := server.Write(step.down); err != nil {
					return
				}
			}
		}
	}()
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		for _, step := range steps {
			if _, err := client.Write(step.up); err != nil {
				b.Fatal(err)
			}
			if _, err := client.r.Discard(len(step.down)); err != nil {
				b.Fatal(err)
			}
		}
	}
	require.NoError(b, client.CloseWrite())
	<-done
}

func BenchmarkAttachment(b *testing.B) { benchmark(b, string(lab.Specimen(4<<10))) }

func BenchmarkLargeMail(b *testing.B) { benchmark(b, string(lab.Specimen(1<<20))) }
