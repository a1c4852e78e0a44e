package config

import (
	"cmp"
	"strings"
)

// ChangeKind is what happened to an object or setting.
type ChangeKind uint8

// The kinds of change.
const (
	Changed ChangeKind = iota // a setting has another value
	Added                     // an entry is new; its settings follow as Changed
	Deleted                   // an entry is gone
	Moved                     // the order of a table is another; Old and New list the keys
)

// String is the kind in a word.
func (k ChangeKind) String() string { return [...]string{"changed", "added", "deleted", "moved"}[k] }

// Change is one difference between two configurations. Values are as show prints
// them.
type Change struct {
	Kind     ChangeKind
	VDOM     string // whose object it is; "" for root's and the unit's
	Path     string // the object: "firewall policy"; of VDOMs themselves "system vdom"
	Key      string // the entry; "" for an object that is no table and for Moved
	Setting  string // within an object in the entry "http ports"; of the other kinds the table within, mostly ""
	Old, New string // of a password a star
}

// What is what has changed, without its values: "system global hostname",
// `firewall vip "web" added`.
func (c Change) What() string {
	var parts []string
	if c.VDOM != "" {
		parts = append(parts, scopeVDOM, quote(c.VDOM))
	}
	parts = append(parts, c.Path)
	if c.Key != "" {
		parts = append(parts, quote(c.Key))
	}
	if c.Setting != "" {
		parts = append(parts, c.Setting)
	}
	switch c.Kind {
	case Added:
		parts = append(parts, "added")
	case Deleted:
		parts = append(parts, "deleted")
	case Moved:
		parts = append(parts, "order")
	}
	return strings.Join(parts, " ")
}

// vdomPath is what the appliance's log calls the table of VDOMs.
const vdomPath = "system vdom"

// differ collects changes. Nodes that both trees share are equal by construction.
type differ struct {
	factory *node // what a new VDOM is compared with
	changes []Change
}

func changes(old, new, factory *node) []Change {
	d := differ{factory: factory}
	d.object(place{}, old, new)
	return d.changes
}

func (d *differ) object(at place, old, new *node) {
	if old == new {
		return
	}
	for i, s := range new.def.settings {
		if a, b := s.print(old.words(i)), s.print(new.words(i)); a != b {
			if s.kind == kindPassword {
				a, b = s.plain(old.words(i)), s.plain(new.words(i))
			}
			d.changes = append(d.changes, Change{VDOM: at.vdom, Path: at.path, Key: at.key, Setting: at.sub + s.name, Old: a, New: b})
		}
	}
	for i := range new.subs {
		at := at.within(new.def.subs[i])
		if new.subs[i].table {
			d.table(at, old.subs[i], new.subs[i])
			continue
		}
		d.object(at, old.subs[i], new.subs[i])
	}
}

func (d *differ) table(at place, old, new *node) {
	if old == new {
		return
	}
	before := live(old)
	after := live(new)
	for _, e := range old.entries {
		if before[e.key] != nil && after[e.key] == nil {
			d.add(Deleted, at, e.key)
		}
	}
	for _, e := range new.entries {
		if after[e.key] == nil {
			continue
		}
		was := before[e.key]
		if was == nil {
			d.add(Added, at, e.key)
			was = d.blank(new.def, e.key)
		}
		d.object(at.entry(e.key), was, e)
	}
	a, b := shared(old, before, after), shared(new, before, after)
	if a != b {
		d.changes = append(d.changes, Change{Kind: Moved, VDOM: at.vdom, Path: cmp.Or(at.path, vdomPath), Key: at.key, Setting: strings.TrimSpace(at.sub), Old: a, New: b})
	}
}

// blank is a new entry.
func (d *differ) blank(def *object, key string) *node {
	if def.vdoms {
		return newVDOM(d.factory, nil, key)
	}
	return newEntry(def, nil, key)
}

func (d *differ) add(kind ChangeKind, at place, key string) {
	if at.path == "" {
		d.changes = append(d.changes, Change{Kind: kind, Path: vdomPath, Key: key})
		return
	}
	inner := at.entry(key)
	d.changes = append(d.changes, Change{Kind: kind, VDOM: inner.vdom, Path: at.path, Key: inner.key, Setting: strings.TrimSpace(inner.sub)})
}

// live are the entries of a table that are simulated.
func live(table *node) map[string]*node {
	m := make(map[string]*node, len(table.entries))
	for _, e := range table.entries {
		if e.opaque == nil {
			m[e.key] = e
		}
	}
	return m
}

// shared lists the keys that stand in both versions of a table, in table's order.
func shared(table *node, before, after map[string]*node) string {
	var keys []string
	for _, e := range table.entries {
		if before[e.key] != nil && after[e.key] != nil {
			keys = append(keys, e.key)
		}
	}
	return strings.Join(keys, " ")
}
