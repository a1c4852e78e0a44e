package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokenize(t *testing.T) {
	for _, c := range []struct {
		line string
		want []Word
	}{
		{"", nil},
		{"  \t ", nil},
		{"# a comment 'with an open quote", nil},
		{"  # an indented comment", nil},
		{"set a", []Word{{Text: "set"}, {Text: "a", Column: 4}}},
		{"set a # b", []Word{{Text: "set"}, {Text: "a", Column: 4}, {Text: "#", Column: 6}, {Text: "b", Column: 8}}},
		{"  set\ta\r\n", []Word{{Text: "set", Column: 2}, {Text: "a", Column: 6}}},
		{`set a "b c"`, []Word{{Text: "set"}, {Text: "a", Column: 4}, {Text: "b c", Quoted: true, Column: 6}}},
		{`"a\"b\\c\d"`, []Word{{Text: `a"b\cd`, Quoted: true}}},
		{`'a\"b'`, []Word{{Text: `a\"b`, Quoted: true}}},
		{`'a"b' "c'd"`, []Word{{Text: `a"b`, Quoted: true}, {Text: "c'd", Quoted: true, Column: 6}}},
		{`a"b c"'d e'f`, []Word{{Text: "ab cd ef", Quoted: true}}},
		{`a\ b \"c\"`, []Word{{Text: "a b"}, {Text: `"c"`, Column: 5}}},
		{`a\é`, []Word{{Text: "aé"}}},
		{`""`, []Word{{Quoted: true}}},
		{`a\`, []Word{{Text: `a\`}}},
		{"\"a\nb\" c", []Word{{Text: "a\nb", Quoted: true}, {Text: "c", Column: 6}}},
		{"\"a\\\nb\"", []Word{{Text: "a\nb", Quoted: true}}},
	} {
		got, err := Tokenize(c.line)
		require.NoError(t, err, c.line)
		assert.Equal(t, c.want, got, "%q", c.line)
	}
	for _, open := range []string{`"`, `'`, `set a "b`, `set a 'b\'c"`, `"a\"`, "\"a\n", `"a\`} {
		_, err := Tokenize(open)
		assert.ErrorIs(t, err, ErrOpenQuote, "%q", open)
	}
	_, err := Tokenize("set a " + strings.Repeat("x", maxLine))
	assert.ErrorContains(t, err, "line is longer than 1048576 bytes")
}

// FuzzTokenize checks that quoting and reading back give the same words, for the
// text itself and for whatever words it has.
func FuzzTokenize(f *testing.F) {
	for _, s := range []string{"", "set a \"b c\"", `'a\' "b\"" \`, "a\\\nb", "\"x\ny\" 'z", "\x00é\xff\\\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := Tokenize(quote(text))
		if len(text) < maxLine/2 {
			require.NoError(t, err)
			require.Equal(t, []Word{{Text: text, Quoted: true}}, words)
		}
		words, err = Tokenize(text)
		if err != nil {
			return
		}
		var again []string
		for _, w := range words {
			require.Less(t, w.Column, len(text))
			again = append(again, quote(w.Text))
		}
		back, err := Tokenize(strings.Join(again, " "))
		require.NoError(t, err)
		require.Len(t, back, len(words))
		for i := range back {
			assert.Equal(t, words[i].Text, back[i].Text)
		}
	})
}
