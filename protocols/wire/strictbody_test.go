package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
)

func TestStrictBodyDrain(t *testing.T) {
	var s wire.StrictBody
	conn := wire.NewConn(&script{reads: []string{"a\r\n", "..b\r\n.\r\nrest"}, wake: true})
	s.Begin(conn)
	require.NoError(t, s.Drain())
	assert.Equal(t, "rest", string(conn.Buffered()))
	assert.NoError(t, s.Failure())

	for _, forged := range []string{"a\r\r\n.\r\n", "a\r\n.\x00\r\n.\r\n", "a\n.\n"} {
		s.Begin(wire.NewConn(&script{reads: []string{forged}}))
		err := s.Drain()
		require.Error(t, err, "%q", forged)
		assert.True(t, s.Forged(), "%q", forged)
		assert.Equal(t, err, s.Failure())
	}
}

// FuzzStrictBody: whoever reads the message that was accepted, taking for a line end
// what he will, finds one message.
func FuzzStrictBody(f *testing.F) {
	for _, seed := range []string{"a\r\n.\r\nrest", "a\n.\n\r\n.\r\n", "a\r\r\n.\r\n", "..\r\n.\r\n", "\r\n.\r\r\n.\r\n", ".\r\n", "\x00.\r\n.\r\n", "a\n.\x00\x00\n\r\n.\r\n", "a\n.b\r\n.\r\n"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step < 1 {
			return
		}
		var s wire.StrictBody
		conn := wire.NewConn(&script{reads: inSteps(string(in), step)})
		s.Begin(conn)
		var all []byte
		for {
			piece, _, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				require.NotContains(t, string(all), "\r\n.\r\n", "a refused message has no end")
				require.True(t, s.Forged() || errors.Is(err, io.ErrUnexpectedEOF))
				require.Equal(t, err, s.Failure())
				return
			}
			all = append(all, piece...)
		}
		require.True(t, bytes.HasPrefix(in, all))
		body := "\r\n" + string(all)
		end := len(body) - len("\r\n.\r\n")
		for _, before := range []string{"\r", "\n"} {
			for _, after := range []string{"\r", "\n"} {
				at := strings.Index(body, before+"."+after)
				require.True(t, at < 0 || at >= end, "an end for some at %d of %q", at, body)
			}
		}
		require.False(t, strings.HasSuffix(body, "\r\r\n.\r\n"))
		for i := 2; i < len(body); i++ {
			ended := body[i] == '.' && (body[i-1] == '\r' || body[i-1] == '\n')
			require.True(t, !ended || body[i-2:i] == "\r\n", "a dot for some to take off at %d of %q", i, body)
		}
		bare := strings.ReplaceAll(body, "\x00", "")
		for _, before := range []string{"\r", "\n"} {
			for _, after := range []string{"\r", "\n"} {
				at := strings.Index(bare, before+"."+after)
				require.True(t, at < 0 || at >= len(bare)-len("\r\n.\r\n"), "an end without NULs at %d of %q", at, body)
			}
		}
	})
}
