package imapproxy

import (
	"fmt"
	"strings"
	"testing"

	"utmsim/internal/transcript"
	"utmsim/protocols"
)

// benchmark measures one command and its reply.
func benchmark(b *testing.B, command, reply string) {
	rig := transcript.NewRig(b, protocols.IMAP, new(Driver), "")
	client, server := pair(rig)
	transcript.Benchmark(b, client, server, command, reply, transcript.Lines)
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
