package replacemsg

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func full() *Values {
	return &Values{
		File: "a.com", Nameless: "The mail", Virus: "V", URL: "http://h/", Protocol: "http", Quarantined: "q", Source: "192.0.2.1", Dest: "192.0.2.2",
		Category: "games", Reason: "encrypted", Addresses: func() (string, string) { return "a@b.c", "d@e.f" },
	}
}

func TestVariables(t *testing.T) {
	for text, want := range map[string]string{
		"%%FILE%% %%VIRUS%% %%URL%% %%PROTOCOL%% %%QUARFILENAME%%": "a.com V http://h/ http q",
		"%%SOURCE_IP%% %%DEST_IP%% %%CATEGORY%% %%REASON%%":        "192.0.2.1 192.0.2.2 games encrypted",
		"%%EMAIL_FROM%%|%%EMAIL_TO%%":                              "a@b.c|d@e.f",
		"%%NOBODY%% 100%% %%file%% %%FILE":                         "%%NOBODY%% 100%% %%file%% %%FILE",
		"%%%FILE%%%":                                               "%a.com%",
		"50%%FILE%%":                                               "50a.com",
		"%%FILE%%FILE%%":                                           "a.comFILE%%",
		"%% %%FILE%%":                                              "%% a.com",
		"%%" + strings.Repeat("A", 100) + "%%VIRUS%%":              "%%" + strings.Repeat("A", 100) + "V",
		"":   "",
		"%":  "%",
		"%%": "%%",
	} {
		assert.Equal(t, want, RenderText(text, full()), text)
	}
	assert.Equal(t, "||", RenderText("%%EMAIL_FROM%%|%%FILE%%|%%VIRUS%%", new(Values)), "what isn't known is empty")
}

func TestNameless(t *testing.T) {
	for text, want := range map[string]string{
		`The file "%%FILE%%" is bad`:      "The mail is bad",
		`It failed: the file "%%FILE%%".`: "It failed: the mail.",
		`x he file "%%FILE%%"`:            `x he file ""`,
		`he file "%%FILE%%"`:              `he file ""`,
		`The file "%%FILE%%`:              `The file "`,
		`[%%FILE%%]`:                      `[]`,
	} {
		assert.Equal(t, want, RenderText(text, &Values{Nameless: "The mail"}), text)
	}
}

func TestValuesAreHarmless(t *testing.T) {
	evil := &Values{File: "a\r\n250 ok\x00\x1b[2J\u202egpj.\"exe'\xff<script>&\u2028", Virus: "%%URL%%", URL: "http://x"}
	assert.Equal(t, "[a??250 ok??[2J?gpj.\"exe'?<script>&?]", RenderText("[%%FILE%%]", evil))
	assert.Equal(t, "[a??250 ok??[2J?gpj.&#34;exe&#39;?&lt;script&gt;&amp;?]", RenderHTML("[%%FILE%%]", evil))
	assert.Equal(t, "[a??250 ok??[2J?gpj.?exe'?<script>&?]", RenderReply("[%%FILE%%]", evil))
	assert.Equal(t, "%%URL%%", RenderText("%%VIRUS%%", evil), "a value is not looked at again")
}

func TestReplyIsALine(t *testing.T) {
	assert.Equal(t, "one two three", RenderReply("\n one\r\n\ttwo\n\nthree\n", new(Values)))
	assert.Equal(t, "h?llo", RenderReply("h\u00e9llo", new(Values)))
	long := RenderReply(strings.Repeat("x", MaxText), new(Values))
	assert.Len(t, long, maxReply)
	assert.True(t, strings.HasSuffix(long, ellipsis))
	assert.Len(t, RenderReply("%%FILE%%", &Values{File: strings.Repeat("\u00fc", 5000)}), maxShown)
}

