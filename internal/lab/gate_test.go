package lab_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

// TestFullOriginsTurnAway checks the limit of connections and that a place
// given back is used again.
func TestFullOriginsTurnAway(t *testing.T) {
	boxes := lab.NewMailboxes()
	mail, pop3, imap, ftp, nntp := lab.NewSMTP(boxes), lab.NewPOP3(boxes), lab.NewIMAP(boxes), lab.NewFTP(), lab.NewNNTP()
	mail.MaxSessions, pop3.MaxSessions, imap.MaxSessions, ftp.MaxSessions, nntp.MaxSessions = 1, 1, 1, 1, 1
	tests := []struct {
		name   string
		origin interface {
			Listen(address string) (string, error)
			Close() error
		}
		traffic                     func() lab.Traffic
		greeting, refusal, noop, ok string
	}{
		{"SMTP", mail, func() lab.Traffic { return mail.Counts().Traffic }, "220 ", "421 4.3.2 ", "NOOP", "250 "},
		{"POP3", pop3, func() lab.Traffic { return pop3.Counts().Traffic }, "+OK ", "-ERR [SYS/TEMP] ", "CAPA", "+OK "},
		{"IMAP", imap, func() lab.Traffic { return imap.Counts().Traffic }, "* OK ", "* BYE [UNAVAILABLE] ", "a NOOP", "a OK "},
		{"FTP", ftp, func() lab.Traffic { return ftp.Counts().Traffic }, "220 ", "421 ", "NOOP", "200 "},
		{"NNTP", nntp, func() lab.Traffic { return nntp.Counts().Traffic }, "200 ", "400 ", "DATE", "111 "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, err := test.origin.Listen("127.0.0.1:0")
			require.NoError(t, err)
			first := converseWith(t, address, test.greeting)
			assert.Empty(t, converseWith(t, address, test.refusal).gone())
			first.say(test.noop, test.ok)
			counts := test.traffic()
			assert.Equal(t, int64(1), counts.Sessions)
			assert.Equal(t, int64(1), counts.Open)
			assert.Equal(t, int64(1), counts.Refused)
			assert.Equal(t, int64(len(test.noop)+2), counts.Bytes)
			require.NoError(t, first.conn.Close())
			require.Eventually(t, func() bool { return test.traffic().Open == 0 }, 20*1e9, 1e6)
			converseWith(t, address, test.greeting)
			require.NoError(t, test.origin.Close())
			assert.Zero(t, test.traffic().Open)
			_, err = test.origin.Listen("127.0.0.1:0")
			require.Error(t, err, "closed for good")
		})
	}
}

// BenchmarkOrigins is how fast one client is served: the ceiling of what can be
// measured through a proxy.
func BenchmarkOrigins(b *testing.B) {
	l, err := lab.Start([]lab.Endpoint{
		{Service: lab.ServiceSMTP, Address: "127.0.0.1:0"}, {Service: lab.ServicePOP3, Address: "127.0.0.1:0"},
		{Service: lab.ServiceIMAP, Address: "127.0.0.1:0"}, {Service: lab.ServiceNNTP, Address: "127.0.0.1:0"},
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, l.Close()) }()
	b.Run("SMTP mail", func(b *testing.B) {
		b.ReportAllocs()
		client, err := smtp.Dial(l.Addr(lab.ServiceSMTP))
		require.NoError(b, err)
		for b.Loop() {
			if err := client.SendMail("a@b.test", []string{lab.Sink}, strings.NewReader("Subject: x\r\n\r\nx\r\n")); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, client.Quit())
	})
	for _, bench := range []struct{ name, service, login, command, end string }{
		{"POP3 RETR", "POP3", "USER alice\r\nPASS lab\r\n", "RETR 1\r\n", "\r\n.\r\n"},
		{"IMAP FETCH", "IMAP", "a LOGIN alice lab\r\na SELECT INBOX\r\n", "b FETCH 1 BODY.PEEK[]\r\n", "b OK FETCH completed\r\n"},
		{"NNTP ARTICLE", "NNTP", "GROUP lab.test\r\n", "ARTICLE 1\r\n", "\r\n.\r\n"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			client := dialBench(b, l.Addr(lab.Service(bench.service)))
			defer func() { _ = client.Close() }()
			reply := make([]byte, 64<<10)
			_, err := fmt.Fprint(client, bench.login+bench.command)
			require.NoError(b, err)
			readUntil(b, client, reply, bench.end)
			for b.Loop() {
				if _, err := client.Write([]byte(bench.command)); err != nil {
					b.Fatal(err)
				}
				readUntil(b, client, reply, bench.end)
			}
		})
	}
}

func dialBench(b *testing.B, address string) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(b, err)
	return conn
}

func readUntil(b *testing.B, conn net.Conn, buffer []byte, end string) {
	b.Helper()
	for n := 0; !bytes.HasSuffix(buffer[:n], []byte(end)); {
		more, err := conn.Read(buffer[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += more
	}
}
