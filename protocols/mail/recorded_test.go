package mail_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/mail"
	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func ok(line []byte) bool { return bytes.HasPrefix(line, []byte("+OK")) }

func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		name, dialogue string
		want           []string
	}{
		{"nothing", "", nil},
		{"status lines only", "+OK\r\n+OK ready\r\n", nil},
		{"one", "+OK\r\n+OK 3 octets\r\nA: b\r\n\r\nc\r\n.\r\n+OK bye\r\n", []string{"A: b\r\n\r\nc\r\n"}},
		{"two, the second cut off", "+OK\r\na\r\n.\r\n+OK\r\nb\r\nc", []string{"a\r\n", "b\r\nc"}},
		{"stuffed dots", "+OK\r\n..\r\n..a\r\n.\r\n", []string{".\r\n.a\r\n"}},
		{"line ends of LF", "+OK\n..a\nb\n.\n+OK\n", []string{".a\nb\n"}},
		{"no beginning", "hello\r\nthere\r\n.\r\n", nil},
	} {
		var got []string
		for m := range mail.Recorded([]byte(c.dialogue), ok) {
			got = append(got, string(m))
		}
		assert.Equal(t, c.want, got, c.name)
	}
}

// TestJudgeFindsTheCorpus: each message is found in a recording too.
func TestJudgeFindsTheCorpus(t *testing.T) {
	e := engine(t)
	for _, msg := range messages(t, samples.EICAR()) {
		found := false
		mail.Judge(scanner.Mail, msg.raw, func(o *scanner.Object) {
			v, err := e.Scan(t.Context(), o)
			require.NoError(t, err)
			found = found || v.Class.Detection()
		})
		assert.True(t, found, msg.name)
	}
}

// FuzzRecorded: messages are no longer than the dialogue, whatever it is.
func FuzzRecorded(f *testing.F) {
	f.Add([]byte("+OK\r\n+OK\r\nA: b\r\n..\r\n.\r\n+OK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		for _, m := range slices.Collect(mail.Recorded(b, ok)) {
			total += len(m)
		}
		require.LessOrEqual(t, total, len(b))
	})
}