func TestValuesAreBounded(t *testing.T) {
	name := strings.Repeat("<", 10<<10)
	assert.Equal(t, maxValue, len(RenderText("%%FILE%%", &Values{File: name})))
	text := strings.Repeat("%%FILE%%", MaxText/len("%%FILE%%"))
	assert.LessOrEqual(t, len(RenderHTML(text, &Values{File: name})), maxValues)
	cutRune := RenderText("%%FILE%%", &Values{File: strings.Repeat("\u20ac", 1000)})
	assert.True(t, utf8.ValidString(cutRune))
	assert.LessOrEqual(t, len(cutRune), maxValue)
}

// TestDeclared: each message can be named, and the factory's texts have known variables
// only and say something in each case.
func TestDeclared(t *testing.T) {
	seen := map[string]bool{}
	for k := range Count {
		d := Kind(k).Declared()
		path := d.Group + " " + d.Name
		require.NotContains(t, path, "\"")
		require.Len(t, strings.Fields(path), 2, "kind %d", k)
		require.False(t, seen[path], path)
		seen[path] = true
		require.NotEmpty(t, d.Help, path)
		assert.LessOrEqual(t, len(d.Text), MaxText, path)
		for _, v := range []*Values{full(), new(Values)} {
			assert.NotContains(t, RenderText(d.Text, v), mark, path)
			assert.NotEmpty(t, RenderReply(d.Text, v), path)
		}
	}
	page := RenderHTML(VirusHTML.Declared().Text, full())
	assert.Contains(t, page, "<title>High Security Alert</title>")
	assert.Contains(t, page, "<h1>High Security Alert</h1>")
	assert.Contains(t, page, `<p>You are not permitted to download the file "a.com" because it is infected with the virus "V".</p>`)
	assert.Contains(t, page, "<tr><td>Quarantined File Name</td><td>q</td></tr>")
	assert.Contains(t, RenderHTML(ClientVirusHTML.Declared().Text, full()), `You are not permitted to transfer the file "a.com"`)
}

// elements are the tags and attributes of a page, in order.
func elements(page string) (list []string) {
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		if z.Next() == html.ErrorToken {
			return list
		}
		if tok := z.Token(); tok.Type != html.TextToken {
			name := tok.Data
			for _, a := range tok.Attr {
				name += " " + a.Key
			}
			list = append(list, name)
		}
	}
}

// FuzzRender: no value adds an element, an attribute, a line or more bytes than there
// may be, and no text breaks the rendering.
func FuzzRender(f *testing.F) {
	f.Add(VirusHTML.Declared().Text, "a.com", "V")
	f.Add(`<a title="%%FILE%%">%%URL%%</a>%%%FILE%%%`, `"><script>`, "\r\n.\r\n")
	f.Add("The file \"%%FILE%%\"\n%%NO%%", "", "\xff\x00")
	f.Fuzz(func(t *testing.T, text, file, url string) {
		if len(text) > MaxText || !utf8.ValidString(text) {
			return
		}
		v := &Values{File: file, Nameless: "The mail", URL: url, Virus: file, Addresses: func() (string, string) { return file, url }}
		lines := RenderText(text, v)
		require.LessOrEqual(t, len(lines), len(text)+maxValues)
		require.LessOrEqual(t, strings.Count(lines, "\n"), strings.Count(text, "\n"))
		require.LessOrEqual(t, strings.Count(lines, "\r"), strings.Count(text, "\r"))
		require.True(t, utf8.ValidString(lines))

		reply := RenderReply(text, v)
		require.LessOrEqual(t, len(reply), maxReply)
		for i := range len(reply) {
			require.True(t, reply[i] >= ' ' && reply[i] <= '~', "%q", reply)
		}

		frame := `<p title="%%FILE%%">%%URL%% %%VIRUS%% %%EMAIL_FROM%%</p>`
		require.Equal(t, []string{"p title", "p"}, elements(RenderHTML(frame, v)))
		require.LessOrEqual(t, len(RenderHTML(text, v)), len(text)+maxValues)
	})
}
