package config

import (
	"fmt"
	"slices"
	"strconv"
)

// walker executes the lines that change a draft: it knows where in the
// configuration they apply. Console and file both drive one.
type walker struct {
	*draft
	frames  []frame  // from the outside in; never empty
	lenient bool     // a file: values that are not simulated are admitted, references and personas are checked at its end
	persona Persona  // whose words are accepted
	multi   bool     // virtual domains are enabled
	factory *node    // what a new VDOM is made from
	kept    []string // the VDOMs that may be entered; nil: all, and what they share
}

type level uint8

const (
	atTop    level = 1 << iota
	atGlobal       // in "config global"
	atVDOMs        // in "config vdom"
	atVDOM         // in "edit NAME" there
	atObject       // in an object that is no table
	atTable
	atEntry

	atRoot  = atTop | atGlobal | atVDOM // where config opens the objects of Snapshot
	atScope = atRoot | atVDOMs          // outside every object
)

// frame is one level of nesting.
type frame struct {
	level level
	node  *node  // belongs to the draft; the root in scopes
	name  string // for the prompt
	scope string // outside objects: "", "global", "vdom" or "vdom root"
}

func newWalker(root, factory *node) *walker {
	d := newDraft(root)
	return &walker{draft: d, frames: []frame{{level: atTop, node: d.root}}, multi: root.multiVDOM(), factory: factory}
}

func (w *walker) here() *frame { return &w.frames[len(w.frames)-1] }

func (w *walker) push(f frame) { w.frames = append(w.frames, f) }

func (w *walker) pop() { w.frames = w.frames[:len(w.frames)-1] }

// depth is the number of frames inside objects, not counting scopes.
func (w *walker) depth() int {
	n := 0
	for _, f := range w.frames {
		if f.level&atScope == 0 {
			n++
		}
	}
	return n
}

// The blocks that only say what the objects in them belong to.
const (
	scopeGlobal = "global"
	scopeVDOM   = "vdom"
)

// do executes a line that changes the draft or moves in it, and returns what it
// prints. On an error nothing has changed.
func (w *walker) do(verb string, args []Word) ([]string, *CLIError) {
	switch verb {
	case "config":
		return nil, w.config(args)
	case "edit":
		return w.edit(args)
	case "set":
		return nil, w.set(args)
	case "unset":
		return nil, w.unset(args)
	case "select", "append", "unselect":
		return nil, w.choose(verb, args)
	case "clone":
		return nil, w.clone(args)
	case "delete":
		return nil, w.delete(args)
	case "purge":
		return nil, w.purge(args)
	case "rename":
		return nil, w.rename(args)
	case "move":
		return nil, w.move(args)
	case "next":
		return nil, w.next(args)
	case "end":
		return nil, w.end(args)
	}
	return nil, unknownAction(false)
}

// config opens an object: "config WORD...".
func (w *walker) config(words []Word) *CLIError {
	if len(words) == 0 {
		return incomplete()
	}
	f := w.here()
	if f.level == atTop && len(words) == 1 && w.enterScope(words[0].Text) {
		return nil
	}
	i, used, m := f.node.def.findSub(words, w.offers)
	switch {
	case m == unfinished:
		return incomplete()
	case m != matched || used < len(words):
		return unknownWord(words[used].Text)
	}
	n := w.sub(f.node, i)
	l := atObject
	if n.table {
		l = atTable
	}
	w.push(frame{level: l, node: n, name: n.def.words[len(n.def.words)-1]})
	return nil
}

// scopes are the words that open the blocks which hold objects, and their help.
var scopes = []Choice{
	{Word: scopeGlobal, Help: "Configure global settings."},
	{Word: scopeVDOM, Help: "Configure virtual domain."},
}

// enterScope opens "config global" and "config vdom". In a file, where other words
// may begin like them, they are not abbreviated.
func (w *walker) enterScope(name string) bool {
	i, m := resolve(len(scopes), func(i int) string { return scopes[i].Word }, name)
	switch {
	case m != matched || !w.multi && !w.lenient || w.lenient && scopes[i].Word != name:
		return false
	case w.kept != nil && scopes[i].Word == scopeGlobal:
		return false
	case w.root.def.vdomTable() < 0:
		return false
	}
	f := frame{node: w.root, level: atGlobal, name: scopes[i].Word, scope: scopes[i].Word}
	if f.name == scopeVDOM {
		f.level = atVDOMs
	}
	w.push(f)
	return true
}

