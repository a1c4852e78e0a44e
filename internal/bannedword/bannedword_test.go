package bannedword

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustCompile(t testing.TB, patterns ...Pattern) *List {
	t.Helper()
	l, err := Compile(patterns)
	require.NoError(t, err)
	return l
}

// judge is the result for one text.
func judge(t testing.TB, l *List, threshold int, text string) Result {
	t.Helper()
	j := l.Begin()
	defer j.End()
	require.NoError(t, j.AddText(t.Context(), Body, text))
	return j.Result(threshold)
}

func occursIn(t testing.TB, p Pattern, text string) bool {
	t.Helper()
	p.Score = 1
	return judge(t, mustCompile(t, p), 1, text).Detected
}

// The table of the appliance's documentation: what is counted for a sentence.
func TestDocumentedScores(t *testing.T) {
	const sentence = "The score for each word or phrase is counted only once, even if that word or phrase appears many times in the web page."
	for pattern, want := range map[string]int{
		`word`:             20,
		`word sentence`:    20,
		`"word sentence"`:  0,
		`"word or phrase"`: 20,
	} {
		l := mustCompile(t, Pattern{Text: pattern, Score: 20, AnyWord: true})
		assert.Equal(t, want, judge(t, l, 1, sentence).Score, pattern)
	}
	phrase := mustCompile(t, Pattern{Text: `word sentence`, Score: 20})
	assert.Equal(t, 0, judge(t, phrase, 1, sentence).Score, "without AnyWord a pattern is a phrase")
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		pattern string
		text    string
		want    bool
	}{
		{Wildcard, "forti*.com", "see fortinet.com", true},
		{Wildcard, "forti*.com", "see FortiGuard and example.com", true},
		{Wildcard, "forti*.com", "com. fortinet", false},
		{Wildcard, "b?d", "bad", true},
		{Wildcard, "b?d", "bd", false},
		{Wildcard, "b?d", "bäd", true},
		{Wildcard, "b??d", "b日d", false},
		{Wildcard, "?bad?", "bad", false},
		{Wildcard, "?bad?", "xbadx", true},
		{Wildcard, "a*?c", "ac", false},
		{Wildcard, "a*?c", "abc", true},
		{Wildcard, "WORD", "swordfish", true},
		{Wildcard, "straße", "STRASSE", false},
		{Wildcard, "ÄRGER", "ärger", true},
		{Wildcard, "казино", "КАЗИНО", true},
		{Wildcard, "two words", "two\r\n\t words", true},
		{Wildcard, "viagra", "via\u00adgra", true},
		{Wildcard, "viagra", "ｖｉａｇｒａ", true},
		{Wildcard, "日本", "東日本大", true},
		{Wildcard, `"exact phrase"`, "an exact  phrase", true},
		{Regexp, `bad`, "BAD", false},
		{Regexp, `bad`, "abadb", true},
		{Regexp, `/bad/`, "bad", true},
		{Regexp, `/bad language/i`, "BAD Language", true},
		{Regexp, `\btest\b`, "testimony", false},
		{Regexp, `\btest\b`, "a test.", true},
		{Regexp, `fort.*\.com`, "fortinet and x.com", true},
		{Regexp, `(alpha|beta)x{2,3}`, "betaxx", true},
		{Regexp, `/s/i`, "ſ", true},
		{Regexp, `^first`, "  first", true},
	} {
		assert.Equal(t, c.want, occursIn(t, Pattern{Kind: c.kind, Text: c.pattern}, c.text), "%q in %q", c.pattern, c.text)
	}
}

func TestWrongPatterns(t *testing.T) {
	for _, p := range []Pattern{
		{Text: ""}, {Text: "   "}, {Text: "***"}, {Text: "?"}, {Text: `""`}, {Text: "good *", AnyWord: true},
		{Kind: Regexp, Text: ""}, {Kind: Regexp, Text: "("}, {Kind: Regexp, Text: "a*"}, {Kind: Regexp, Text: "/bad/x"},
		{Kind: Regexp, Text: "//i"}, {Kind: Regexp, Text: `(?=ahead)`}, {Kind: Regexp, Text: `(a)\1`},
	} {
		_, err := Compile([]Pattern{{Text: "good"}, p})
		require.Error(t, err, "%q", p.Text)
		assert.Contains(t, err.Error(), fmt.Sprintf("%q", p.Text))
	}
}

func TestScoresAddUp(t *testing.T) {
	l := mustCompile(t,
		Pattern{Text: "casino", Score: 5}, Pattern{Text: "poker", Score: 4}, Pattern{Text: "/Bet\\b/", Kind: Regexp, Score: 3},
		Pattern{Text: "charity", Score: 50, Exempt: true}, Pattern{Text: "never", Score: 100})
	got := judge(t, l, 9, "casino casino POKER")
	assert.Equal(t, Result{Score: 9, Words: []string{"casino", "poker"}, Detected: true}, got)
	assert.False(t, judge(t, l, 10, "casino poker").Detected)
	assert.Equal(t, Result{Score: 12, Words: []string{"casino", "poker", "/Bet\\b/", "charity"}, Exempt: true}, judge(t, l, 9, "Bet: casino, poker, charity"))
	assert.Equal(t, Result{}, judge(t, l, 0, "harmless"), "a threshold of nothing needs a word all the same")
}

