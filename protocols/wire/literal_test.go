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

func TestParseLiteral(t *testing.T) {
	for _, c := range []struct {
		line string
		want wire.Literal
		ok   bool
		err  error
	}{
		{"a APPEND INBOX {310}\r\n", wire.Literal{Size: 310, Wait: true, At: 15}, true, nil},
		{"a LOGIN {5+}\r\n", wire.Literal{Size: 5, At: 8}, true, nil},
		{"{0}\n", wire.Literal{Wait: true}, true, nil},
		{"* 1 FETCH (BINARY[1] ~{12}\r\n", wire.Literal{Size: 12, Wait: true, Binary: true, At: 21}, true, nil},
		{"a APPEND x ~{7+}\r\n", wire.Literal{Size: 7, Binary: true, At: 11}, true, nil},
		{"a {1001}\r\n", wire.Literal{Size: 1001, Wait: true, At: 2}, true, wire.ErrTooLong},
		{"a NOOP\r\n", wire.Literal{}, false, nil},
		{"* OK {hello}\r\n", wire.Literal{}, false, nil},
		{"a {5} \r\n", wire.Literal{}, false, nil},
		{"a }\r\n", wire.Literal{}, false, nil},
		{"", wire.Literal{}, false, nil},
		{"\r\n", wire.Literal{}, false, nil},
		{"a {}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {+}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {5-}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {-5}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {+5}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a { 5}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {5x}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {5++}\r\n", wire.Literal{}, false, wire.ErrLiteral},
		{"a {1234567890123456789}\r\n", wire.Literal{}, false, wire.ErrLiteral},
	} {
		lit, ok, err := wire.ParseLiteral([]byte(c.line), 1000)
		assert.Equal(t, c.want, lit, "%q", c.line)
		assert.Equal(t, c.ok, ok, "%q", c.line)
		assert.Equal(t, c.err, err, "%q", c.line)
	}
}

func TestOpenQuote(t *testing.T) {
	for line, want := range map[string]bool{
		`a LOGIN "x" "y"`: false, `a LOGIN "x {5}`: true, `a LOGIN "x\" {5}`: true, `a LOGIN "x\\" {5}`: false, ``: false, `a "\`: true,
	} {
		assert.Equal(t, want, wire.OpenQuote([]byte(line)), "%q", line)
	}
}

func TestLiteralLine(t *testing.T) {
	in := "a LOGIN {3+}\r\nbob{2}\r\nxy\r\nb NOOP\r\n"
	for step := 1; step <= len(in); step++ {
		conn, stream := fed(true, inSteps(in, step)...)
		l := wire.LiteralLine{Conn: conn, Line: 40, Literal: 10, Literals: 2}
		for range 2 {
			l.Begin()
			all := readLiteralLine(t, &l, stream.count)
			assert.Contains(t, []string{"a LOGIN {3+}\r\nbob{2}\r\nxy\r\n", "b NOOP\r\n"}, all)
		}
	}
}

func readLiteralLine(t *testing.T, l *wire.LiteralLine, reads func() int) (all string) {
	for {
		fragment, _, announced, err := l.Fragment()
		if errors.Is(err, wire.ErrWake) {
			continue
		}
		require.NoError(t, err)
		all += string(fragment)
		if !announced {
			return all
		}
		body, _, err := drain(t, l.Body(), reads)
		require.NoError(t, err)
		all += string(body)
	}
}

func TestLiteralLineLimits(t *testing.T) {
	for name, in := range map[string]string{
		"a long line":                    strings.Repeat("x", 60) + "\r\n",
		"a line made long by literals":   "aaaaaaaaaaaaaaaaaaa {0}\r\nbbbbbbbbbbbbbbbbbbbbb\r\n",
		"a literal larger than allowed":  "a {11}\r\n",
		"more literals than are allowed": "{0}\r\n{0}\r\n{0}\r\n",
	} {
		conn, _ := fed(false, in)
		l := wire.LiteralLine{Conn: conn, Line: 40, Literal: 10, Literals: 2}
		l.Begin()
		var err error
		for err == nil {
			_, _, _, err = l.Fragment()
		}
		assert.Equal(t, wire.ErrTooLong, err, name)
	}
}

func TestCounted(t *testing.T) {
	conn, stream := fed(true, "abc", "def", "ghiNEXT")
	c := wire.NewCounted(conn, 9)
	all, content, err := drain(t, c, stream.count)
	require.NoError(t, err)
	assert.Equal(t, "abcdefghi", string(all))
	assert.Equal(t, all, content)
	assert.Equal(t, "NEXT", string(conn.Buffered()), "what follows stays")
	assert.Zero(t, c.Left())
	assert.Same(t, conn, c.Conn())

	conn, stream = fed(false, "abc")
	c = wire.NewCounted(conn, 9)
	_, _, err = drain(t, c, stream.count)
	assert.Equal(t, io.ErrUnexpectedEOF, err)
	assert.Equal(t, err, c.Err())

	conn, stream = fed(false, "x")
	c = wire.NewCounted(conn, 9)
	c.Took(9)
	all, _, err = drain(t, c, stream.count)
	require.NoError(t, err)
	assert.Empty(t, all, "what somebody else took is not read again")
}

// FuzzParseLiteral: no line breaks the parser, and what it accepts says the same
// when it is written out.
func FuzzParseLiteral(f *testing.F) {
	for _, s := range []string{"a {5}\r\n", "a ~{5+}\r\n", "{}\n", "a {x}\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		lit, ok, err := wire.ParseLiteral(line, 1<<20)
		if !ok {
			return
		}
		require.GreaterOrEqual(t, lit.Size, int64(0))
		require.Equal(t, lit.Size > 1<<20, err != nil)
		require.Equal(t, lit.Binary, line[lit.At] == '~')
		_ = wire.OpenQuote(line)
	})
}
