package console

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/config"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern  string
		fits     []string
		misfits  []string
		foldFits string
	}{
		{"read", []string{"read", "thread"}, []string{"READ"}, "READ"},
		{"(read)", []string{"Error (read)"}, []string{"read"}, "(READ)"},
		{`\(re\)ad`, []string{"read"}, []string{"(re)ad"}, ""},
		{"a|b", []string{"a|b"}, []string{"a", "b"}, "A|B"},
		{`a\|b`, []string{"xa", "xb"}, []string{"c|d"}, "B"},
		{"a+b?", []string{"a+b?"}, []string{"aab", "ab"}, ""},
		{`ba\+$`, []string{"baa"}, []string{"b", "bab"}, ""},
		{`xy\?z`, []string{"xz", "xyz"}, []string{"xyyz"}, ""},
		{"*a", []string{"*a"}, []string{"a"}, ""},
		{`\(*a\)`, []string{"*a"}, []string{"a"}, ""},
		{"^*a", []string{"*a"}, []string{"x*a"}, ""},
		{"ba*", []string{"b", "baa"}, []string{"a"}, ""},
		{"a^b$c", []string{"a^b$c"}, []string{"abc"}, ""},
		{`^a\|b$`, []string{"ax", "xb"}, []string{"xax"}, ""},
		{`a\{2\}b`, []string{"aab"}, []string{"ab"}, ""},
		{"a{2}", []string{"a{2}"}, []string{"aa"}, ""},
		{"[0-9]:", []string{"7:"}, []string{":"}, ""},
		{"[]x]y", []string{"]y", "xy"}, []string{"y"}, ""},
		{"[^]x]y", []string{"ay"}, []string{"]y", "xy"}, ""},
		{`[\n]`, []string{`\`, "n"}, []string{"\n"}, ""},
		{"[[:digit:]a]b", []string{"3b", "ab"}, []string{":b"}, ""},
		{"[[x]b", []string{"[b", "xb"}, []string{"b"}, ""},
		{`1\.2`, []string{"1.2"}, []string{"112"}, ""},
		{`\<en`, []string{"set en"}, []string{"seten"}, ""},
		{`käse`, []string{"käse"}, nil, "KÄSE"},
		{`\ä`, []string{"ä"}, nil, ""},
		{"", []string{"", "x"}, nil, ""},
	} {
		re, err := compile(c.pattern, false)
		require.NoError(t, err, c.pattern)
		for _, s := range c.fits {
			assert.True(t, re.MatchString(s), "%q should find %q", c.pattern, s)
		}
		for _, s := range c.misfits {
			assert.False(t, re.MatchString(s), "%q should not find %q", c.pattern, s)
		}
		re, err = compile(c.pattern, true)
		require.NoError(t, err)
		assert.True(t, c.foldFits == "" || re.MatchString(c.foldFits), "%q should find %q", c.pattern, c.foldFits)
	}
	for _, bad := range []string{"[", "[]", "[a", "[[:digit:", `a\`, `\(a`, `a\)`, `\(a\)\1`, `a\{2000\}`, "[z-a]", "[[:nothing:]]"} {
		_, err := compile(bad, false)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "\n")
	}
}

func TestSplitPipe(t *testing.T) {
	for _, c := range []struct {
		line, command string
		filter        []string
	}{
		{"show | grep x", "show ", []string{"x"}},
		{"show|grep -i x", "show", []string{"-i", "x"}},
		{"show | grep", "show ", nil},
		{"show | grep x | grep y", "show ", []string{"x", "|", "grep", "y"}},
		{`set a "b | grep c"`, `set a "b | grep c"`, nil},
		{`set a 'b | grep c'`, `set a 'b | grep c'`, nil},
		{`set a "\"" | grep c`, `set a "\"" `, []string{"c"}},
		{`set a '\' | grep c`, `set a '\' `, []string{"c"}},
		{`set a b\| grep c`, `set a b\| grep c`, nil},
		{"set a b|c", "set a b|c", nil},
		{"set a b|c | grep d", "set a b|c ", []string{"d"}},
		{`show | "grep" x`, `show | "grep" x`, nil},
		{`show | grep "x`, `show | grep "x`, nil},
	} {
		command, filter, piped := splitPipe(c.line)
		assert.Equal(t, c.command, command, c.line)
		assert.Equal(t, command != c.line, piped, c.line)
		var words []string
		for _, w := range filter {
			words = append(words, w.Text)
		}
		assert.Equal(t, c.filter, words, c.line)
	}
}

func TestFilterOptions(t *testing.T) {
	text := "config a\n    set Kind x\nend\nkind y\n"
	for options, want := range map[string]string{
		"kind":            "kind y\n",
		"-i kind":         "    set Kind x\nkind y\n",
		"-v -i kind":      "config a\nend\n",
		"-ic kind":        "2\n",
		"-fi kind":        "config a\n    set Kind x <---\nend\nkind y <---\n",
		"-f -v -i kind":   "config a <---\n    set Kind x\nend <---\n",
		"nothing":         "",
		"-c nothing":      "0\n",
		`"-c"`:            "",
		"-ffff -f config": "config a <---\n    set Kind x\nend\n",
	} {
		words, err := config.Tokenize(options)
		require.NoError(t, err)
		f, err := parseFilter(words)
		require.NoError(t, err)
		assert.Equal(t, want, f.apply(text), options)
		assert.Equal(t, "", (&filter{pattern: f.pattern}).apply(""))
	}
}

func TestBlocksOfUnfinishedText(t *testing.T) {
	f := filter{objects: true}
	var err error
	f.pattern, err = compile("b", false)
	require.NoError(t, err)
	for _, text := range []string{"config\n", "config a\nedit b\n", "end\nnext\nb\n", "config a\nedit b\nend\n", "config a\nedit b\nnext\nconfig b\n"} {
		assert.Contains(t, f.apply(text+"b\n"), mark, text)
		assert.False(t, strings.Contains(f.apply(text), "\n\n"))
	}
}
