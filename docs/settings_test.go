package docs_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/internal/config"
	"utmsim/internal/replacemsg"
)

// TestSettings compares the tables of the page about the configuration with what
// the configuration language says of itself: its help and the factory values.
func TestSettings(t *testing.T) {
	const file = "configuration.md"
	old := read(t, file)
	before, _, after := between(t, old, "<!-- settings -->\n", "<!-- end of settings -->")
	p := printer{t: t}
	p.objects(nil)
	compare(t, file, old, before+p.out.String()+"\n"+after)
}

// printer writes the objects of the configuration as Markdown.
type printer struct {
	t   *testing.T
	out strings.Builder
}

// at is an editor inside an object, with the way there.
type at struct {
	editor *config.Editor
	path   []string // lines executed
}

// enter executes lines in a configuration of its own.
func (p *printer) enter(lines []string) at {
	e := config.NewStore().Edit("docs")
	for _, l := range lines {
		_, err := e.Execute(words(p.t, l))
		require.NoError(p.t, err, l)
	}
	return at{e, lines}
}

func words(t *testing.T, line string) []config.Word {
	t.Helper()
	w, err := config.Tokenize(line)
	require.NoError(t, err)
	return w
}

// complete is what may stand behind a line.
func (a at) complete(t *testing.T, line string) []config.Choice {
	t.Helper()
	return a.editor.Complete(append(words(t, line), config.Word{}))
}

// objects writes every object that config offers inside path.
func (p *printer) objects(path []string) {
	a := p.enter(path)
	var walk func(line, help string)
	walk = func(line, help string) {
		for _, c := range a.complete(p.t, line) {
			switch {
			case c.Hint:
				p.object(append(slices.Clone(path), line), help)
			case line == "config" && (c.Word == "global" || c.Word == "vdom"):
				// scopes, not objects
			case line == "config system" && c.Word == "replacemsg":
				p.messages(line + " replacemsg")
			default:
				walk(line+" "+c.Word, c.Help)
			}
		}
	}
	walk("config", "")
}

// messages writes the replacement messages, which all have the same settings, as one
// table.
func (p *printer) messages(line string) {
	fmt.Fprintf(&p.out, "\n### %s GROUP NAME\n\nReplacement messages, see [messages.md](messages.md).\n\n", line)
	first := p.enter([]string{fmt.Sprintf("%s %s %s", line, replacemsg.VirusHTML.Declared().Group, replacemsg.VirusHTML.Declared().Name)})
	p.out.WriteString("| setting | values | meaning |\n|---|---|---|\n")
	for _, s := range first.complete(p.t, "set") {
		values := first.complete(p.t, "set "+s.Word)
		fmt.Fprintf(&p.out, "| `%s` | %s | %s%s |\n", s.Word, kinds(values), s.Help, glossary(values))
	}
	p.out.WriteString("\n| group | name | `header` | `format` | used |\n|---|---|---|---|---|\n")
	for k := range replacemsg.Count {
		d := replacemsg.Kind(k).Declared()
		a := p.enter([]string{line + " " + d.Group + " " + d.Name})
		fmt.Fprintf(&p.out, "| %s | `%s` | %s | %s | %s |\n", d.Group, d.Name, kinds(a.complete(p.t, "set header ")), kinds(a.complete(p.t, "set format ")), d.Help)
	}
}

// ofVDOM tells whether each VDOM has an object for itself: config knows it there.
func (p *printer) ofVDOM(line string) bool {
	a := p.enter([]string{"config system global", "set vdom-admin enable", "end", "config vdom", "edit root"})
	_, err := a.editor.Execute(words(p.t, line))
	return err == nil
}

// object writes one object, or the entries of a table.
func (p *printer) object(path []string, help string) {
	a := p.enter(path)
	fmt.Fprintf(&p.out, "\n### %s\n\n%s", strings.Join(path, " / "), help)
	if len(path) == 1 && p.ofVDOM(path[0]) {
		p.out.WriteString(" Each VDOM has its own.")
	}
	if key := a.complete(p.t, "edit"); len(key) > 0 && key[0].Hint {
		fmt.Fprintf(&p.out, " A table; the key is `%s`: %s", key[0].Word, key[0].Help)
		path = append(slices.Clone(path), "edit "+p.key(a, key))
		a = p.enter(path)
	}
	p.out.WriteString("\n\n| setting | values | default | meaning |\n|---|---|---|---|\n")
	defaults := p.defaults(a)
	for _, s := range a.complete(p.t, "set") {
		values := a.complete(p.t, "set "+s.Word)
		fmt.Fprintf(&p.out, "| `%s` | %s | %s | %s%s |\n", s.Word, kinds(values), initial(s, defaults[s.Word]), s.Help, glossary(values))
	}
	if len(a.complete(p.t, "config")) > 0 {
		p.objects(path)
	}
}

// key is one that the table takes for a new entry.
func (p *printer) key(a at, offered []config.Choice) string {
	for _, c := range append(slices.Clone(offered[1:]), config.Choice{Word: "NAME"}, config.Choice{Word: "1"}) {
		e := p.enter(a.path)
		if _, err := e.editor.Execute(words(p.t, "edit "+c.Word)); err == nil && c.Word != "default" {
			return c.Word
		}
	}
	require.Fail(p.t, "no key fits", a.path)
	return ""
}

var assignment = regexp.MustCompile(`^(?:set (\S+) (.*)|unset (\S+))$`)

// defaults are the factory values of an object that has just been made.
func (p *printer) defaults(a at) map[string]string {
	lines, err := a.editor.Execute(words(p.t, "show full-configuration"))
	require.NoError(p.t, err)
	found := map[string]string{}
	depth, own := 0, 1
	if strings.HasPrefix(strings.TrimSpace(lines[1]), "edit ") {
		own = 2
	}
	for _, l := range lines {
		l = strings.TrimSpace(l)
		switch verb, _, _ := strings.Cut(l, " "); verb {
		case "config", "edit":
			depth++
		case "end", "next":
			depth--
		}
		if m := assignment.FindStringSubmatch(l); m != nil && depth == own {
			found[m[1]+m[3]] = m[2]
		}
	}
	return found
}

func initial(s config.Choice, value string) string {
	switch {
	case s.Required:
		return "required"
	case value == "" || value == "''":
		return "none"
	}
	return "`" + value + "`"
}

var bounds = regexp.MustCompile(`from <(\d+)> to <(\d+)>`)

// kinds says what a setting takes.
func kinds(values []config.Choice) string {
	first := values[0]
	switch {
	case first.Hint:
		if m := bounds.FindStringSubmatch(first.Help); m != nil {
			more := ""
			if strings.Contains(first.Help, "values") {
				more = ", several"
			}
			return m[1] + " to " + m[2] + more
		}
		text, _, _ := strings.Cut(strings.TrimPrefix(first.Help, "Enter "), "default")
		return strings.TrimSuffix(text, ".")
	case first.Help == "":
		return "names: " + list(values) + " ..."
	}
	return list(values)
}

func list(values []config.Choice) string {
	var out []string
	for _, v := range values {
		if !v.Hint {
			out = append(out, "`"+v.Word+"`")
		}
	}
	return strings.Join(out, ", ")
}

// glossary explains the words of a setting, unless it is a plain switch.
func glossary(values []config.Choice) string {
	var out strings.Builder
	for _, v := range values {
		if v.Hint || v.Help == "" || v.Word == "enable" || v.Word == "disable" {
			continue
		}
		fmt.Fprintf(&out, "<br>`%s`: %s", v.Word, v.Help)
	}
	return out.String()
}
