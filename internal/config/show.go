package config

import (
	"slices"
	"strings"
)

// printer writes objects as config lines.
type printer struct {
	out   []string
	full  bool // factory values too
	file  bool // for a file: what a file has said too, even if it is the factory value
	depth int
}

func (p *printer) line(parts ...string) {
	p.out = append(p.out, strings.Repeat("    ", p.depth)+strings.Join(parts, " "))
}

// object writes "config NAME ... end". was is the factory's version of n where one
// is to be overwritten by what is written, else nil.
func (p *printer) object(n, was *node) {
	p.line("config", n.def.title)
	p.depth++
	if n.table {
		p.entries(n, was)
	} else {
		p.content(n, was)
	}
	p.depth--
	p.line("end")
}

func (p *printer) entries(n, was *node) {
	if was != nil {
		was = p.forget(n, was)
	}
	for _, e := range n.entries {
		var old *node
		if was != nil {
			if i := was.find(e.key); i >= 0 {
				old = was.entries[i]
			}
		}
		p.entry(n, e, old)
	}
}

// forget deletes the factory's entries that n has no more; where they are not the
// first in the same order it deletes them all. It returns what remains of was.
func (p *printer) forget(n, was *node) *node {
	same := len(n.entries) >= len(was.entries)
	for i, e := range was.entries {
		same = same && n.entries[i].key == e.key
	}
	if same {
		return was
	}
	for _, e := range was.entries {
		p.line("delete", n.printKey(e.key))
	}
	return nil
}

func (p *printer) entry(table, e, was *node) {
	if e.opaque != nil {
		p.raw(e.opaque.text)
		return
	}
	p.line("edit", table.printKey(e.key))
	p.depth++
	p.content(e, was)
	p.depth--
	p.line("next")
}

func (n *node) printKey(key string) string { return n.def.key.print([]string{key}) }

// content writes the settings of an object, what is kept of it, and the objects
// within.
func (p *printer) content(n, was *node) {
	for _, i := range n.def.shown {
		s, words := n.def.settings[i], n.words(i)
		switch said := p.said(n, i); {
		case n.isDefault(i) && !p.full && said == "" && (was == nil || was.isDefault(i)):
		case len(words) == 0 && (s.kind != kindString || s.list), !p.full && said != "set" && n.isDefault(i):
			p.line("unset", s.name)
		default:
			p.line("set", s.name, s.print(words))
		}
	}
	for _, r := range n.extra {
		p.raw(r.text)
	}
	for i, sub := range n.subs {
		var old *node
		if was != nil {
			old = was.subs[i]
		}
		if p.full || p.says(sub, old) {
			p.object(sub, old)
		}
	}
}

// says reports whether there is anything to write about n.
func (p *printer) says(n, was *node) bool {
	if n == was {
		return false
	}
	differs := func(i int) bool { return !n.isDefault(i) || p.said(n, i) != "" || was != nil && !was.isDefault(i) }
	for i := range n.values {
		if differs(i) {
			return true
		}
	}
	if len(n.extra) > 0 || len(n.entries) > 0 || was != nil && len(was.entries) > 0 {
		return true
	}
	for i, sub := range n.subs {
		var old *node
		if was != nil {
			old = was.subs[i]
		}
		if p.says(sub, old) {
			return true
		}
	}
	return false
}

// said is the verb of a file that gave setting i of n its factory value, if that is
// to be written.
func (p *printer) said(n *node, i int) string {
	if !p.file {
		return ""
	}
	return n.saysDefault(i)
}

// raw writes kept text as it came.
func (p *printer) raw(text string) {
	p.out = append(p.out, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
}

// root writes a whole configuration: the file's head, our objects, and what is not
// simulated in the blocks it stood in.
func (p *printer) root(n, was *node) {
	p.kept(n, raw.isHead)
	if n.multiVDOM() {
		p.vdoms(n, was)
		return
	}
	p.objects(n, was, func(o *object) bool { return !o.vdoms })
	p.kept(n, func(r raw) bool { return !r.isHead() })
}

// objects writes those of the objects within n that are wanted.
func (p *printer) objects(n, was *node, want func(*object) bool) {
	for i, sub := range n.subs {
		if !want(sub.def) {
			continue
		}
		var old *node
		if was != nil {
			old = was.subs[i]
		}
		if p.full || p.says(sub, old) {
			p.object(sub, old)
		}
	}
}

// kept writes blocks that are not simulated, those of one scope that follow each
// other together.
func (p *printer) kept(n *node, want func(raw) bool) {
	scope := ""
	for _, r := range n.extra {
		if !want(r) {
			continue
		}
		if r.scope != scope {
			p.scope(scope, "end")
			p.scope(r.scope, "config")
			scope = r.scope
		}
		p.raw(r.text)
	}
	p.scope(scope, "end")
}

func (p *printer) scope(scope, edge string) {
	switch {
	case scope == "":
	case edge == "end":
		p.line("end")
	default:
		name, vdom, _ := strings.Cut(scope, " ")
		p.line("config", name)
		if vdom != "" {
			p.line("edit", vdom)
		}
	}
}

// getLines are the settings of an object as get prints them.
func (n *node) getLines() []string {
	var out []string
	if n.table {
		for _, e := range n.entries {
			out = append(out, "== [ "+e.key+" ]", n.def.key.name+": "+e.key)
		}
		return out
	}
	if k := n.def.key; k != nil {
		out = append(out, getLine(k.name, n.key))
	}
	for _, i := range n.def.shown {
		s := n.def.settings[i]
		out = append(out, getLine(s.name, s.plain(n.words(i))))
	}
	for _, sub := range n.subs {
		out = append(out, sub.def.name+":")
		for _, l := range sub.getLines() {
			out = append(out, "    "+l)
		}
	}
	return out
}

func getLine(name, value string) string {
	const column = 20
	return name + strings.Repeat(" ", max(column-len(name), 0)) + ": " + value
}

// showLines is what show prints of n; an entry stands in its table.
func showLines(table, n *node, full bool) []string {
	p := printer{full: full}
	if table == nil {
		p.object(n, nil)
		return p.out
	}
	p.line("config", table.def.title)
	p.depth++
	p.entry(table, n, nil)
	p.depth--
	p.line("end")
	return slices.Clip(p.out)
}
