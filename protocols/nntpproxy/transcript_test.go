package nntpproxy

import (
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
	"utmsim/proxy"
)

// TestTranscripts plays the dialogues in testdata/nntp; package transcript says how
// they are written.
func TestTranscripts(t *testing.T) {
	transcript.PlayAll(t, "../../testdata/nntp", protocols.NNTP, func() proxy.Driver { return new(Driver) })
}
