package wire_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
)

func readReply(t require.TestingT, form wire.ReplyForm, limit int, pieces ...string) (wire.Reply, *wire.Conn, error) {
	conn, _ := fed(true, pieces...)
	for {
		r, err := wire.ReadReply(conn, form, limit)
		if !errors.Is(err, wire.ErrWake) {
			return r, conn, err
		}
	}
}

func TestReadReply(t *testing.T) {
	for _, c := range []struct {
		name string
		form wire.ReplyForm
		in   string
		code int
		raw  string
	}{
		{"one line", wire.EveryLine, "220 hello\r\nrest", 220, "220 hello\r\n"},
		{"code alone", wire.EveryLine, "250\r\n", 250, "250\r\n"},
		{"bare LF", wire.EveryLine, "250 ok\n", 250, "250 ok\n"},
		{"several lines", wire.EveryLine, "250-a\r\n250-PIPELINING\r\n250 SIZE 5\r\n220 x", 250, "250-a\r\n250-PIPELINING\r\n250 SIZE 5\r\n"},
		{"FTP, free text", wire.FirstAndLast, "211-Features:\r\n MDTM\r\n250 not this\r\n211-nor this\r\n211 End\r\n", 211,
			"211-Features:\r\n MDTM\r\n250 not this\r\n211-nor this\r\n211 End\r\n"},
		{"FTP, one line", wire.FirstAndLast, "226 done\r\n", 226, "226 done\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for step := 1; step <= len(c.in); step++ {
				r, conn, err := readReply(t, c.form, 100, inSteps(c.in, step)...)
				require.NoError(t, err)
				assert.Equal(t, c.code, r.Code)
				assert.Equal(t, c.raw, string(r.Raw))
				var lines int
				for range r.Lines() {
					lines++
				}
				assert.Equal(t, strings.Count(c.raw, "\n"), lines)
				rest, err := io.ReadAll(&unwoken{conn})
				require.NoError(t, err)
				assert.Equal(t, c.in, c.raw+string(rest))
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	for in, want := range map[string]error{
		"hello\r\n":                       wire.ErrReply,
		"25 x\r\n":                        wire.ErrReply,
		"050 x\r\n":                       wire.ErrReply,
		"2500 x\r\n":                      wire.ErrReply,
		"250-a\r\n251 b\r\n":              wire.ErrReply,
		"250-a\r\nb\r\n":                  wire.ErrReply,
		"250-a\r\n":                       io.ErrUnexpectedEOF,
		"250 a":                           io.ErrUnexpectedEOF,
		"":                                io.EOF,
		strings.Repeat("250-x\r\n", 20):   wire.ErrTooLong,
		"250 " + strings.Repeat("x", 200): wire.ErrTooLong,
		"250 " + strings.Repeat("x", 95) + "\r\n": wire.ErrTooLong,
	} {
		_, _, err := readReply(t, wire.EveryLine, 100, in)
		assert.Equal(t, want, err, "%q", in)
	}
}

// FuzzReadReply: how a reply is cut into reads changes nothing, and an accepted
// one ends with a line of its code.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte("250-a\r\n250 b\r\n"), 3, false)
	f.Add([]byte("211-a\r\n b\r\n211 c\r\n"), 1, true)
	f.Fuzz(func(t *testing.T, in []byte, step int, free bool) {
		if step < 1 {
			return
		}
		form := wire.EveryLine
		if free {
			form = wire.FirstAndLast
		}
		whole, _, err := readReply(t, form, 1000, string(in))
		cut, _, err2 := readReply(t, form, 1000, inSteps(string(in), step)...)
		if err != nil {
			require.Error(t, err2)
			return
		}
		require.NoError(t, err2)
		require.Equal(t, whole.Code, cut.Code)
		require.Equal(t, string(whole.Raw), string(cut.Raw))
		require.True(t, strings.HasPrefix(string(in), string(whole.Raw)))
	})
}
