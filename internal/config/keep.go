package config

import (
	"fmt"
	"slices"
	"strings"
)

// keep stores text with the object it stood in.
func (l *loader) keep(n *node, r raw) {
	r.load = l.id
	if n == l.root && r.scope == "" {
		r.scope = l.scope()
	}
	r.text = wholeLines(r.text)
	n.extra = append(n.extra, r)
	l.touched[n] = true
}

// scope is the block around the top-level objects that are read now.
func (l *loader) scope() string {
	for i := len(l.frames) - 1; i >= 0; i-- {
		if f := l.frames[i]; f.level&atScope != 0 {
			return f.scope
		}
	}
	return ""
}

// keepLine keeps a set or unset line of an object that we know.
func (l *loader) keepLine(st *statement, n *node, name string) {
	l.skip(st.line, fmt.Sprintf("'%s' of %s", name, l.path()))
	l.keep(n, raw{name: name, text: l.lex.data[st.start:st.end]})
}

// skipBlock keeps a config block whose first line is st, to its end.
func (l *loader) skipBlock(st *statement, name string) error {
	start, n := st.start, l.here().node
	what := "'config " + name + "'"
	if path := l.path(); path != "" {
		what += " of " + path
	}
	l.skip(st.line, what)
	keys, end, err := l.skipUntil("config "+name, st.line, 1, "")
	if err != nil {
		return err
	}
	l.keep(n, raw{name: name, text: l.lex.data[start:end.end], keys: keys})
	return nil
}

// mayBeVDOM says whether a VDOM can have that name here. Releases after those that
// are simulated know longer ones.
func (l *loader) mayBeVDOM(name string) bool {
	if name == RootVDOM {
		return true
	}
	_, err := l.parseKey(l.root.subs[l.root.def.vdomTable()], name)
	return err == nil
}

// impliedVDOMs enables virtual domains where the file has some and does not say
// whether they are enabled: later releases do so by another setting.
func (l *loader) impliedVDOMs() {
	const name = "vdom-admin"
	said := place{path: "system global"}.id(name)
	if len(l.root.vdoms()) == 0 || l.lines[said] > 0 {
		return
	}
	for i, def := range l.root.def.subs {
		if _, j, m := def.find(name); def.name == "system global" && m == matched {
			l.sub(l.root, i).set(j, []string{"enable"})
		}
	}
}

// skipVDOM keeps what a file says about a VDOM that is not simulated. Its end may
// be that of the whole "config vdom".
func (l *loader) skipVDOM(st *statement, name string) error {
	start := st.start
	l.skip(st.line, "VDOM "+quote(name))
	_, end, err := l.skipUntil("edit "+name, st.line, 0, "next")
	if err != nil {
		return err
	}
	text := l.lex.data[start:end.end]
	if end.verb() == "end" {
		text = l.lex.data[start:end.start] + "next\n"
		l.pop()
		l.opened = l.opened[:len(l.frames)]
	}
	l.keep(l.root, raw{name: "vdom " + name, scope: scopeVDOM, text: text, keys: []string{name}})
	return nil
}

// skipUntil reads statements until the end that closes depth open blocks or, at
// depth 0, until the word stop. It returns the keys of the entries directly within
// and the closing statement.
func (l *loader) skipUntil(what string, line, depth int, stop string) (keys []string, last statement, err error) {
	outer := depth
	for {
		st, ok, err := l.lex.next()
		switch {
		case err != nil:
			return nil, st, l.fail(st.line, err)
		case !ok:
			return nil, st, l.fail(line, fmt.Errorf("'%s' is not closed: the file ends before its end", what))
		}
		switch verb := st.verb(); {
		case verb == "config":
			if depth++; depth+len(l.frames) > maxNest {
				return nil, st, l.fail(st.line, fmt.Errorf("blocks are nested deeper than %d", maxNest))
			}
		case verb == "end":
			if depth--; depth < outer {
				return keys, st, nil
			}
		case verb == "edit" && depth == outer && len(st.words) > 1:
			keys = append(keys, strings.Clone(st.words[1].Text))
		case verb == stop && depth == 0:
			return keys, st, nil
		}
	}
}

// settle lets what this file has kept replace what earlier files had kept under
// the same names.
func (l *loader) settle() {
	for n := range l.touched {
		again := make(map[[2]string]bool)
		for _, r := range n.extra {
			if r.load == l.id {
				again[[2]string{r.scope, r.name}] = true
			}
		}
		n.extra = slices.DeleteFunc(n.extra, func(r raw) bool {
			return r.load != l.id && again[[2]string{r.scope, r.name}]
		})
	}
}

// wholeLines adds the line break that the end of a file may lack.
func wholeLines(text string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
