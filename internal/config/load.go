package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// loader reads a file into a draft. The lines that configure what we know go
// through the walker, the rest is kept as text.
type loader struct {
	*walker
	lex     lexer
	name    string
	id      *token // marks what this file has kept
	opened  []opening
	lines   map[string]int // line of each setting and object, to place what is found at the end
	touched map[*node]bool // nodes that have kept something
	abroad  []farValue     // values that may name what is not simulated
	reporter
}

// opening is where a frame began.
type opening struct {
	line, start int
	what        string
	foreign     string // what of this entry is not simulated; "" for nothing
}

// partial is implemented by entries that may be valid on the appliance and yet be
// beyond what is simulated; the answer says what is, or nothing.
type partial interface{ beyond() string }

// readFile reads a file and checks that it is text.
func readFile(name string, r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("reading %s: larger than %d bytes", name, maxFile)
	}
	text := string(data)
	line := 1
	for rest := text; rest != ""; line++ {
		n := lineEnd(rest, 0)
		if strings.IndexByte(rest[:n], 0) >= 0 {
			return "", &FileError{Name: name, Line: line, Err: errors.New("a NUL byte: this is not a configuration")}
		}
		if !utf8.ValidString(rest[:n]) {
			return "", &FileError{Name: name, Line: line, Err: errors.New("not UTF-8 text")}
		}
		rest = rest[n:]
	}
	return text, nil
}

// load reads a file on top of base and returns the new tree, not yet validated.
// factory is what VDOMs that the file makes begin with.
func load(base, factory *node, name, text string) (*loader, error) {
	l := &loader{
		walker: newWalker(base, factory), name: name, id: new(token),
		lex:     lexer{data: text, line: 1},
		lines:   make(map[string]int),
		touched: make(map[*node]bool),
	}
	l.lenient = true
	l.opened = []opening{{}}
	l.reporter = reporter{file: name, index: make(map[string]int)}
	l.keepHead()
	for {
		st, ok, err := l.lex.next()
		if err != nil {
			return nil, l.fail(st.line, err)
		}
		if !ok {
			break
		}
		if err := l.statement(&st); err != nil {
			return nil, l.fail(st.line, err)
		}
	}
	if len(l.frames) > 1 {
		o := l.opened[len(l.opened)-1]
		return nil, l.fail(o.line, fmt.Errorf("'%s' is not closed: the file ends before its end", o.what))
	}
	l.settle()
	l.impliedVDOMs()
	l.reportElsewhere()
	slices.SortStableFunc(l.skipped, func(a, b Skipped) int { return a.Line - b.Line })
	return l, nil
}

func (l *loader) fail(line int, err error) error {
	var at *FileError
	if errors.As(err, &at) {
		return err
	}
	return &FileError{Name: l.name, Line: line, Err: err}
}

const headName = "#"

// keepHead keeps the comment lines a backup begins with.
func (l *loader) keepHead() {
	text, end := l.lex.data, 0
	for end < len(text) && text[end] == '#' {
		end = lineEnd(text, end)
	}
	if end > 0 {
		l.keep(l.root, raw{name: headName, text: text[:end]})
	}
}

// statement executes one statement.
func (l *loader) statement(st *statement) error {
	args := st.words[1:]
	verb, err := resolveVerb(l.here().level, st.verb(), true)
	switch {
	case err != nil:
		return err
	case verb == "config":
		return l.config(st, args)
	case verb == "edit":
		return l.edit(st, args)
	case verb == "set":
		return l.set(st, args)
	case verb == "unset":
		return l.unset(st, args)
	case verb == "select", verb == "append", verb == "unselect":
		return l.choose(st, verb, args)
	case verb == "next", verb == "end":
		return cli(l.leave(st, verb, args))
	}
	_, err = l.do(verb, args)
	return cli(err)
}

// cli makes a nil *CLIError a nil error.
func cli(err *CLIError) error {
	if err == nil {
		return nil
	}
	return err
}

func (l *loader) config(st *statement, args []Word) error {
	if len(l.frames) >= maxNest {
		return fmt.Errorf("blocks are nested deeper than %d", maxNest)
	}
	what := "config " + joinWords(args)
	err := l.walker.config(args)
	if err == nil {
		l.open(st, what)
		l.mark("", st.line)
		return nil
	}
	if !l.mayBeForeign(args) {
		return err
	}
	return l.skipBlock(st, joinWords(args))
}