// edit opens an entry: "edit KEY".
func (w *walker) edit(words []Word) ([]string, *CLIError) {
	if err := one(words); err != nil {
		return nil, err
	}
	f := w.here()
	if f.level == atVDOMs {
		return w.editVDOM(words[0].Text)
	}
	key, err := w.parseKey(f.node, words[0].Text)
	if err != nil {
		return nil, err
	}
	if i := w.find(f.node, key); i >= 0 && f.node.entries[i].opaque != nil {
		return nil, discarded("entry '" + key + "' is not simulated: it can be deleted, not edited")
	}
	n, created := w.entry(f.node, key)
	w.push(frame{level: atEntry, node: n, name: key})
	if created {
		return []string{fmt.Sprintf("new entry '%s' added", key)}, nil
	}
	return nil, nil
}

// parseKey reads the key of an entry. In a table of integers 0 is the next free one.
func (w *walker) parseKey(table *node, text string) (string, *CLIError) {
	k := table.def.key
	if k.kind == kindInteger && text == "0" {
		return strconv.FormatInt(nextKey(table), 10), nil
	}
	if text == "" {
		return "", rejected(k.name, text)
	}
	key, err := k.parseWord(text, false)
	if err == nil && !w.lenient && !k.refersWithin(w.root, w.vdom(), key) {
		err = noEntry(text)
	}
	return key, err
}

func nextKey(table *node) int64 {
	var last int64
	for _, e := range table.entries {
		if n, err := strconv.ParseInt(e.key, 10, 64); err == nil {
			last = max(last, n)
		}
	}
	return last + 1
}

// set stores a value: "set NAME VALUE...".
func (w *walker) set(words []Word) *CLIError {
	if len(words) == 0 {
		return incomplete()
	}
	n := w.here().node
	s, i, m := n.def.find(words[0].Text)
	if m != matched {
		return unknownWord(words[0].Text)
	}
	value, err := s.parse(words[1:], w.lenient)
	if err != nil {
		return err
	}
	return w.store(n, i, value)
}

// store checks a value and makes it that of setting i.
func (w *walker) store(n *node, i int, value []string) *CLIError {
	s := n.def.settings[i]
	if s.required && len(value) == 0 {
		return rejected(s.name, "")
	}
	if !w.lenient {
		if err := w.checkValues(s, value); err != nil {
			return err
		}
	}
	n.set(i, value)
	return nil
}

// checkValues looks at what depends on the rest of the configuration.
func (w *walker) checkValues(s *setting, value []string) *CLIError {
	for _, v := range value {
		if !s.refersWithin(w.root, w.vdom(), v) {
			return noEntry(v)
		}
		if w.persona != Persona52 && slices.Contains(s.only52, v) {
			return unknownWord(v)
		}
	}
	return nil
}

// unset gives settings their factory values: "unset NAME".
func (w *walker) unset(words []Word) *CLIError {
	if err := one(words); err != nil {
		return err
	}
	n := w.here().node
	_, i, m := n.def.find(words[0].Text)
	if m != matched {
		return unknownWord(words[0].Text)
	}
	n.clear(i)
	return nil
}

// next leaves an entry for its table.
func (w *walker) next(words []Word) *CLIError {
	if err := none(words); err != nil {
		return err
	}
	w.pop()
	return nil
}

// end leaves the innermost config block, from an entry of a table too.
func (w *walker) end(words []Word) *CLIError {
	if err := none(words); err != nil {
		return err
	}
	if w.here().level&(atEntry|atVDOM) != 0 {
		w.pop()
	}
	w.pop()
	return nil
}

// one wants exactly one word.
func one(words []Word) *CLIError {
	switch len(words) {
	case 0:
		return incomplete()
	case 1:
		return nil
	}
	return unknownWord(words[1].Text)
}

// none wants no word.
func none(words []Word) *CLIError {
	if len(words) > 0 {
		return unknownWord(words[0].Text)
	}
	return nil
}
