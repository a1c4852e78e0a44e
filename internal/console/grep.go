package console

import (
	"fmt"
	"regexp"
	"strings"
)

// filter is "| grep".
type filter struct {
	pattern                      *regexp.Regexp
	fold, invert, count, objects bool
}

// matches tells whether a line passes.
func (f *filter) matches(line string) bool { return f.pattern.MatchString(line) != f.invert }

// apply filters text, whole lines.
func (f *filter) apply(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if text == "" {
		lines = nil
	}
	var out []string
	switch {
	case f.count:
		n := 0
		for _, l := range lines {
			if f.matches(l) {
				n++
			}
		}
		out = []string{fmt.Sprint(n)}
	case f.objects:
		for _, b := range blocks(lines) {
			out = append(out, f.enclosing(b)...)
		}
	default:
		for _, l := range lines {
			if f.matches(l) {
				out = append(out, l)
			}
		}
	}
	return plainText(out)
}

// mark stands behind the lines that -f was asked for.
const mark = " <---"

// block is a configuration object in its text, or a line that belongs to none.
type block struct {
	lines []string // all of it, the inner objects' too
	inner []block  // the entries, where it is a table
}

// blocks reads config ... end and the edit ... next directly within.
func blocks(lines []string) []block {
	var out []block
	for len(lines) > 0 {
		n := extent(lines)
		b := block{lines: lines[:n]}
		for at := 1; at < n-1; {
			size := extent(lines[at : n-1])
			if verb(lines[at]) == "edit" {
				b.inner = append(b.inner, block{lines: lines[at : at+size]})
			}
			at += size
		}
		out = append(out, b)
		lines = lines[n:]
	}
	return out
}

// extent is how many lines the object that begins with the first one has; 1 for
// a line that begins none. An object that is not closed goes to the end.
func extent(lines []string) int {
	depth := 0
	for i, l := range lines {
		switch verb(l) {
		case "config", "edit":
			depth++
		case "end", "next":
			depth--
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return len(lines)
}

func verb(line string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
	return word
}

// enclosing is what -f prints of an object: the entries that hold a match, in
// their table, else the whole object if it holds one.
func (f *filter) enclosing(b block) []string {
	if len(b.inner) == 0 {
		return f.marked(b.lines)
	}
	last := len(b.lines) - 1
	if f.matches(b.lines[0]) {
		return f.marked(b.lines)
	}
	var out []string
	for _, e := range b.inner {
		out = append(out, f.marked(e.lines)...)
	}
	if len(out) == 0 {
		return nil
	}
	return append(append([]string{b.lines[0]}, out...), b.lines[last])
}

// marked are the lines, those that match with the mark; nil when none does.
func (f *filter) marked(lines []string) []string {
	var out []string
	found := false
	for _, l := range lines {
		if f.matches(l) {
			found = true
			l += mark
		}
		out = append(out, l)
	}
	if !found {
		return nil
	}
	return out
}