func TestPartsAndPlaces(t *testing.T) {
	l := mustCompile(t, Pattern{Text: "offer", Score: 5, Where: Subject}, Pattern{Text: "money", Score: 5, Where: Body}, Pattern{Text: "both", Score: 1})
	j := l.Begin()
	require.NoError(t, j.AddText(t.Context(), Subject, "money both"))
	require.NoError(t, j.AddText(t.Context(), Body, "offer both"))
	assert.Equal(t, Result{Score: 1, Words: []string{"both"}}, j.Result(2))
	require.NoError(t, j.Add(t.Context(), Body, []byte("<p>mo<b>ney</b>"), "text/html"))
	require.NoError(t, j.AddText(t.Context(), Subject, "Offer"))
	assert.Equal(t, 11, j.Result(2).Score)
	j.End()
	assert.Equal(t, Result{}, judge(t, l, 2, "nothing"), "the memory of a judgement forgets")
}

// With others around it a pattern occurs where it occurs alone.
func TestIndexOverlooksNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abAB ä?*"]{1,9}`)
		expr := rapid.StringMatching(`[abAB.]{1,6}(\|[ab]{3,6})?(\+|\{2\})?`)
		var list []Pattern
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			p := Pattern{Text: word.Draw(t, "word"), Score: 1, AnyWord: rapid.Bool().Draw(t, "any")}
			if rapid.Bool().Draw(t, "regexp") {
				p = Pattern{Kind: Regexp, Text: expr.Draw(t, "expr"), Score: 1}
			}
			if _, err := compile(p); err == nil {
				list = append(list, p)
			}
		}
		text := rapid.StringMatching(`[abABäÄ ]{0,60}`).Draw(t, "text")
		l, err := Compile(list)
		require.NoError(t, err)
		j := l.Begin()
		require.NoError(t, j.AddText(context.Background(), Body, text))
		plain := foldText(nil, []byte(text))
		for i := range l.patterns {
			want := len(plain) > 0 && l.patterns[i].in(context.Background(), plain, foldCase(nil, plain))
			assert.Equal(t, want, j.hit[i], "%q in %q", list[i].Text, text)
		}
	})
}

// A wildcard means what the regular expression means into which it can be written.
func TestWildcardIsItsExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[abä?*]{1,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[abäö]{0,20}`).Draw(t, "text")
		w := newWildcard(string(foldCase(nil, []byte(pattern))))
		if w == nil {
			return
		}
		expr := strings.NewReplacer("*", "(?s:.*)", "?", "(?s:.)").Replace(pattern)
		want := regexp.MustCompile("(?i:" + expr + ")").MatchString(text)
		assert.Equal(t, want, w.in(foldCase(nil, []byte(text))), "%q in %q", pattern, text)
	})
}

// An expression that is slow ends with its context.
func TestContextEndsAnExpression(t *testing.T) {
	l := mustCompile(t, Pattern{Kind: Regexp, Text: `(.{1,500}x){2}y`, Score: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	j := l.Begin()
	defer j.End()
	assert.ErrorIs(t, j.AddText(ctx, Body, strings.Repeat("abcdx", Limit/5)), context.DeadlineExceeded)
}

func TestReading(t *testing.T) {
	l := mustCompile(t, Pattern{Text: "needle", Score: 1})
	for _, n := range []int{0, readLeast - 6, readLeast, 100_000, Limit - 6, Limit - 5} {
		j := l.Begin()
		require.NoError(t, j.AddFrom(t.Context(), Body, iotest.HalfReader(strings.NewReader(strings.Repeat(".", n)+"needle")), "text/plain"))
		assert.Equal(t, n != Limit-5, j.Result(1).Detected, "behind %d bytes", n)
		assert.Equal(t, n == Limit-5, j.Result(1).Cut)
		j.End()
	}
	j := l.Begin()
	defer j.End()
	assert.ErrorIs(t, j.AddFrom(t.Context(), Body, iotest.ErrReader(io.ErrNoProgress), ""), io.ErrNoProgress)
}

func TestLimit(t *testing.T) {
	l := mustCompile(t, Pattern{Text: "needle", Score: 1})
	hay := strings.Repeat("hay ", Limit/4)
	assert.Equal(t, Result{Cut: true}, judge(t, l, 1, hay+"needle"))
	assert.True(t, judge(t, l, 1, hay[:len(hay)-8]+"needle").Detected)
}
