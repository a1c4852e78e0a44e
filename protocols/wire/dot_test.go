package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols/wire"
)

// naive is what a dot body is, in the simplest words: it ends at the first
// CRLF.CRLF (the line end before the body counts), and a dot behind CRLF is
// taken off. ok is false when there is no end.
func naive(in string) (body, content string, ok bool) {
	in = "\r\n" + in
	i := strings.Index(in, "\r\n.\r\n")
	if i < 0 {
		return "", "", false
	}
	content = strings.ReplaceAll(in[:i+2], "\r\n.", "\r\n")
	return in[2 : i+5], content[2:], true
}

// naiveStrict says whether a dot stands beside half a line end somewhere before the
// end. A dot that begins a line is honest when something else than a line end
// follows.
func naiveStrict(in string) bool {
	in = "\r\n" + in
	for i := 2; i+1 < len(in); i++ {
		before, after := in[:i], in[i+1:]
		if in[i] != '.' || !strings.HasSuffix(before, "\r") && !strings.HasSuffix(before, "\n") {
			continue
		}
		atStart := strings.HasSuffix(before, "\r\n")
		switch {
		case atStart && strings.HasPrefix(after, "\r\n"):
			return false
		case atStart && after == "\r":
			return false // not to be told
		case !atStart, after[0] == '\r', after[0] == '\n':
			return true
		}
	}
	return false
}

func TestDotBody(t *testing.T) {
	for _, c := range []struct{ name, in, content, rest string }{
		{"empty", ".\r\n250 ok", "", "250 ok"},
		{"one line", "hello\r\n.\r\nQUIT\r\n", "hello\r\n", "QUIT\r\n"},
		{"stuffed", "..\r\n...x\r\n.\r\n", ".\r\n..x\r\n", ""},
		{"stuffed, not needed", ".x\r\n.\r\n", "x\r\n", ""},
		{"no line end before the last", "a.\r\n.\r\n", "a.\r\n", ""},
		{"bare LF ends nothing", "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", ""},
		{"bare CR ends nothing", "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", ""},
		{"LF dot CRLF", "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", ""},
		{"CR dot CRLF", "a\r.\r\nb\r\n.\r\n", "a\r.\r\nb\r\n", ""},
		{"CRLF dot CR", "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", ""},
		{"CRLF dot LF", "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", ""},
		{"CR CRLF dot CRLF", "a\r\r\n.\r\nb", "a\r\r\n", "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for step := 1; step <= len(c.in); step++ {
				conn, stream := fed(true, inSteps(c.in, step)...)
				body := wire.NewDotBody(conn, false)
				all, content, err := drain(t, body, stream.count)
				require.NoError(t, err)
				require.NoError(t, body.Err())
				assert.Equal(t, c.content, string(content))
				rest, err := io.ReadAll(&unwoken{conn})
				require.NoError(t, err)
				assert.Equal(t, c.rest, string(rest), "what follows stays")
				assert.Equal(t, c.in, string(all)+c.rest)
			}
		})
	}
}

// unwoken repeats interrupted reads.
type unwoken struct{ r io.Reader }

func (u *unwoken) Read(p []byte) (int, error) {
	for {
		n, err := u.r.Read(p)
		if !errors.Is(err, wire.ErrWake) {
			return n, err
		}
	}
}

func TestDotBodyCutShort(t *testing.T) {
	for _, in := range []string{"", "a", "a\r\n", "a\r\n.", "a\r\n.\r", ".", ".\r"} {
		conn, stream := fed(false, in)
		body := wire.NewDotBody(conn, true)
		_, _, err := drain(t, body, stream.count)
		assert.Equal(t, io.ErrUnexpectedEOF, err, "%q", in)
		assert.Equal(t, io.ErrUnexpectedEOF, body.Err())
	}
}

func TestStrictDotBodyRefusesForgedEnds(t *testing.T) {
	for sequence, found := range map[string]string{
		"\n.\n": "\n.\n", "\r.\r": "\r.\r", "\r\n.\r": "\r\n.\r", "\n.\r\n": "\n.\r", "\r\n.\n": "\r\n.\n",
		"\r.\r\n": "\r.\r", "\r.\n": "\r.\n", "\n.\r": "\n.\r", "\r\n.\r\r\n": "\r\n.\r", "\n\r.\r\n": "\r.\r",
		"\n\n.\r\n": "\n.\r", "\r\r.\n": "\r.\n", "\n.": "\n.", "\r.": "\r.", "\n..\n": "\n.", "\n..\r\n": "\n.", "\r..\r\n": "\r.",
	} {
		in := "a" + sequence + "MAIL FROM:<x>\r\n.\r\n"
		for step := 1; step <= len(in); step++ {
			conn, stream := fed(true, inSteps(in, step)...)
			body := wire.NewDotBody(conn, true)
			all, _, err := drain(t, body, stream.count)
			var forged *wire.DotError
			require.ErrorAs(t, err, &forged, "%q", sequence)
			assert.Equal(t, found, forged.Sequence)
			assert.Equal(t, err, body.Err())
			assert.NotContains(t, string(all), ".", "nothing of it was delivered")

			conn, stream = fed(true, inSteps(in, step)...)
			all, _, err = drain(t, wire.NewDotBody(conn, false), stream.count)
			require.NoError(t, err)
			assert.Equal(t, in, string(all), "the tolerant body passes it on")
		}
	}
}

