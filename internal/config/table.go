package config

import (
	"reflect"
	"slices"
)

// delete removes an entry that nothing refers to. In a file an entry that is not
// there is as good as removed, and references are checked at the end.
func (w *walker) delete(words []Word) *CLIError {
	if err := one(words); err != nil {
		return err
	}
	if w.here().level == atVDOMs {
		return w.deleteVDOM(words[0].Text)
	}
	table := w.here().node
	i := w.locate(table, words[0].Text)
	if i < 0 {
		if w.lenient {
			return nil
		}
		return noEntry(words[0].Text)
	}
	if !w.lenient {
		if n := w.uses(table, table.entries[i].key); n > 0 {
			return inUse(n)
		}
	}
	table.remove(i)
	return nil
}

// locate is the place of the entry that a line names, or -1.
func (w *walker) locate(table *node, text string) int {
	key, err := table.def.key.parseWord(text, false)
	if err != nil {
		return -1
	}
	return w.find(table, key)
}

// purge removes all entries of a table, or none when one of them is in use.
func (w *walker) purge(words []Word) *CLIError {
	if err := none(words); err != nil {
		return err
	}
	table := w.here().node
	if !w.lenient {
		keys := make(map[string]bool, len(table.entries))
		for _, e := range table.entries {
			keys[e.key] = true
		}
		if n := w.usesOf(table, func(key string) bool { return keys[key] }); n > 0 {
			return inUse(n)
		}
	}
	table.entries = nil
	table.reordered()
	return nil
}

// rename gives an entry another key, "rename OLD to NEW"; what refers to it follows.
func (w *walker) rename(words []Word) *CLIError {
	if err := sentence(words, "to"); err != nil {
		return err
	}
	table := w.here().node
	i := w.locate(table, words[0].Text)
	if i < 0 {
		return noEntry(words[0].Text)
	}
	if table.entries[i].opaque != nil {
		return discarded("entry '" + words[0].Text + "' is not simulated: it can be deleted, not renamed")
	}
	key, err := w.parseKey(table, words[2].Text)
	if err != nil {
		return err
	}
	if w.find(table, key) >= 0 {
		return keyExists(key)
	}
	e := w.own(table.entries[i])
	old := e.key
	e.key, table.entries[i] = key, e
	table.reordered()
	w.redirectAll(table, old, key)
	return nil
}

// redirectAll lets every reference to an entry of a table follow its new key. To a
// table of a VDOM only that VDOM refers.
func (w *walker) redirectAll(table *node, from, to string) {
	home := w.root.home(w.vdom())
	if !table.def.domain {
		home = w.root
	}
	for i, s := range home.subs {
		if (s.def.domain || !table.def.domain) && refers(s, table.def.name, from) {
			w.redirect(w.sub(home, i), table.def.name, from, to)
		}
	}
}

// redirect lets the references within n follow.
func (w *walker) redirect(n *node, path, from, to string) {
	if n.opaque != nil {
		return
	}
	for i, s := range n.def.settings {
		if n.table || s.ref != path || !slices.Contains(n.words(i), from) {
			continue
		}
		words := slices.Clone(n.words(i))
		words[slices.Index(words, from)] = to
		n.set(i, words)
	}
	for i, e := range n.entries {
		if refers(e, path, from) {
			n.entries[i] = w.own(e)
			w.redirect(n.entries[i], path, from, to)
		}
	}
	for i, s := range n.subs {
		if refers(s, path, from) {
			w.redirect(w.sub(n, i), path, from, to)
		}
	}
}

func refers(n *node, path, key string) bool {
	found := 0
	n.visit(func(_ place, n *node) { found += n.references(path, func(k string) bool { return k == key }) })
	return found > 0
}

// move puts an entry before or after another: "move KEY before KEY".
func (w *walker) move(words []Word) *CLIError {
	if err := sentence(words, "before", "after"); err != nil {
		return err
	}
	table := w.here().node
	i, j := w.locate(table, words[0].Text), w.locate(table, words[2].Text)
	if i < 0 {
		return noEntry(words[0].Text)
	}
	if j < 0 {
		return noEntry(words[2].Text)
	}
	if i == j {
		return nil
	}
	e := table.entries[i]
	table.entries = slices.Delete(table.entries, i, i+1)
	if j > i {
		j--
	}
	if _, m := resolve(1, func(int) string { return "after" }, words[1].Text); m == matched {
		j++
	}
	table.entries = slices.Insert(table.entries, j, e)
	table.reordered()
	return nil
}

// clone copies an entry under another key: "clone OLD to NEW".
func (w *walker) clone(words []Word) *CLIError {
	if err := sentence(words, "to"); err != nil {
		return err
	}
	table := w.here().node
	i := w.locate(table, words[0].Text)
	if i < 0 {
		return noEntry(words[0].Text)
	}
	if table.entries[i].opaque != nil {
		return discarded("entry '" + words[0].Text + "' is not simulated: it can be deleted, not cloned")
	}
	key, err := w.parseKey(table, words[2].Text)
	if err != nil {
		return err
	}
	if w.find(table, key) >= 0 {
		return keyExists(key)
	}
	e := w.copyOf(table.entries[i])
	e.key = key
	table.add(e)
	return nil
}

// copyOf is a copy of n that belongs to the draft, the objects within it included.
func (w *walker) copyOf(n *node) *node {
	c := *n
	c.by, c.decoded, c.index, c.finds = w.tok, reflect.Value{}, nil, 0
	c.values, c.extra = slices.Clone(n.values), slices.Clone(n.extra)
	c.subs, c.entries = make([]*node, len(n.subs)), make([]*node, len(n.entries))
	for i, s := range n.subs {
		c.subs[i] = w.copyOf(s)
	}
	for i, e := range n.entries {
		c.entries[i] = w.copyOf(e)
	}
	return &c
}

// sentence wants a key, one of the words in the middle, and a key.
func sentence(words []Word, middle ...string) *CLIError {
	if len(words) >= 2 {
		if _, m := resolve(len(middle), func(i int) string { return middle[i] }, words[1].Text); m != matched {
			return unknownWord(words[1].Text)
		}
	}
	if len(words) < 3 {
		return incomplete()
	}
	return none(words[3:])
}

// uses counts the settings that refer to an entry of a table.
func (w *walker) uses(table *node, key string) int {
	return w.usesOf(table, func(k string) bool { return k == key })
}

func (w *walker) usesOf(table *node, is func(key string) bool) int {
	n, vdom := 0, w.vdom()
	w.root.visit(func(at place, x *node) {
		if !table.def.domain || at.vdom == vdom {
			n += x.references(table.def.name, is)
		}
	})
	return n
}

// references counts the settings of n itself that refer to entries of the table at
// path.
func (n *node) references(path string, is func(key string) bool) int {
	count := 0
	if k := n.def.key; k != nil && k.ref == path && is(n.key) {
		count++
	}
	for i, s := range n.def.settings {
		if s.ref == path && slices.ContainsFunc(n.words(i), is) {
			count++
		}
	}
	return count
}