func (l *loader) edit(st *statement, args []Word) error {
	what := "edit " + joinWords(args)
	here := l.here()
	if here.level == atVDOMs && len(args) == 1 && !l.mayBeVDOM(args[0].Text) {
		return l.skipVDOM(st, args[0].Text)
	}
	foreign := ""
	if here.level == atTable && len(args) == 1 {
		foreign = l.replaceForeign(here.node, args[0].Text)
	}
	if foreign != "" {
		l.push(frame{level: atEntry, node: l.fresh(here.node, args[0].Text), name: args[0].Text})
	} else if _, err := l.walker.edit(args); err != nil {
		return err
	}
	l.open(st, what)
	l.opened[len(l.opened)-1].foreign = foreign
	l.mark("", st.line)
	return nil
}

// fresh puts an entry with factory values in the place of the one with that key, or
// at the end.
func (l *loader) fresh(table *node, key string) *node {
	e := newEntry(table.def, l.tok, key)
	if i := l.find(table, key); i >= 0 {
		table.entries[i] = e
	} else {
		table.add(e)
	}
	return e
}

func (l *loader) set(st *statement, args []Word) error {
	n := l.here().node
	if len(args) > 0 {
		s, _, m := n.def.find(args[0].Text)
		switch {
		case m == unmatched:
			l.keepLine(st, n, "set "+args[0].Text)
			return nil
		case m == matched:
			l.mark(s.name, st.line)
			if stop := l.foreignValue(st, s, args[1:]); stop {
				return nil
			}
		}
	}
	if err := l.walker.set(args); err != nil {
		return err
	}
	l.say(n, args[0].Text, "set")
	l.lookAtGuarantee(st, n, args[0].Text)
	l.lookAbroad(st, n, args[0].Text)
	l.lookAtHash(st, n, args[0].Text)
	return nil
}

// farValue is a value that may be a key of a table that is not simulated, which the
// file may define later.
type farValue struct {
	line int
	vdom string
	s    *setting
	text string
	path string
}

func (l *loader) unset(st *statement, args []Word) error {
	if len(args) > 0 {
		n := l.here().node
		if _, _, m := n.def.find(args[0].Text); m == unmatched {
			l.keepLine(st, n, "set "+args[0].Text)
			return nil
		}
	}
	if err := l.walker.unset(args); err != nil {
		return err
	}
	l.say(l.here().node, args[0].Text, "unset")
	return nil
}

// say notes that the file gives a setting of n its factory value, if it does.
func (l *loader) say(n *node, name, verb string) {
	if _, i, m := n.def.find(name); m == matched && n.isDefault(i) {
		n.say(i, verb)
	}
}

// leave executes next or end.
func (l *loader) leave(st *statement, verb string, args []Word) *CLIError {
	if l.here().level == atEntry && len(args) == 0 {
		l.closeEntry(st, verb)
	}
	if _, err := l.do(verb, args); err != nil {
		return err
	}
	l.opened = l.opened[:len(l.frames)]
	return nil
}

// closeEntry turns the entry into text when it is not simulated.
func (l *loader) closeEntry(st *statement, verb string) {
	e, o := l.here().node, l.opened[len(l.opened)-1]
	if o.foreign == "" {
		o.foreign = l.beyond(e)
	}
	if o.foreign == "" {
		return
	}
	text := l.lex.data[o.start:st.end]
	if verb == "end" {
		text = l.lex.data[o.start:st.start] + "next\n"
	}
	l.skip(o.line, fmt.Sprintf("%s %s: %s", l.path(), e.printKey(e.key), o.foreign))
	*e = node{def: e.def, by: e.by, key: e.key, opaque: &raw{text: wholeLines(text)}}
	delete(l.touched, e)
}

func (l *loader) beyond(e *node) string {
	v := reflect.New(e.def.typ)
	p, ok := v.Interface().(partial)
	if !ok {
		return ""
	}
	e.decodeInto(v.Elem())
	return p.beyond()
}

func (l *loader) open(st *statement, what string) {
	l.opened = append(l.opened, opening{line: st.line, start: st.start, what: what})
}

// path is the object that statements apply to now, without keys of entries.
func (l *loader) path() string {
	var parts []string
	for _, f := range l.frames {
		if f.level&(atObject|atTable) != 0 {
			parts = append(parts, f.node.def.name)
		}
	}
	return strings.Join(parts, " ")
}

func joinWords(words []Word) string {
	var parts []string
	for _, w := range words {
		if w.Quoted {
			w.Text = quote(w.Text)
		}
		parts = append(parts, w.Text)
	}
	return strings.Join(parts, " ")
}
