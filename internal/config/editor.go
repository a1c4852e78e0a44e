package config

import (
	"slices"
)

// Editor executes the configuration lines of one console session. What it changes
// is in force from the end or next that closes the outermost object or entry; until
// then only the editor sees it. An editor belongs to one goroutine, and one that is
// no longer used needs no closing.
//
// Several editors may be inside the same object: each commits the settings it has
// touched.
type Editor struct {
	store *Store
	who   string
	view  bool     // nothing may be changed
	kept  []string // the VDOMs it may enter; nil: all, and what they share
	base  *node    // the tree the draft started from
	w     *walker
	marks []int    // of each frame: length of log when it was opened
	log   [][]Word // lines that have made the draft from base, scopes left out
}

// Edit returns an editor whose commits are made in the name of who.
func (s *Store) Edit(who string) *Editor {
	e := &Editor{store: s, who: who}
	e.base = s.live.Load().root
	e.w = e.walker(e.base)
	e.marks = []int{0}
	return e
}

// View returns an editor that shows everything and refuses to change anything.
func (s *Store) View(who string) *Editor {
	e := s.Edit(who)
	e.view = true
	return e
}

// Confine keeps the editor to VDOMs, where there are VDOMs: it is in the first one,
// and may enter no other nor what they share.
func (e *Editor) Confine(vdoms []string) {
	e.kept = vdoms
	e.restart(e.base, nil)
	if e.w.multi && e.w.enterScope(scopeVDOM) && e.w.root.home(homeName(vdoms[0])) != nil {
		e.w.editVDOM(vdoms[0])
	}
	e.trackFrames()
}

func (e *Editor) walker(root *node) *walker {
	w := newWalker(root, e.store.factory)
	w.kept = e.kept
	w.persona = e.store.Snapshot().Simulator.Persona
	return w
}

// within is a walker on root that has entered scopes, as far as they are there.
func (e *Editor) within(root *node, scopes []frame) *walker {
	w := e.walker(root)
	for _, f := range scopes {
		switch f.level {
		case atGlobal, atVDOMs:
			if !w.enterScope(f.name) {
				return w
			}
		case atVDOM:
			if w.root.home(homeName(f.name)) == nil {
				return w
			}
			w.editVDOM(f.name)
		}
	}
	return w
}

// scopes are the frames outside of objects, the top left out.
func (e *Editor) scopes() []frame {
	var list []frame
	for _, f := range e.w.frames[1:] {
		if f.level&atScope != 0 {
			list = append(list, f)
		}
	}
	return list
}

// Execute executes one line. On an error, a *CLIError, the line has changed nothing;
// an end or next that fails has discarded what it should have committed and has left
// the level all the same.
func (e *Editor) Execute(words []Word) ([]string, error) {
	if len(words) == 0 {
		return nil, nil
	}
	if len(e.log) == 0 {
		e.refresh()
	}
	text := words[0].Text
	if words[0].Quoted {
		text = "" // no verb
	}
	verb, err := resolveVerb(e.w.here().level, text, false)
	if err != nil {
		return nil, err
	}
	out, err := e.run(verb, words)
	if err != nil {
		return out, err
	}
	return out, nil
}

func (e *Editor) run(verb string, words []Word) ([]string, *CLIError) {
	args := words[1:]
	switch verb {
	case "get":
		return e.get(args)
	case "show":
		return e.show(args)
	case "abort":
		return nil, e.abort(args)
	}
	if e.view && e.alters(verb, args) {
		return nil, Denied()
	}
	depth, scopes := e.w.depth(), e.scopes()
	changes := e.w.here().level == atVDOMs && e.alters(verb, args)
	out, err := e.w.do(verb, args)
	if err != nil {
		return nil, err
	}
	after := e.w.depth()
	switch {
	case changes:
		e.log = [][]Word{slices.Clone(words)}
		return out, e.commit(scopes, false)
	case depth == 0 && after == 0:
		e.trackFrames()
	case after == 0 || verb == "next" && after == 1:
		return out, e.commit(scopes, after == 1)
	default:
		e.trackFrames()
		e.log = append(e.log, slices.Clone(words))
	}
	return out, nil
}

// alters tells whether a line changes more than the place the editor is in.
func (e *Editor) alters(verb string, args []Word) bool {
	switch verb {
	case "config", "next", "end":
		return false
	case "edit":
		here := e.w.here()
		switch {
		case here.level == atVDOMs:
			return len(args) == 1 && e.w.root.home(homeName(args[0].Text)) == nil
		case here.level == atTable:
			return len(args) != 1 || e.w.locate(here.node, args[0].Text) < 0
		}
		return false
	}
	return true
}

