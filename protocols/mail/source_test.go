package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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

func checkLines(t require.TestingT, text string, flat, cr bool) {
	m := &Message{work: math.MaxInt64}
	src := m.source(strings.NewReader(text), nil, int64(len(text)))
	if flat {
		src.flat = []byte(text)
	}
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
					checkLines(t, text, false, cr)
					checkLines(t, text, true, cr)
				}
			}
		}
	}
}

func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"\r", "\n", "a", "\r\n"})).Draw(t, "text"), "")
		checkLines(t, text, rapid.Bool().Draw(t, "flat"), rapid.Bool().Draw(t, "cr"))
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
		assert.Equal(t, want, params([]byte(in)), "%q", in)
	}
	assert.Len(t, params([]byte("x/y"+strings.Repeat("; a=b", 500))), maxParams)
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
func delimiters(text string, flat, skip bool) (list [][2]int64, bareCR bool) {
	m := &Message{work: math.MaxInt64}
	src := m.source(strings.NewReader(text), nil, int64(len(text)))
	if flat {
		src.flat = []byte(text)
	}
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
		want, bareCR := delimiters(text, true, false)
		for _, flat := range []bool{true, false} {
			got, gotCR := delimiters(text, flat, true)
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
