package config

import (
	"reflect"
	"slices"
)

// node is one object of the configuration with its values: the root, an object, a
// table or an entry of one. Trees are persistent: a committed node never changes,
// and a draft copies the nodes it changes and shares the rest.
type node struct {
	def *object
	by  *token // the draft that may change it

	values [][]string // by def.settings; nil: the default
	said   []string   // by def.settings: see say; nil: nothing
	subs   []*node    // by def.subs
	extra  []raw      // what is not simulated, in the order of its files

	entries []*node // of a table, in order
	table   bool

	key    string // of an entry
	opaque *raw   // the entry as a whole is not simulated: its text

	decoded reflect.Value  // of a committed entry: its struct
	index   map[string]int // of a draft's table: entries by key
	finds   int            // searches since the index was dropped
}

// token is the identity of a draft. It is not the draft itself, so that nodes don't
// keep old trees alive.
type token struct{ _ byte }

// raw is text of a file that is kept because what it says is not simulated.
type raw struct {
	name  string   // what it configures: the path of a block, "set NAME", "#" for the file's head
	scope string   // "", "global", "vdom NAME" or "vdom": the block it stood in
	text  string   // whole lines
	keys  []string // of a block: the keys of its entries; of a VDOM its name
	load  *token   // the file it came from
}

// draft is a tree being changed.
type draft struct {
	tok  *token
	root *node
}

func newDraft(root *node) *draft {
	d := &draft{tok: new(token)}
	d.root = d.own(root)
	return d
}

// newNode is an object with factory values, the objects within it included, or an
// empty table.
func newNode(def *object, tok *token) *node {
	if def.table {
		return &node{def: def, by: tok, table: true}
	}
	return newEntry(def, tok, "")
}

// newEntry is an entry of a table with factory values.
func newEntry(def *object, tok *token, key string) *node {
	n := &node{def: def, by: tok, key: key, values: make([][]string, len(def.settings))}
	for _, d := range def.subs {
		n.subs = append(n.subs, newNode(d, tok))
	}
	return n
}

// own is n itself when the draft may change it, else a copy that it may change.
func (d *draft) own(n *node) *node {
	if n.by == d.tok {
		return n
	}
	c := *n
	c.by = d.tok
	c.values, c.said, c.subs = slices.Clone(n.values), slices.Clone(n.said), slices.Clone(n.subs)
	c.extra, c.entries = slices.Clone(n.extra), slices.Clone(n.entries)
	c.decoded, c.index, c.finds = reflect.Value{}, nil, 0
	return &c
}

// sub is object i within n, for changing; n belongs to the draft.
func (d *draft) sub(n *node, i int) *node {
	n.subs[i] = d.own(n.subs[i])
	return n.subs[i]
}

// entry is the entry with that key, for changing, and whether it is new; the table
// belongs to the draft.
func (d *draft) entry(table *node, key string) (*node, bool) {
	i := d.find(table, key)
	if i < 0 {
		e := newEntry(table.def, d.tok, key)
		table.add(e)
		return e, true
	}
	table.entries[i] = d.own(table.entries[i])
	return table.entries[i], false
}

// find is the place of the entry with that key, or -1.
func (n *node) find(key string) int {
	return slices.IndexFunc(n.entries, func(e *node) bool { return e.key == key })
}

// find is table.find with, for a table that belongs to the draft, an index after a
// few searches, which is when a file is being read.
func (d *draft) find(table *node, key string) int {
	const worthIndex = 8
	if table.by != d.tok {
		return table.find(key)
	}
	if table.index == nil {
		if table.finds++; table.finds < worthIndex {
			return table.find(key)
		}
		table.index = make(map[string]int, len(table.entries))
		for i, e := range table.entries {
			table.index[e.key] = i
		}
	}
	if i, ok := table.index[key]; ok {
		return i
	}
	return -1
}

func (n *node) add(e *node) {
	if n.index != nil {
		n.index[e.key] = len(n.entries)
	}
	n.entries = append(n.entries, e)
}

// remove takes out entry i; the table belongs to a draft.
func (n *node) remove(i int) {
	n.entries = slices.Delete(n.entries, i, i+1)
	n.reordered()
}

// reordered forgets the index after entries have been removed, moved or renamed.
func (n *node) reordered() { n.index, n.finds = nil, 0 }

// words are the values of setting i; the result is not to be changed.
func (n *node) words(i int) []string {
	if v := n.values[i]; v != nil {
		return v
	}
	return n.def.settings[i].def
}

// isDefault says whether setting i has its factory value.
func (n *node) isDefault(i int) bool { return n.values[i] == nil }

// say notes the verb with which a file gives setting i its factory value: a backup
// has such lines too, because what is a default here need not be one elsewhere. n
// belongs to a draft.
func (n *node) say(i int, verb string) {
	if n.said == nil {
		n.said = make([]string, len(n.values))
	}
	n.said[i] = verb
}

// saysDefault is the verb that say has noted; "" when there was none, or when the
// setting has been changed since.
func (n *node) saysDefault(i int) string {
	if n.said == nil {
		return ""
	}
	return n.said[i]
}

// clear gives setting i its factory value; n belongs to a draft.
func (n *node) clear(i int) {
	n.values[i] = nil
	if n.said != nil {
		n.said[i] = ""
	}
}

// set stores the values of setting i; n belongs to a draft.
func (n *node) set(i int, words []string) {
	n.clear(i)
	switch {
	case slices.Equal(words, n.def.settings[i].def):
	case words == nil:
		n.values[i] = []string{}
	default:
		n.values[i] = words
	}
}

// visit calls f for n, its objects, entries and theirs. key is that of the
// outermost entry, path that of the outermost object.
func (n *node) visit(f func(at place, n *node)) { n.visitAt(place{}, f) }

func (n *node) visitAt(at place, f func(place, *node)) {
	if n.opaque != nil {
		return
	}
	if !n.table {
		f(at, n)
	}
	for _, e := range n.entries {
		e.visitAt(at.entry(e.key), f)
	}
	for _, s := range n.subs {
		s.visitAt(at.within(s.def), f)
	}
}

// decodeInto fills the struct v, the Go side of n.
func (n *node) decodeInto(v reflect.Value) {
	for i, s := range n.def.settings {
		s.decode(n.words(i), v.FieldByIndex(s.index))
	}
	for i, sub := range n.subs {
		switch field := v.FieldByIndex(n.def.fields[i]); {
		case sub.table:
			field.Set(sub.decodeTable(field.Type()))
		case sub.def.element >= 0:
			sub.decodeInto(field.Index(sub.def.element))
		default:
			sub.decodeInto(field)
		}
	}
}

func (n *node) decodeTable(t reflect.Type) reflect.Value {
	list := reflect.MakeSlice(t, 0, len(n.entries))
	for _, e := range n.entries {
		if e.opaque != nil {
			continue
		}
		if !e.decoded.IsValid() {
			v := reflect.New(n.def.typ).Elem()
			n.def.key.decodeWord(e.key, v.FieldByIndex(n.def.key.index))
			e.decodeInto(v)
			e.decoded = v
		}
		list = reflect.Append(list, e.decoded)
	}
	return list
}

// snapshot is the Go side of a whole tree.
func snapshot(root *node) *Snapshot {
	s := new(Snapshot)
	root.decodeInto(reflect.ValueOf(s).Elem())
	return s
}