// Question is what a person is asked before the line is executed; "" for a line
// that needs no second thought.
func (e *Editor) Question(words []Word) string {
	if len(words) != 1 || words[0].Quoted || e.view {
		return ""
	}
	verb, _ := resolveVerb(e.w.here().level, words[0].Text, false)
	switch {
	case verb == "purge":
		return "This operation will clear all table!\nDo you want to continue? (y/n)"
	case verb == "end" && e.w.root.multiVDOM() != e.w.multi:
		return "You will be logged out for the operation to take effect.\nDo you want to continue? (y/n)"
	}
	return ""
}

// trackFrames notes where frames begin in the log; it runs before the line that has
// opened one is added.
func (e *Editor) trackFrames() {
	for len(e.marks) < len(e.w.frames) {
		e.marks = append(e.marks, len(e.log))
	}
	e.marks = e.marks[:len(e.w.frames)]
}

// commit puts the draft in force, which was made in scopes, and goes on in the same
// table if reopen.
func (e *Editor) commit(scopes []frame, reopen bool) *CLIError {
	err := e.store.commit(e.who, func(live *node) (*node, *CLIError) {
		if live == e.base {
			return e.w.root, nil
		}
		again := e.within(live, scopes)
		if len(again.frames) <= len(scopes) {
			return nil, noEntry(scopes[len(scopes)-1].name)
		}
		if err := again.replay(e.log); err != nil {
			return nil, err
		}
		return again.root, nil
	})
	open := e.log[0]
	e.restart(e.store.live.Load().root, nil)
	if reopen {
		e.rerun([][]Word{open})
	}
	return err
}

// abort leaves the innermost config block without what was done in it.
func (e *Editor) abort(args []Word) *CLIError {
	if err := e.w.end(args); err != nil {
		return err
	}
	e.restart(e.base, e.log[:e.marks[len(e.w.frames)]])
	return nil
}

// refresh lets an editor that has changed nothing see what others have.
func (e *Editor) refresh() {
	if live := e.store.live.Load().root; live != e.base {
		e.restart(live, nil)
	}
}

// restart begins a draft from root in the present scope, or as much as there is of it
// by now, and repeats lines in it.
func (e *Editor) restart(root *node, lines [][]Word) {
	e.base, e.w = root, e.within(root, e.scopes())
	e.log, e.marks = nil, make([]int, len(e.w.frames))
	e.rerun(lines)
}

// rerun repeats lines on the tree they were first executed on, or one that has the
// same objects, so that they can't fail.
func (e *Editor) rerun(lines [][]Word) {
	for _, words := range lines {
		if e.w.replay([][]Word{words}) != nil {
			return
		}
		e.trackFrames()
		e.log = append(e.log, words)
	}
}

// replay executes lines again, perhaps on another tree.
func (w *walker) replay(lines [][]Word) *CLIError {
	for _, words := range lines {
		verb, err := resolveVerb(w.here().level, words[0].Text, true)
		if err != nil {
			return err
		}
		if _, err := w.do(verb, words[1:]); err != nil {
			return err
		}
	}
	return nil
}

// Path is where the editor is: the words of the objects and the keys of the entries
// from the outside in; empty at the top.
func (e *Editor) Path() []string {
	var path []string
	for _, f := range e.w.frames[1:] {
		if f.level&(atObject|atTable) != 0 {
			path = append(path, f.node.def.words...)
		} else {
			path = append(path, f.name)
		}
	}
	return path
}

// VDOM is the virtual domain the editor is in; "" outside of all. Without virtual
// domains it is "".
func (e *Editor) VDOM() string {
	for _, f := range e.w.frames {
		if f.level == atVDOM {
			return f.name
		}
	}
	return ""
}

// Prompt is the word of the prompt: the last word of the object's path or the key
// of the entry; "" at the top.
func (e *Editor) Prompt() string { return e.w.here().name }

// InObject says whether the editor is inside an object, so that what was set may not
// be in force yet.
func (e *Editor) InObject() bool { return e.w.depth() > 0 }

// InConfig says whether the editor is inside config, so that lines are its own.
func (e *Editor) InConfig() bool { return len(e.w.frames) > 1 }
