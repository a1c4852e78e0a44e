package config

import (
	"fmt"
	"slices"
)

// What a file says that is not simulated is kept for a backup and reported.

// mayBeForeign says whether a config line that names nothing known may name an
// object of the appliance: not when an object of ours is named and more follows.
func (l *loader) mayBeForeign(args []Word) bool {
	if len(args) == 0 {
		return false
	}
	_, _, m := l.here().node.def.findSub(args, l.offers)
	return m == unmatched
}

// replaceForeign empties an entry that is kept as text, since the file says it anew.
// It returns what makes the new one not simulated before a setting is read: a key
// that is not among ours.
func (l *loader) replaceForeign(table *node, text string) string {
	if i := l.locate(table, text); i >= 0 && table.entries[i].opaque != nil {
		l.fresh(table, table.entries[i].key)
	}
	k := table.def.key
	switch {
	case text == "" || len(k.oneof) == 0:
		return ""
	case k.ref == scopeVDOM && l.mayBeVDOM(text), k.ref == "" && slices.Contains(k.oneof, text):
		return ""
	}
	return k.name + " " + quote(text)
}

func (l *loader) lookAbroad(st *statement, n *node, name string) {
	s, i, _ := n.def.find(name)
	if len(s.elsewhere) == 0 {
		return
	}
	for _, text := range n.words(i) {
		l.abroad = append(l.abroad, farValue{st.line, l.vdom(), s, text, l.path()})
	}
}

// lookAtGuarantee reports what is guaranteed beside a maximum.
func (l *loader) lookAtGuarantee(st *statement, n *node, name string) {
	s, i, _ := n.def.find(name)
	if words := n.words(i); s.guarantee && len(words) == 2 {
		l.skip(st.line, fmt.Sprintf("the guaranteed %s of %s %s of %s", words[1], s.name, words[0], l.path()))
	}
}

// reportElsewhere reports the values that name what is not simulated.
func (l *loader) reportElsewhere() {
	dir := newDirectory(l.root)
	for _, v := range l.abroad {
		if ours := slices.Contains(v.s.oneof, v.text) || dir.keys(v.vdom, v.s.ref)[v.text]; !ours && dir.has(v.s, v.vdom, v.text) {
			l.skip(v.line, fmt.Sprintf("%s %s of %s", v.s.name, quote(v.text), v.path))
		}
	}
}

// foreignValue looks for values that are not simulated and says whether the line is
// thereby dealt with. In a set or list they stay beside the others; a single one
// makes the entry text, or where there is no entry the line.
func (l *loader) foreignValue(st *statement, s *setting, values []Word) bool {
	for _, v := range values {
		if !s.isForeign(v.Text) {
			continue
		}
		what := s.name + " " + quote(v.Text)
		if s.list {
			l.skip(st.line, what+" of "+l.path())
			continue
		}
		for f := len(l.frames) - 1; f >= 0; f-- {
			if l.frames[f].level == atEntry {
				l.opened[f].foreign = what
				return true
			}
		}
		l.keepLine(st, l.here().node, "set "+s.name)
		return true
	}
	return false
}
