package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/scanner"
)

// naiveLines cuts text into lines, each with what ends it.
func naiveLines(text string, cr bool) (list []string) {
	for text != "" {
		n := strings.IndexByte(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		if i := strings.IndexByte(text[:n], '\r'); cr && i >= 0 {
			if n = i + 1; n < len(text) && text[n] == '\n' {
				n++
			}
		}
		list, text = append(list, text[:n]), text[n:]
	}
	return list
}

// How the text of a source lies: in one piece, where it can only be read, or in
// pieces of a size that can be looked at.
const (
	inOne  = -1
	unseen = 0
)

// pieced is text that lies in pieces.
type pieced struct {
	*strings.Reader
	text  string
	piece int64
}

func (p pieced) View(off int64) []byte {
	end := min(int64(len(p.text)), (off/p.piece+1)*p.piece)
	return []byte(p.text[off:end])
}

func sourceIn(m *Message, text string, piece int64) source {
	switch piece {
	case inOne:
		return m.source(strings.NewReader(text), []byte(text), int64(len(text)))
	case unseen:
		return m.source(strings.NewReader(text), nil, int64(len(text)))
	}
	return m.source(pieced{strings.NewReader(text), text, piece}, nil, int64(len(text)))
}

func checkLines(t require.TestingT, text string, piece int64, cr bool) {
	m := &Message{work: math.MaxInt64}
	src := sourceIn(m, text, piece)
	lines := src.lines(Span{0, src.size}, cr)
	defer lines.close()
	var l line
	var at int64
	for _, want := range naiveLines(text, cr) {
		require.True(t, lines.read(&l))
		require.Equal(t, at, l.start)
		require.Equal(t, at+int64(len(want)), l.next)
		end := strings.TrimSuffix(want, "\n")
		if strings.HasSuffix(want, "\n") || cr {
			end = strings.TrimSuffix(end, "\r")
		}
		require.Equal(t, at+int64(len(end)), l.end)
		require.Equal(t, end[:min(len(end), maxLine)], string(l.b))
		at = l.next
	}
	require.False(t, lines.read(&l))
	require.NoError(t, m.err)
	bare := strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\r")
	if bare && !cr && !strings.HasSuffix(text, "\r") {
		require.True(t, lines.bareCR)
	}
	if !bare {
		require.False(t, lines.bareCR)
	}
}

func TestLinesAtTheEdgeOfTheWindow(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r", "\r\r\n", "\n\r", ""} {
		for size := int(chunkSize) - 3; size < int(chunkSize)+3; size++ {
			for _, head := range []string{"", "x\r\n", strings.Repeat("y", maxLine+5) + "\n"} {
				text := head + strings.Repeat("a", size) + end + "b" + end + strings.Repeat("c", 3*int(chunkSize)) + end
				for _, cr := range []bool{true, false} {
					for _, piece := range []int64{inOne, unseen, chunkSize, 5000} {
						checkLines(t, text, piece, cr)
					}
				}
			}
		}
	}
}

func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"\r", "\n", "a", "\r\n"})).Draw(t, "text"), "")
		checkLines(t, text, rapid.SampledFrom([]int64{inOne, unseen, 100, 5000, chunkSize}).Draw(t, "piece"), rapid.Bool().Draw(t, "cr"))
	})
}

func TestArena(t *testing.T) {
	a := arena{limit: 3*chunkSize + 10}
	text := bytes.Repeat([]byte("0123456789abcdef"), int(chunkSize)/4)
	a.write(text[:100])
	a.write(text[100:])
	assert.True(t, a.full)
	assert.Equal(t, a.limit, a.n)
	got := make([]byte, 200)
	n, err := a.ReadAt(got, chunkSize-100)
	require.NoError(t, err)
	assert.Equal(t, string(text[chunkSize-100:chunkSize+100]), string(got[:n]))
	_, err = a.ReadAt(got, a.n-1)
	require.Error(t, err)
	assert.Nil(t, a.flat(Span{chunkSize - 1, chunkSize + 1}))
	assert.Nil(t, a.flat(Span{chunkSize, chunkSize}))
	assert.Equal(t, "f", string(a.flat(Span{chunkSize - 1, chunkSize})))
	a.release()
	assert.Zero(t, a.n)
}

