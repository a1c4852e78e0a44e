package httpproxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// script is a stream that delivers one piece a read and then the end.
type script struct {
	reads []string
	end   error
	wake  bool // interrupt every other read
	woken bool
}

func (s *script) Read(p []byte) (int, error) {
	if s.wake && !s.woken {
		s.woken = true
		return 0, wire.ErrWake
	}
	s.woken = false
	if len(s.reads) == 0 {
		if s.end != nil {
			return 0, s.end
		}
		return 0, io.EOF
	}
	n := copy(p, s.reads[0])
	if s.reads[0] = s.reads[0][n:]; s.reads[0] == "" {
		s.reads = s.reads[1:]
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) { return len(p), nil }
func (s *script) CloseWrite() error           { return nil }
func (s *script) InterruptWrite(bool)         {}

func scripted(reads ...string) *wire.Conn { return wire.NewConn(&script{reads: reads}) }

// drain reads a source to its end and checks its contract on the way.
func drain(t require.TestingT, s proxy.Source) (all, content []byte, err error) {
	for {
		b, isContent, err := s.Next()
		switch {
		case err == io.EOF:
			return all, content, nil
		case errors.Is(err, wire.ErrWake):
			continue
		case err != nil:
			return all, content, err
		}
		require.NotEmpty(t, b, "a piece has at least one byte")
		all = append(all, b...)
		if isContent {
			content = append(content, b...)
		}
	}
}

func TestCountedBody(t *testing.T) {
	conn := scripted("abc", "def", "ghiNEXT")
	all, content, err := drain(t, &countedBody{conn: conn, left: 9})
	require.NoError(t, err)
	assert.Equal(t, "abcdefghi", string(all))
	assert.Equal(t, all, content)
	assert.Equal(t, "NEXT", string(conn.Buffered()), "what follows stays")

	cut := &countedBody{conn: scripted("abc"), left: 9}
	_, _, err = drain(t, cut)
	assert.Equal(t, io.ErrUnexpectedEOF, err)
	assert.Equal(t, io.ErrUnexpectedEOF, cut.err)

	behind := &countedBody{conn: scripted("abc"), left: 9}
	behind.Took(9)
	assert.True(t, behind.Buffered())
	_, _, err = behind.Next()
	assert.Equal(t, io.EOF, err)
}

func TestOpenBody(t *testing.T) {
	body := &openBody{conn: scripted("abc", "def")}
	all, _, err := drain(t, body)
	require.NoError(t, err)
	assert.Equal(t, "abcdef", string(all))
	assert.True(t, body.ended)

	broken := &openBody{conn: wire.NewConn(&script{reads: []string{"abc"}, end: errors.New("reset")})}
	_, _, err = drain(t, broken)
	assert.EqualError(t, err, "reset")
	assert.False(t, broken.ended)
}

func chunked(conn *wire.Conn, limit int) *chunkedBody {
	c := new(chunkedBody)
	c.begin(conn, limit)
	return c
}

func TestChunkedBody(t *testing.T) {
	for wireForm, content := range map[string]string{
		"0\r\n\r\n":                                           "",
		"5\r\nhello\r\n0\r\n\r\n":                             "hello",
		"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n":              "hello world",
		"00000005\r\nhello\r\n000\r\n\r\n":                    "hello",
		"A;name=value;q=\"a b\"\r\n0123456789\r\n0;x\r\n\r\n": "0123456789",
		"a;\r\n0123456789\r\n0\r\n\r\n":                       "0123456789",
		"1\r\n\n\r\n0\r\n\r\n":                                "\n",
		"2\r\n\r\n\r\n0\r\n\r\n":                              "\r\n",
		"3\r\nabc\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n":           "abc",
	} {
		for _, step := range []int{1, 2, 3, 7, len(wireForm)} {
			var reads []string
			for rest := wireForm + "NEXT"; rest != ""; {
				n := min(step, len(rest))
				reads, rest = append(reads, rest[:n]), rest[n:]
			}
			conn := wire.NewConn(&script{reads: reads, wake: true})
			all, got, err := drain(t, chunked(conn, 1<<10))
			require.NoError(t, err, "%q", wireForm)
			assert.Equal(t, wireForm, string(all))
			assert.Equal(t, content, string(got))
			assert.True(t, strings.HasPrefix("NEXT", string(conn.Buffered())), "nothing behind the body is taken")
		}
	}
}

func TestChunkedFaults(t *testing.T) {
	for wireForm, want := range map[string]int{
		"\r\n":                                    400,
		"g\r\n":                                   400,
		"5 \r\nhello\r\n0\r\n\r\n":                400,
		" 5\r\nhello\r\n0\r\n\r\n":                400,
		"5 ;x\r\nhello\r\n0\r\n\r\n":              400,
		"5\t\r\nhello\r\n0\r\n\r\n":               400,
		"0x5\r\nhello\r\n0\r\n\r\n":               400,
		"+5\r\nhello\r\n0\r\n\r\n":                400,
		"-5\r\nhello\r\n0\r\n\r\n":                400,
		"5,5\r\nhello\r\n0\r\n\r\n":               400,
		"5\nhello\r\n0\r\n\r\n":                   400,
		"5\rhello\r\n0\r\n\r\n":                   400,
		"5\r\r\nhello\r\n0\r\n\r\n":               400,
		"5;a\rb\r\nhello\r\n0\r\n\r\n":            400,
		"5;a\x00b\r\nhello\r\n0\r\n\r\n":          400,
		"5;a\nb\r\nhello\r\n0\r\n\r\n":            400,
		"5\r\nhelloX\r\n0\r\n\r\n":                400,
		"5\r\nhello\n0\r\n\r\n":                   400,
		"5\r\nhello0\r\n\r\n":                     400,
		"5\r\nhell\r\n0\r\n\r\n":                  400,
		"00000000000000005\r\nhello\r\n0\r\n\r\n": 400,
		"FFFFFFFFFFFFFFFF\r\n":                    413,
		"7FFFFFFFFFFFFFFF\r\n":                    413,
		"0\r\nX : y\r\n\r\n":                      400,
		"0\r\nX: y\n\r\n":                         400,
		"0\r\n X: y\r\n\r\n":                      400,
		"0\r\nno colon\r\n\r\n":                   400,
		"0\r\nContent-Length: 5\r\n\r\n":          400,
		"0\r\ntransfer-encoding: x\r\n\r\n":       400,
		"0\r\nHost: x\r\n\r\n":                    400,
		"0\r\n\n":                                 400,
		"5;" + strings.Repeat("x", maxChunkLine) + "\r\nhello\r\n0\r\n\r\n":          413,
		"0\r\nX: " + strings.Repeat("y", 1<<10) + "\r\n\r\n":                         431,
		strings.Repeat("1;"+strings.Repeat("x", 2000)+"\r\na\r\n", 20) + "0\r\n\r\n": 413,
	} {
		for _, step := range []int{1, 4096} {
			conn := wire.NewConn(&script{reads: inSteps(wireForm, step)})
			body := chunked(conn, 1<<10)
			_, _, err := drain(t, body)
			assert.Equal(t, want, status(t, err), "%.60q", wireForm)
			assert.Equal(t, err, body.err)
		}
	}
}

func inSteps(text string, step int) (reads []string) {
	for text != "" {
		n := min(step, len(text))
		reads, text = append(reads, text[:n]), text[n:]
	}
	return reads
}

func TestChunkedCut(t *testing.T) {
	const whole = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n"
	for n := range len(whole) {
		_, _, err := drain(t, chunked(wire.NewConn(&script{reads: inSteps(whole[:n], 4)}), 1<<10))
		assert.Equal(t, io.ErrUnexpectedEOF, err, "cut at %d", n)
	}
}

// Honest bodies of any cut into chunks and reads come through as they are, and
// Buffered never lies.
func TestChunkedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var wireForm, content bytes.Buffer
		for range rapid.IntRange(0, 5).Draw(t, "chunks") {
			data := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "data")
			fmt.Fprintf(&wireForm, "%x%s\r\n%s\r\n", len(data), rapid.SampledFrom([]string{"", ";a=b"}).Draw(t, "ext"), data)
			content.Write(data)
		}
		wireForm.WriteString("0\r\n\r\n")
		src := &script{reads: inSteps(wireForm.String(), rapid.IntRange(1, 50).Draw(t, "read"))}
		body := chunked(wire.NewConn(src), 1<<10)
		var all, got []byte
		for {
			buffered, before := body.Buffered(), len(strings.Join(src.reads, ""))
			b, isContent, err := body.Next()
			if buffered {
				require.Equal(t, before, len(strings.Join(src.reads, "")), "it said that it would not read")
			}
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			all = append(all, b...)
			if isContent {
				got = append(got, b...)
			}
		}
		require.Equal(t, wireForm.Bytes(), all)
		require.Equal(t, content.String(), string(got))
	})
}

// goChunked is the standard library's reader of chunked bodies, as an opponent.
func goChunked(b []byte) io.Reader { return httputil.NewChunkedReader(bytes.NewReader(b)) }
