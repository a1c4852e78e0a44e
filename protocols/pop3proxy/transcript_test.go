package pop3proxy

import (
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

// TestTranscripts plays the dialogues in testdata/pop3; package transcript says how
// they are written.
func TestTranscripts(t *testing.T) {
	transcript.PlayAll(t, "../../testdata/pop3", protocols.POP3, func() proxy.Driver { return new(Driver) })
}
