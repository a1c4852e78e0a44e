package mail

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// scraped is what is found in text that lies in pieces, with or without passing over
// prose.
func scraped(text string, piece int64, what scrapeFor, skip bool) scraper {
	m := &Message{work: math.MaxInt64}
	src := sourceIn(m, text, piece)
	lines := src.lines(Span{0, src.size}, false)
	defer lines.close()
	var s scraper
	var l line
	for {
		if skip {
			s.skip(&lines, what)
		}
		if !lines.read(&l) {
			break
		}
		s.line(&l, what)
	}
	s.closeRun()
	s.run, s.proseTo = Span{}, 0 // of no meaning any more
	return s
}

// TestProseHidesNothing: passing over prose finds what looking at each line finds,
// whatever the text and however it lies in memory.
func TestProseHidesNothing(t *testing.T) {
	check := func(t require.TestingT, text string) {
		for _, what := range []scrapeFor{scrapeBlocks, scrapeAll} {
			want := scraped(text, inOne, what, false)
			for _, piece := range []int64{inOne, unseen, 100, 5000, chunkSize} {
				require.Equal(t, want, scraped(text, piece, what, true), "%d", piece)
			}
		}
	}
	words := "some words as people write them to each other, and more of them\r\n"
	check(t, strings.Repeat(words, 3000)+strings.Repeat("QUJD", 15)+"\r\n"+strings.Repeat(words, 3000)+"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n"+words)
	for size := int(chunkSize) - 8; size < int(chunkSize)+8; size++ {
		pad := strings.Repeat("a b ", size/4) + strings.Repeat("c", size%4)
		for _, next := range []string{"\nbegin 644 x\n", "\n=ybegin line=1 name=x\n", "\n" + strings.Repeat("QUJD\n", 20), "\na=3Db\n"} {
			check(t, pad+next+words)
		}
	}
	piece := rapid.SampledFrom([]string{"\n", "\r\n", "\r", " ", "\t", "=", "==", "=3D", "a b", "word", " words and words ", "QUJDRA", strings.Repeat("QUJD", 15),
		strings.Repeat("a ", 40), "begin 644 x\n", "\nbegin", "begin", "end\n", "====\n", "begin-base64 644 y\n", "=ybegin line=128 name=z\n", "=yend\n", "=ypart begin=1\n", ".", "\x00"})
	rapid.Check(t, func(t *rapid.T) {
		check(t, strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), ""))
	})
}
