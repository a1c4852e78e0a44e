package imapproxy

import (
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

// TestTranscripts plays the dialogues in testdata/imap; package transcript says how
// they are written.
func TestTranscripts(t *testing.T) {
	transcript.PlayAll(t, "../../testdata/imap", protocols.IMAP, func() proxy.Driver { return new(Driver) })
}
