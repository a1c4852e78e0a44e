package console

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/internal/config"
)

// TestOpenQuoteIsTheLexers: what is still open is told line by line as by the lexer
// over the whole text.
func TestOpenQuoteIsTheLexers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o openLine
		var text strings.Builder
		open := false
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			line := rapid.StringOf(rapid.SampledFrom([]rune(`ab "'\|`))).Draw(t, "line")
			if !open { // a line that is complete does not come here
				line = `x "` + line
				o, text = openLine{}, strings.Builder{}
			}
			text.WriteString(line + "\n")
			_, err := config.Tokenize(text.String())
			require.Equal(t, errors.Is(err, config.ErrOpenQuote), o.add(line), "%q", text.String())
			open = err != nil
		}
	})
}

func TestManyLinesInAQuote(t *testing.T) {
	u := newUnit(t)
	lines := append([]string{"config antivirus profile", "edit default", `set comment "a'`}, strings.Split(strings.Repeat("'\n", 100), "\n")...)
	out, ok := u.exec(append(lines, `b"`, "next", "end")...)
	require.True(t, ok, out)
	assert.Equal(t, "a'\n"+strings.Repeat("'\n", 100)+"\nb", u.store.Snapshot().AVProfile("default").Comment)
	out, ok = u.exec(append(lines, strings.Split(strings.Repeat("'\n", 40_000), "\n")...)...)
	assert.False(t, ok)
	assert.Contains(t, out, "the line is longer than 65536 bytes and was not executed\n")
}
