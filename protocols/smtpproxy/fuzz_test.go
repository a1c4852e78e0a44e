package smtpproxy

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
)

// FuzzCommand: what is accepted is one line for every reader, and its name is what
// a server that ignores case finds at its front.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"EHLO a\r\n", "bdat 5 LAST\r\n", "STARTTLS\r\n", "NOOP\rDATA\r\n", " DATA\r\n", "MAIL\tFROM:<>\r\n", "\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		v, err := parseCommand(line)
		if err != nil {
			var known fault
			require.ErrorAs(t, err, &known)
			require.Regexp(t, `^50[01] 5\.\d\.\d [^\r\n]+\r\n$`, string(known))
			return
		}
		text := strings.TrimSuffix(string(line), "\r\n")
		require.NotContains(t, text, "\n")
		require.NotContains(t, text, "\r")
		for name, want := range verbs {
			if strings.EqualFold(strings.Fields(text)[0], name) {
				require.Equal(t, want, v)
			}
		}
		if v != verbBDAT {
			return
		}
		if size, _, err := chunkSize(line); err == nil {
			require.GreaterOrEqual(t, size, int64(0))
			require.Equal(t, 4, strings.IndexByte(text, ' '))
		}
	})
}

// FuzzOffers: editing leaves a well-formed reply without the offers, takes no byte
// else, and is complete the first time.
func FuzzOffers(f *testing.F) {
	for _, s := range []string{"250-a\r\n250-STARTTLS\r\n250 DSN\r\n", "250-a\n250 STARTTLS\n", "250 x\r\n", "250-a\r\n250-BURL\r\n250\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		reply, err := wire.ReadReply(wire.NewConn(&reader{data: in}), wire.EveryLine, maxReply)
		if err != nil {
			return
		}
		before := bytes.Clone(reply.Raw)
		edited, _ := editOffers(reply.Raw, false)
		require.Equal(t, before, reply.Raw)
		again, err := wire.ReadReply(wire.NewConn(&reader{data: edited}), wire.EveryLine, maxReply)
		require.NoError(t, err, "%q", edited)
		require.Equal(t, reply.Code, again.Code)
		require.Len(t, again.Raw, len(edited), "all of it is the reply")
		first := true
		for line := range again.Lines() {
			require.True(t, first || !isHidden(offerOf(line), false), "%q", edited)
			first = false
		}
		twice, _ := editOffers(edited, false)
		require.Equal(t, string(edited), string(twice))
	})
}

// reader is a stream that delivers data in steps; nothing is written to it.
type reader struct {
	data []byte
}

func (r *reader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *reader) Write(p []byte) (int, error) { return len(p), nil }
func (r *reader) CloseWrite() error           { return nil }
func (r *reader) InterruptWrite(bool)         {}
