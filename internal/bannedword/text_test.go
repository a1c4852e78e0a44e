package bannedword

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

func text(content, contentType string) string {
	return string(AppendText(nil, []byte(content), contentType))
}

func TestText(t *testing.T) {
	for _, c := range []struct{ content, kind, want string }{
		{" a \r\n\tb ", "text/plain", "a b"},
		{"<p>one</p><p>two</p>", "text/html", "one two"},
		{"b<b>a</b>d <i>word</i>s", "text/html; charset=utf-8", "bad words"},
		{"ba<!-- hidden -->d", "text/html", "bad"},
		{"ba<wbr>d&shy;ly", "text/html", "badly"},
		{"x<script>var evil</script><style>p{evil}</style>y", "text/html", "xy"},
		{"<td>a</td><td>b", "text/html", "a b"},
		{"a<br>b", "text/html", "a b"},
		{"&#98;&#x61;d &lt;p&gt; &eacute;", "text/html", "bad <p> é"},
		{`<img src="no" alt="a picture">`, "text/html", "a picture"},
		{`<meta name="keywords" content="word, list"><title>The title</title>`, "text/html", "word, list The title"},
		{`<input value="sent" placeholder="hint" name="no">`, "text/html", "sent hint"},
		{"<p>not html</p>", "text/plain", "<p>not html</p>"},
		{"<html><body>seen</body></html>", "", "seen"},
		{"plain", "", "plain"},
		{"<html>looks</html>", "application/octet-stream", "looks"},
		{"\x89PNG\r\n\x1a\n\x00\x00bad", "image/png", ""},
		{"\x7fELF\x02\x01\x00bad", "", ""},
		{"q=bad+word&x=%C3%A9t%C3%A9&y=100%", "application/x-www-form-urlencoded", "q bad word x été y 100%"},
		{`{"a":"bad"}`, "application/json", `{"a":"bad"}`},
		{`<rss><item>new <![CDATA[s]]></item></rss>`, "application/rss+xml", "new s"},
		{"<p>a<script/>b<style />c<script>hidden</script>d</p>", "application/xhtml+xml", "abcd"},
		{"<p>a<script/>hidden</script>b</p>", "text/html", "ab"},
		{"ca\u034fsi\ufe0fno\u3164 ca\x00si\x01\x7fno\u0081", "text/plain", "casino casino"},
		{"ca&#x200b;si&zwnj;no", "text/html", "casino"},
		{"a\vb\fc\u0085d", "text/plain", "a b c d"},
		{"", "text/html", ""},
		{"<p", "text/html", ""},
		{"\xff\xfeb\x00a\x00d\x00", "text/html", "bad"},
	} {
		assert.Equal(t, c.want, text(c.content, c.kind), "%q as %q", c.content, c.kind)
	}
}

func TestCharsets(t *testing.T) {
	cyrillic, err := charmap.KOI8R.NewEncoder().String("Казино")
	assert.NoError(t, err)
	assert.Equal(t, "Казино", text(cyrillic, "text/plain; charset=koi8-r"))
	assert.Equal(t, "Казино", text(`<meta charset="koi8-r">`+cyrillic, "text/html"))

	kanji, err := japanese.ShiftJIS.NewEncoder().String("日本語")
	assert.NoError(t, err)
	assert.Equal(t, "日本語", text(kanji, "text/html; charset=Shift_JIS"))

	wide, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String("été")
	assert.NoError(t, err)
	assert.Equal(t, "été", text(wide, "text/plain"))

	assert.Equal(t, "été", text("\xe9t\xe9", "text/plain"), "windows-1252 where nothing is said")
	late := "<p>" + strings.Repeat("plain ", 400) + "été"
	assert.Contains(t, text(late, "text/html"), "été", "UTF-8 that shows late")
}

func FuzzText(f *testing.F) {
	for _, kind := range []string{"text/html", "text/plain", "", "application/x-www-form-urlencoded", "text/html; charset=iso-2022-jp"} {
		f.Add([]byte("<p>b<b>a</b>d &amp; a=%41&b=\xff\xfe<script>"), kind)
		f.Add([]byte("\xfe\xff\x00a\x1b$B"), kind)
	}
	l := mustCompile(f, Pattern{Text: "b?d*", Score: 1}, Pattern{Kind: Regexp, Text: "/a+b/i", Score: 1})
	f.Fuzz(func(t *testing.T, content []byte, kind string) {
		got := AppendText(nil, content, kind)
		assert.True(t, utf8.Valid(got))
		assert.NotContains(t, string(got), "\n")
		j := l.Begin()
		defer j.End()
		assert.NoError(t, j.Add(t.Context(), Body, content, kind))
	})
}