func TestStrictDotBodyTakesHonestMail(t *testing.T) {
	in := "a. b.\r\n..\r\n. x\nbare\rlines\nx.\ry.\r\n.y\r\n.\r\n"
	conn, stream := fed(false, inSteps(in, 3)...)
	all, _, err := drain(t, wire.NewDotBody(conn, true), stream.count)
	require.NoError(t, err)
	assert.Equal(t, in, string(all))
}

// dotAlphabet makes the interesting sequences likely.
func dotAlphabet() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"\r", "\n", ".", "a", "\r\n", "\r\n."}), 0, 60).Draw(t, "in"), "")
	})
}

func TestDotBodyIsTheNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkDotBody(t, dotAlphabet().Draw(t, "in"), rapid.IntRange(1, 9).Draw(t, "step"))
	})
}

func checkDotBody(t require.TestingT, in string, step int) {
	want, wantContent, ok := naive(in)
	conn, stream := fed(true, inSteps(in, step)...)
	all, content, err := drain(t, wire.NewDotBody(conn, false), stream.count)
	if !ok {
		require.Equal(t, io.ErrUnexpectedEOF, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, want, string(all))
	require.Equal(t, wantContent, string(content))

	conn, stream = fed(true, inSteps(in, step)...)
	all, _, err = drain(t, wire.NewDotBody(conn, true), stream.count)
	if naiveStrict(want) {
		var forged *wire.DotError
		require.ErrorAs(t, err, &forged)
		require.True(t, strings.HasPrefix("\r\n"+in, "\r\n"+string(all)))
		return
	}
	require.NoError(t, err)
	require.Equal(t, want, string(all))
}

func FuzzDotBody(f *testing.F) {
	f.Add([]byte("hello\r\n..\r\n.\r\nrest"), 3)
	f.Add([]byte("a\n.\r\n\r\n.\r\r\n.\r\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		if step < 1 {
			return
		}
		checkDotBody(t, string(in), step)
	})
}

func TestDotWriterIsTheInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := dotAlphabet().Draw(t, "content")
		stream := &script{}
		conn := wire.NewConn(stream)
		w := wire.NewDotWriter(conn)
		for _, p := range inSteps(in, rapid.IntRange(1, 9).Draw(t, "step")) {
			n, err := w.Write([]byte(p))
			require.NoError(t, err)
			require.Equal(t, len(p), n)
		}
		require.NoError(t, w.Close())
		require.NoError(t, conn.Flush())
		back, counted := fed(false, string(stream.wrote), "REST")
		all, content, err := drain(t, wire.NewDotBody(back, false), counted.count)
		require.NoError(t, err)
		require.Equal(t, string(stream.wrote), string(all))
		if in != "" && !strings.HasSuffix(in, "\r\n") {
			in += "\r\n"
		}
		require.Equal(t, in, string(content))
	})
}

// endless is a stream that repeats a body.
type endless struct {
	script
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	if e.at += n; e.at == len(e.data) {
		e.at = 0
	}
	return n, nil
}

func BenchmarkDotBody(b *testing.B) {
	line := strings.Repeat("QUJD", 19) + "\r\n"
	text := "It is a fact. Sentences end with a dot. Some lines too.\r\n.. and some begin with one.\r\n"
	for _, c := range []struct {
		name, line string
		strict     bool
	}{
		{"base64", line, false}, {"base64-strict", line, true},
		{"text", text, false}, {"text-strict", text, true},
		{"dots", strings.Repeat("a.", 38) + "\r\n", true},
	} {
		b.Run(c.name, func(b *testing.B) {
			body := append(bytes.Repeat([]byte(c.line), 1<<20/len(c.line)), ".\r\n"...)
			conn := wire.NewConn(&endless{data: body})
			var dot wire.DotBody
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				dot.Reset(conn, c.strict)
				for {
					if _, _, err := dot.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
