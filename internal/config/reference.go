package config

import (
	"iter"
	"slices"
)

// keysAt are the keys of the table at path. The table need not be one of ours: of
// blocks that are not simulated the keys are known too.
func keysAt(root *node, path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, def := range root.def.subs {
			if def.name != path {
				continue
			}
			for _, e := range root.subs[i].entries {
				if !yield(e.key) {
					return
				}
			}
		}
		for _, r := range root.extra {
			if r.name != path {
				continue
			}
			for _, k := range r.keys {
				if !yield(k) {
					return
				}
			}
		}
	}
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

// refersWithin says whether a value names something that exists; a setting that is
// no reference takes any.
func (s *setting) refersWithin(root *node, value string) bool {
	if s.takesAny(value) {
		return true
	}
	for _, path := range s.targets() {
		for k := range keysAt(root, path) {
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
	known map[string]map[string]bool // keys by path
}

func newDirectory(root *node) *directory {
	return &directory{root: root, known: make(map[string]map[string]bool)}
}

func (d *directory) has(s *setting, value string) bool {
	if s.takesAny(value) {
		return true
	}
	return slices.ContainsFunc(s.targets(), func(path string) bool { return d.keys(path)[value] })
}

func (d *directory) keys(path string) map[string]bool {
	keys, ok := d.known[path]
	if !ok {
		keys = make(map[string]bool)
		for k := range keysAt(d.root, path) {
			keys[k] = true
		}
		d.known[path] = keys
	}
	return keys
}
