package nntpproxy

import (
	"bytes"
	"strings"
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures what the client says and the reply to it; ends tells how many
// replies a piece of what the server gets is for.
func benchmark(b *testing.B, command, reply string, ends func([]byte) int) {
	rig := transcript.NewRig(b, protocols.NNTP, new(Driver), "")
	client, server := pair(rig)
	client.Say("MODE STREAM\n")
	server.Hear("MODE STREAM\n")
	server.Say("203\n")
	client.Hear("203\n")
	transcript.Benchmark(b, client, server, command, reply, ends)
}

func BenchmarkCommand(b *testing.B) {
	benchmark(b, "DATE\r\n", "111 20260101000000\r\n", transcript.Lines)
}

func BenchmarkSmallArticle(b *testing.B) {
	benchmark(b, "ARTICLE 1\r\n", "220 1 <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 256)+".\r\n", transcript.Lines)
}

func BenchmarkLargeArticle(b *testing.B) {
	benchmark(b, "ARTICLE 1\r\n", "220 1 <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 126)+"\r\n", 1<<20/128)+".\r\n", transcript.Lines)
}

func BenchmarkTakeThis(b *testing.B) {
	benchmark(b, "TAKETHIS <1@x>\r\nSubject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 256)+".\r\n", "239 <1@x>\r\n",
		func(p []byte) int { return bytes.Count(p, []byte(".")) })
}