func TestParams(t *testing.T) {
	for in, want := range map[string][]param{
		``:                                nil,
		`text/plain`:                      nil,
		`x/y; a=b`:                        {{name: "a", value: "b"}},
		`a=b; c=d`:                        {{name: "a", value: "b"}, {name: "c", value: "d"}},
		`x/y; A = "b;c" ;d="e`:            {{name: "a", value: "b;c"}, {name: "d", value: "e"}},
		`x/y;;;=;q;a=b c; d=e`:            {{name: "", value: ""}, {name: "a", value: "b c", word: "b"}, {name: "d", value: "e"}},
		`x/y a=b`:                         {{name: "a", value: "b"}},
		`x/y; a`:                          nil,
		`x/y; ` + strings.Repeat("a ", 9): nil,
	} {
		assert.Equal(t, want, params(nil, []byte(in)), "%q", in)
	}
	assert.Len(t, params(nil, []byte("x/y"+strings.Repeat("; a=b", 500))), maxParams)
}

func TestWithoutComments(t *testing.T) {
	for in, want := range map[string]string{
		`a (b) c`: `a  c`, `a (b (c) d) e`: `a  e`, `"(a)" (b)`: `"(a)" `, `a (b`: `a (b`, `a (b\) c) d`: `a  d`, `\(a)`: `\(a)`, `a) b`: `a) b`,
	} {
		assert.Equal(t, want, string(withoutComments([]byte(in))), "%q", in)
	}
}

// TestBase64InPieces: pieces that end in padding anywhere, of any length, come out
// as if each had been decoded alone.
func TestBase64InPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text, want []byte
		for range rapid.IntRange(1, 6).Draw(t, "pieces") {
			piece := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, rapid.IntRange(0, 4000).Draw(t, "length"))
			want = append(want, piece...)
			text = base64.StdEncoding.AppendEncode(text, piece)
			if len(piece)%3 != 0 {
				text = append(text, "\r\n"...)
			}
		}
		a := arena{limit: 1 << 20}
		defer a.release()
		d := base64Decoder{out: &a}
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		d.write(text[:cut])
		d.write(text[cut:])
		d.end()
		got := make([]byte, a.n)
		_, err := a.ReadAt(got, 0)
		require.True(t, err == nil || err == io.EOF)
		require.Equal(t, string(want), string(got))
	})
}

// delimiters are the lines that begin with two hyphens, and where the text before
// each ends; bareCR is what the lines say in the end.
func delimiters(text string, piece int64, skip bool) (list [][2]int64, bareCR bool) {
	m := &Message{work: math.MaxInt64}
	src := sourceIn(m, text, piece)
	lines := src.lines(Span{0, src.size}, false)
	defer lines.close()
	var l line
	var before int64
	for {
		if skip {
			before = lines.skipTo(delimiterMark, before)
		}
		if !lines.read(&l) {
			return list, lines.bareCR
		}
		if strings.HasPrefix(string(l.b), "--") {
			list = append(list, [2]int64{l.start, before})
		}
		before = l.end
	}
}

func TestSkipToSeesEveryDelimiter(t *testing.T) {
	check := func(t require.TestingT, text string) {
		want, bareCR := delimiters(text, inOne, false)
		for _, piece := range []int64{inOne, unseen, 100, 5000, chunkSize} {
			got, gotCR := delimiters(text, piece, true)
			require.Equal(t, want, got)
			require.Equal(t, bareCR, gotCR)
		}
	}
	for size := int(chunkSize) - 8; size < int(chunkSize)+8; size++ {
		check(t, strings.Repeat("a", size)+"\r\n--b\r\n"+strings.Repeat("c", int(chunkSize))+"\n--d")
	}
	piece := rapid.SampledFrom([]string{"\n", "\r\n", "\r", "-", "--", "a", strings.Repeat("x", int(chunkSize)-2)})
	rapid.Check(t, func(t *rapid.T) {
		check(t, strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), ""))
	})
}

func TestSectionReadsAndShowsItsStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat("0123456789abcdef", 1000)
		piece := rapid.SampledFrom([]int64{unseen, 100, 5000, chunkSize}).Draw(t, "piece")
		m := &Message{work: math.MaxInt64}
		from := rapid.Int64Range(0, int64(len(text))).Draw(t, "from")
		to := rapid.Int64Range(from, int64(len(text))).Draw(t, "to")
		o := sourceIn(m, text, piece).object(Span{from, to})
		require.NoError(t, iotest.TestReader(io.NewSectionReader(o.Body, 0, o.Size), []byte(text[from:to])))
		beyond := make([]byte, o.Size+1)
		n, err := o.Body.ReadAt(beyond, 0)
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, text[from:to], string(beyond[:n]))
		var seen []byte
		sourceIn(m, text, piece).each(Span{from, to}, func(b []byte) { seen = append(seen, b...) })
		require.Equal(t, text[from:to], string(seen))
		for off := int64(0); off < o.Size; {
			b := scanner.Look(o.Body, off, o.Size)
			if b == nil {
				break // to be read instead
			}
			require.Equal(t, text[from+off:from+off+int64(len(b))], string(b))
			off += int64(len(b))
		}
	})
}
