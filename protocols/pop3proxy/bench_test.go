package pop3proxy

import (
	"strings"
	"testing"

	"utmsim/internal/lab"
	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures one command and its reply.
func benchmark(b *testing.B, command, reply string) {
	rig := transcript.NewRig(b, protocols.POP3, new(Driver), "")
	client, server := pair(rig)
	transcript.Benchmark(b, client, server, command, reply, transcript.Lines)
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
