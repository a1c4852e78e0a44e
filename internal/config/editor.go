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
	view  bool  // nothing may be changed
	base  *node // the tree the draft started from
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

func (e *Editor) walker(root *node) *walker {
	w := newWalker(root)
	w.persona = e.store.Snapshot().Simulator.Persona
	return w
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
	depth := e.w.depth()
	out, err := e.w.do(verb, args)
	if err != nil {
		return nil, err
	}
	after := e.w.depth()
	switch {
	case depth == 0 && after == 0:
		e.trackFrames()
	case after == 0 || verb == "next" && after == 1:
		return out, e.commit(after == 1)
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
		return here.level == atTable && (len(args) != 1 || e.w.locate(here.node, args[0].Text) < 0)
	}
	return true
}

// Question is what a person is asked before the line is executed; "" for a line
// that needs no second thought.
func (e *Editor) Question(words []Word) string {
	if len(words) != 1 || words[0].Quoted || e.view {
		return ""
	}
	if verb, err := resolveVerb(e.w.here().level, words[0].Text, false); err != nil || verb != "purge" {
		return ""
	}
	return "This operation will clear all table!\nDo you want to continue? (y/n)"
}

// trackFrames notes where frames begin in the log; it runs before the line that has
// opened one is added.
func (e *Editor) trackFrames() {
	for len(e.marks) < len(e.w.frames) {
		e.marks = append(e.marks, len(e.log))
	}
	e.marks = e.marks[:len(e.w.frames)]
}

// commit puts the draft in force, and goes on in the same table if reopen.
func (e *Editor) commit(reopen bool) *CLIError {
	err := e.store.commit(e.who, func(live *node) (*node, *CLIError) {
		if live == e.base {
			return e.w.root, nil
		}
		again := e.walker(live)
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

// restart begins a draft from root in the present scope and repeats lines in it.
func (e *Editor) restart(root *node, lines [][]Word) {
	scopes := slices.DeleteFunc(e.w.frames, func(f frame) bool { return f.level&atScope == 0 })
	e.base, e.w = root, e.walker(root)
	for _, f := range scopes[1:] {
		f.node = e.w.root
		e.w.push(f)
	}
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

// Prompt is the word of the prompt: the last word of the object's path or the key
// of the entry; "" at the top.
func (e *Editor) Prompt() string { return e.w.here().name }

// InConfig says whether the editor is inside config, so that lines are its own.
func (e *Editor) InConfig() bool { return len(e.w.frames) > 1 }
