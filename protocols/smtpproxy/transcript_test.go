package smtpproxy

import (
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

func TestTranscripts(t *testing.T) {
	transcript.PlayAll(t, "../../testdata/smtp", protocols.SMTP, func() proxy.Driver { return new(Driver) })
}
