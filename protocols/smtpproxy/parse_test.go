package smtpproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want verb
		err  error
	}{
		{"EHLO x\r\n", verbEHLO, nil},
		{"helo x\r\n", verbHELO, nil},
		{"MAIL FROM:<a@b>\r\n", verbMAIL, nil},
		{"SOML FROM:<a@b>\r\n", verbMAIL, nil},
		{"rCpT TO:<\xc3\xbc@b>\r\n", verbRCPT, nil},
		{"DATA\r\n", verbDATA, nil},
		{"DATA\t\r\n", verbDATA, nil},
		{"DATA x\r\n", verbDATA, nil},
		{"BDAT 5 LAST\r\n", verbBDAT, nil},
		{"BDAT\t5\r\n", verbBDAT, nil},
		{"STARTTLS\r\n", verbTLS, nil},
		{"starttlsx\r\n", verbTLS, nil},
		{"BURL x\r\n", verbRefused, nil},
		{"XCLIENT A=b\r\n", verbOther, nil},
		{"DATAX\r\n", verbOther, nil},
		{"\r\n", 0, faultName},
		{" DATA\r\n", 0, faultName},
		{"\tBDAT 5\r\n", 0, faultName},
		{"DATA:\r\n", 0, faultName},
		{"\xc5\xbfTARTTLS\r\n", 0, faultName},
		{strings.Repeat("A", 33) + "\r\n", 0, faultName},
		{"DATA\n", 0, faultLineEnd},
		{"NOOP\rDATA\r\n", 0, faultLineEnd},
		{"NOOP\r\r\n", 0, faultLineEnd},
		{"NOOP\x00\r\n", 0, faultControl},
		{"DATA\x0b\r\n", 0, faultControl},
		{"NOOP \x7f\r\n", 0, faultControl},
	} {
		got, err := parseCommand([]byte(c.line))
		assert.Equal(t, c.want, got, "%q", c.line)
		assert.Equal(t, c.err, err, "%q", c.line)
	}
}

func TestChunkSize(t *testing.T) {
	for _, c := range []struct {
		line string
		size int64
		last bool
		ok   bool
	}{
		{"BDAT 0\r\n", 0, false, true},
		{"BDAT 86 LAST\r\n", 86, true, true},
		{"bdat 007 last\r\n", 7, true, true},
		{"BDAT 999999999999999999\r\n", 999999999999999999, false, true},
		{"BDAT 1000000000000000000\r\n", 0, false, false},
		{"BDAT\r\n", 0, false, false},
		{"BDAT LAST\r\n", 0, false, false},
		{"BDAT  5\r\n", 0, false, false},
		{"BDAT\t5\r\n", 0, false, false},
		{"BDAT 5  LAST\r\n", 0, false, false},
		{"BDAT 5 LAST \r\n", 0, false, false},
		{"BDAT 5 FIRST\r\n", 0, false, false},
		{"BDAT -5\r\n", 0, false, false},
		{"BDAT +5\r\n", 0, false, false},
		{"BDAT 0x5\r\n", 0, false, false},
		{"BDAT 5LAST\r\n", 0, false, false},
	} {
		size, last, err := chunkSize([]byte(c.line))
		require.Equal(t, c.ok, err == nil, "%q", c.line)
		if c.ok {
			assert.Equal(t, c.size, size, "%q", c.line)
			assert.Equal(t, c.last, last, "%q", c.line)
		}
	}
}

func TestEditOffers(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		tls, chunking  bool
	}{
		{"nothing to take out", "250-a\r\n250-SIZE 5\r\n250 CHUNKING\r\n", "250-a\r\n250-SIZE 5\r\n250 CHUNKING\r\n", false, true},
		{"first", "250-a\r\n250-STARTTLS\r\n250 DSN\r\n", "250-a\r\n250 DSN\r\n", false, false},
		{"last", "250-a\r\n250-DSN\r\n250 STARTTLS\r\n", "250-a\r\n250 DSN\r\n", false, false},
		{"only", "250-a\r\n250 starttls\r\n", "250 a\r\n", false, false},
		{"several", "250-a\r\n250-STARTTLS\r\n250-BURL imap\r\n250-chunking\r\n250-X-ANONYMOUSTLS\r\n250-DSN\r\n250 COMPRESS DEFLATE\r\n", "250-a\r\n250-chunking\r\n250 DSN\r\n", false, true},
		{"tls passes", "250-a\r\n250-STARTTLS\r\n250 BURL\r\n", "250-a\r\n250 STARTTLS\r\n", true, false},
		{"the name of the server is no offer", "250-STARTTLS\r\n250 DSN\r\n", "250-STARTTLS\r\n250 DSN\r\n", false, false},
		{"one line", "250 STARTTLS\r\n", "250 STARTTLS\r\n", false, false},
		{"bare line ends", "250-a\n250-STARTTLS\n250 DSN\n", "250-a\n250 DSN\n", false, false},
		{"a bare code", "250-a\r\n250-STARTTLS\r\n250\r\n", "250-a\r\n250\r\n", false, false},
		{"like it", "250-a\r\n250 XSTARTTLS\r\n", "250-a\r\n250 XSTARTTLS\r\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := []byte(c.in)
			got, chunking := editOffers(in, c.tls)
			assert.Equal(t, c.want, string(got))
			assert.Equal(t, c.chunking, chunking)
			assert.Equal(t, c.in, string(in), "the reply itself stays")
		})
	}
}
