package config

import (
	"iter"
	"slices"
)

// keysAt are the keys of the table at path, as the objects of a VDOM see it: the
// VDOM's own or the unit's. The table need not be one of ours: of blocks that are
// not simulated the keys are known too.
func keysAt(root *node, vdom, path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		home := root.home(vdom)
		if home == nil || !home.eachKey(path, everything, yield) || home == root {
			return
		}
		root.eachKey(path, common, yield)
	}
}

// everything and common tell which objects are meant: all, or those that the VDOMs
// have in common.
func everything(string, *object) bool { return true }

func common(scope string, def *object) bool {
	if def == nil {
		return scope == scopeGlobal || scope == scopeVDOM
	}
	return !def.domain
}

// eachKey yields the keys of the table at path within n. want is asked about an
// object, or about the scope of what is kept as text.
func (n *node) eachKey(path string, want func(scope string, def *object) bool, yield func(string) bool) bool {
	for i, def := range n.def.subs {
		if def.name != path || !want("", def) {
			continue
		}
		for _, e := range n.subs[i].entries {
			if !yield(e.key) {
				return false
			}
		}
	}
	for _, r := range n.extra {
		if r.name != path && (r.scope != scopeVDOM || path != scopeVDOM) || !want(r.scope, nil) {
			continue
		}
		for _, k := range r.keys {
			if !yield(k) {
				return false
			}
		}
	}
	return true
}

// targets are the paths of the tables whose keys the setting takes.
func (s *setting) targets() []string {
	if s.ref == "" {
		return s.elsewhere
	}
	return append([]string{s.ref}, s.elsewhere...)
}

// takesAny says whether a value need not name anything: the setting is no reference,
// or the value refers to nothing. The reference to a table whose keys are numbers is
// a number, and 0 refers to nothing.
func (s *setting) takesAny(value string) bool {
	switch s.kind {
	case kindInteger:
		return s.ref == "" || value == "0"
	case kindString:
		return s.ref == "" && len(s.oneof) == 0 || slices.Contains(s.oneof, value)
	}
	return true
}

// refersWithin says whether a value names something that exists in a VDOM; a setting
// that is no reference takes any.
func (s *setting) refersWithin(root *node, vdom, value string) bool {
	if s.takesAny(value) {
		return true
	}
	for _, path := range s.targets() {
		for k := range keysAt(root, vdom, path) {
			if k == value {
				return true
			}
		}
	}
	return false
}

// directory answers the same question for many values: it collects the keys of a
// table once. It is good until the tree changes.
type directory struct {
	root  *node
	known map[tableOf]map[string]bool // keys by table
}

// tableOf is the table at a path as a VDOM sees it.
type tableOf struct{ vdom, path string }

func newDirectory(root *node) *directory {
	return &directory{root: root, known: make(map[tableOf]map[string]bool)}
}

func (d *directory) has(s *setting, vdom, value string) bool {
	if s.takesAny(value) {
		return true
	}
	return slices.ContainsFunc(s.targets(), func(path string) bool { return d.keys(vdom, path)[value] })
}

func (d *directory) keys(vdom, path string) map[string]bool {
	at := tableOf{vdom, path}
	keys, ok := d.known[at]
	if !ok {
		keys = make(map[string]bool)
		for k := range keysAt(d.root, vdom, path) {
			keys[k] = true
		}
		d.known[at] = keys
	}
	return keys
}
