package match

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// naive is every occurrence of every pattern, found the plain way.
func naive(patterns [][]byte, content []byte) []Hit {
	var hits []Hit
	for i, p := range patterns {
		for at := 0; at+len(p) <= len(content); at++ {
			if bytes.Equal(content[at:at+len(p)], p) {
				hits = append(hits, Hit{i, int64(at)})
			}
		}
	}
	return sorted(hits)
}

func sorted(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		if a.Pattern != b.Pattern {
			return a.Pattern - b.Pattern
		}
		return int(a.Start - b.Start)
	})
	return hits
}

// inPieces feeds content cut after the sizes in cuts, the rest in one piece.
func inPieces(s *Set, content []byte, cuts []int) []Hit {
	var st Stream
	st.Reset(s)
	var hits []Hit
	collect := func(h Hit) bool { hits = append(hits, h); return true }
	for _, n := range cuts {
		n = min(n, len(content))
		st.Feed(content[:n], collect)
		content = content[n:]
	}
	st.Feed(content, collect)
	return sorted(hits)
}

func literals(list [][]byte) (patterns []Pattern) {
	for _, b := range list {
		patterns = append(patterns, Pattern{Bytes: b})
	}
	return patterns
}

func mustNew(t require.TestingT, patterns [][]byte) *Set {
	s, err := New(literals(patterns))
	require.NoError(t, err)
	return s
}

// eachWay runs a test by nibbles, where this processor can, and without them.
func eachWay(t *testing.T, test func(t *testing.T)) {
	for _, way := range []bool{hasNibbles, false} {
		t.Run(fmt.Sprintf("nibbles %v", way), func(t *testing.T) {
			defer func(had bool) { hasNibbles = had }(hasNibbles)
			hasNibbles = way
			test(t)
		})
	}
}

func TestStreamEqualsNaiveSearch(t *testing.T) { eachWay(t, testStreamEqualsNaiveSearch) }

func testStreamEqualsNaiveSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Two letters and zero: many overlaps, and all kinds of search.
		letters := rapid.SampledFrom([]byte{'a', '^', 0})
		shortest := rapid.SampledFrom([]int{MinLen, minLeap, 2 * maxLeap}).Draw(t, "shortest")
		patterns := rapid.SliceOfN(rapid.SliceOfN(letters, shortest, shortest+3), 1, 3*fewPatterns).Draw(t, "patterns")
		content := rapid.SliceOfN(letters, 0, 200).Draw(t, "content")
		for _, p := range patterns { // the long ones are not there by chance
			at := rapid.IntRange(0, len(content)).Draw(t, "at")
			content = slices.Insert(content, at, p[:rapid.IntRange(0, len(p)).Draw(t, "part")]...)
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 40).Draw(t, "cuts")
		got := inPieces(mustNew(t, patterns), content, cuts)
		if want := naive(patterns, content); !slices.Equal(want, got) {
			t.Fatalf("want %v\ngot  %v", want, got)
		}
	})
}

// TestWildcards compares patterns with wildcards with a search byte by byte.
func TestWildcards(t *testing.T) { eachWay(t, testWildcards) }

func testWildcards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]byte{'a', '^', 0})
		var patterns []Pattern
		literal := rapid.SampledFrom([]int{MinLen, minLeap}).Draw(t, "literal")
		for range rapid.IntRange(1, 3*fewPatterns).Draw(t, "patterns") {
			p := Pattern{Bytes: rapid.SliceOfN(letters, literal, literal+8).Draw(t, "bytes")}
			p.Any = make([]bool, len(p.Bytes))
			core := rapid.IntRange(0, len(p.Bytes)-literal).Draw(t, "core")
			for i := range p.Any {
				p.Any[i] = (i < core || i >= core+literal) && rapid.Bool().Draw(t, "any")
			}
			patterns = append(patterns, p)
		}
		s, err := New(patterns)
		require.NoError(t, err)
		content := rapid.SliceOfN(letters, 0, 200).Draw(t, "content")
		cuts := rapid.SliceOfN(rapid.IntRange(0, 20), 0, 40).Draw(t, "cuts")
		var want []Hit
		for i, p := range patterns {
			for at := 0; at+len(p.Bytes) <= len(content); at++ {
				if fits(p, content[at:]) {
					want = append(want, Hit{i, int64(at)})
				}
			}
		}
		if got := inPieces(s, content, cuts); !slices.Equal(sorted(want), got) {
			t.Fatalf("want %v\ngot  %v", want, got)
		}
	})
}

func fits(p Pattern, content []byte) bool {
	for i, b := range p.Bytes {
		if content[i] != b && !p.Any[i] {
			return false
		}
	}
	return true
}

// TestEachPlace has a pattern at every place of contents of every length around one
// and two blocks, among bytes that are much like it.
func TestEachPlace(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		patterns := [][]byte{[]byte("needle"), []byte("PK\x03\x04"), []byte("needful")}
		testEachPlace(t, patterns)
		for i := range fewPatterns {
			patterns = append(patterns, fmt.Appendf(nil, "needed by %03d", i))
		}
		testEachPlace(t, patterns)
	})
}

func testEachPlace(t *testing.T, patterns [][]byte) {
	s := mustNew(t, patterns)
	for size := range 2*blockSize + 10 {
		content := bytes.Repeat([]byte("nee"), size/3+1)[:size]
		for at := range size {
			for i, p := range patterns {
				if at+len(p) > size {
					continue
				}
				with := bytes.Clone(content)
				copy(with[at:], p)
				var hits []Hit
				s.Each(with, func(h Hit) bool { hits = append(hits, h); return true })
				require.Equal(t, []Hit{{i, int64(at)}}, hits, "%q", with)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("needle"), []byte("haystack with a needle in it"), uint8(3))
	f.Add([]byte("aaaa"), []byte("aaaaaaaaa"), uint8(1))
	f.Add([]byte("PK\x03\x04"), []byte("..PK\x03\x04PK\x03\x04"), uint8(200))
	f.Fuzz(func(t *testing.T, pattern, content []byte, cut uint8) {
		if len(pattern) < MinLen || len(pattern) > MaxLen || len(content) > 1<<14 {
			return
		}
		few := [][]byte{pattern}
		many := [][]byte{pattern}
		for i := range fewPatterns {
			many = append(many, fmt.Appendf(nil, "other%03d", i), pattern, append(pattern[:len(pattern):len(pattern)], "and more"...))
		}
		cuts := make([]int, min(len(content), 1000))
		for i := range cuts {
			cuts[i] = int(cut)
		}
		assert.Equal(t, naive(few, content), inPieces(mustNew(t, few), content, cuts))
		assert.Equal(t, naive(many, content), inPieces(mustNew(t, many), content, cuts))
	})
}

func TestNewRefusesLengths(t *testing.T) {
	for _, n := range []int{0, MinLen - 1, MaxLen + 1} {
		_, err := New([]Pattern{{Bytes: make([]byte, n)}})
		assert.ErrorContains(t, err, fmt.Sprintf("pattern 0 has %d bytes", n))
	}
	_, err := New([]Pattern{{Bytes: make([]byte, MaxLen)}})
	assert.NoError(t, err)
	_, err = New([]Pattern{{Bytes: make([]byte, 7), Any: []bool{3: true, 6: false}}})
	assert.ErrorContains(t, err, "no 4 bytes in a row")
	_, err = New([]Pattern{{Bytes: make([]byte, 5), Any: []bool{0: true, 4: false}}})
	assert.NoError(t, err)
}

func TestVisitStopsTheSearch(t *testing.T) {
	s := mustNew(t, [][]byte{[]byte("abcd")})
	calls := 0
	stop := func(Hit) bool { calls++; return false }
	assert.False(t, s.Each([]byte("abcdabcd"), stop))
	assert.Equal(t, 1, calls)
	var st Stream
	st.Reset(s)
	assert.True(t, st.Feed([]byte("ab"), stop))
	assert.False(t, st.Feed([]byte("cdabcd"), stop))
	assert.Equal(t, 2, calls)
}

func TestStreamIsReusable(t *testing.T) {
	s := mustNew(t, [][]byte{[]byte("abcd")})
	var st Stream
	st.Reset(s)
	st.Feed([]byte("xxab"), func(Hit) bool { return true })
	st.Reset(s)
	st.Feed([]byte("cd"), func(Hit) bool { t.Error("found in two contents"); return true })
	assert.EqualValues(t, 2, st.Offset())
}

func text(n int) []byte {
	const words = "the quick brown fox, jumps over <a href=\"x\">the lazy dog</a> {a: [1, 2]} PUT X5 \r\n"
	return bytes.Repeat([]byte(words), n/len(words)+1)[:n]
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func BenchmarkEach(b *testing.B) {
	one := [][]byte{[]byte("a plain name (P^)7, rare in the middle")}
	two := append(one[:1:1], []byte("PK\x03\x04"))
	r := rand.New(rand.NewPCG(3, 4))
	var thousand [][]byte
	for range 10_000 {
		p := make([]byte, 24+r.IntN(60))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		thousand = append(thousand, p)
	}
	four := append(two[:2:2], []byte("utmsim test worm !@"), []byte("#~utmsim suspicious~#"))
	for _, c := range []struct {
		name     string
		patterns [][]byte
	}{{"1", one}, {"2", two}, {"4", four}, {"1000", thousand[:1000]}, {"10000", thousand}} {
		for _, h := range []struct {
			name string
			data []byte
		}{{"text", text(1 << 20)}, {"noise", noise(1 << 20)}} {
			b.Run(c.name+"/"+h.name, func(b *testing.B) {
				s := mustNew(b, c.patterns)
				b.SetBytes(1 << 20)
				b.ReportAllocs()
				for b.Loop() {
					s.Each(h.data, func(Hit) bool { return true })
				}
			})
		}
	}
}
