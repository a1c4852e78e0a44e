package config

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
)

// VDOM is an entry of "config vdom": a virtual domain besides root.
type VDOM struct {
	Name string `cli:"name" key:"string" max:"11" pattern:"hostname" help:"Virtual domain name."`
	Domain
}

// RootVDOM is the name of the VDOM that is always there. Its objects are
// Snapshot.Domain.
const RootVDOM = "root"

// maxVDOMs is how many VDOMs there may be, root among them: as many as the largest
// models of the appliance have.
const maxVDOMs = 500

// Domains are the VDOMs with their names, root first and the others in the order in
// which they were made.
func (s *Snapshot) Domains() iter.Seq2[string, *Domain] {
	return func(yield func(string, *Domain) bool) {
		if !yield(RootVDOM, &s.Domain) {
			return
		}
		for i := range s.VDOMs {
			if !yield(s.VDOMs[i].Name, &s.VDOMs[i].Domain) {
				return
			}
		}
	}
}

// VDOM finds the objects of a VDOM by its name; nil when there is none.
func (s *Snapshot) VDOM(name string) *Domain {
	for n, d := range s.Domains() {
		if n == name {
			return d
		}
	}
	return nil
}

// vdomTable is the place of the table of VDOMs in o.subs; -1 for objects without.
func (o *object) vdomTable() int {
	for i, sub := range o.subs {
		if sub.vdoms {
			return i
		}
	}
	return -1
}

// domains are the objects that each VDOM has for itself.
func (o *object) domains() []*object {
	var list []*object
	for _, sub := range o.subs {
		if sub.domain {
			list = append(list, sub)
		}
	}
	return list
}

// vdoms are the nodes of the VDOMs besides root.
func (n *node) vdoms() []*node {
	if i := n.def.vdomTable(); i >= 0 {
		return n.subs[i].entries
	}
	return nil
}

// home is the node that the objects of a VDOM stand in; nil when there is none.
func (n *node) home(vdom string) *node {
	if vdom == "" {
		return n
	}
	for _, v := range n.vdoms() {
		if v.key == vdom {
			return v
		}
	}
	return nil
}

// multiVDOM says whether virtual domains are enabled.
func (n *node) multiVDOM() bool {
	words := n.global("vdom-admin")
	return words != nil && (*words)[0] == "enable"
}

// global is the value of a setting of "config system global"; nil where there is
// none.
func (n *node) global(name string) *[]string {
	for i, def := range n.def.subs {
		if def.name != "system global" {
			continue
		}
		for j, s := range def.settings {
			if s.name == name {
				words := n.subs[i].words(j)
				return &words
			}
		}
	}
	return nil
}

// homeName is what home calls a VDOM.
func homeName(vdom string) string {
	if vdom == RootVDOM {
		return ""
	}
	return vdom
}

// newVDOM is a VDOM as the factory makes it: with the objects that root has in a new
// unit.
func newVDOM(factory *node, tok *token, name string) *node {
	e := newEntry(factory.def.subs[factory.def.vdomTable()], tok, name)
	e.subs = nil
	for _, sub := range factory.subs {
		if sub.def.domain {
			e.subs = append(e.subs, sub)
		}
	}
	return e
}

// vdom is the VDOM that lines apply to; "" for root and for what the whole unit
// shares.
func (w *walker) vdom() string {
	for _, f := range w.frames {
		if f.level == atVDOM {
			return homeName(f.name)
		}
	}
	return ""
}

// offers says whether config, show and get know an object here. With VDOMs what the
// unit shares is in "config global", and what a VDOM has for itself in that VDOM. A
// file may say anything anywhere: objects outside of both, or in the wrong one, are
// the unit's and root's.
func (w *walker) offers(def *object) bool {
	switch f := w.here(); {
	case def.vdoms:
		return false
	case w.lenient || f.level&atRoot == 0:
		return true
	case f.level == atTop:
		return !w.multi
	case f.level == atGlobal:
		return !def.domain
	}
	return def.domain
}

// editVDOM enters a VDOM; one that is not there is made.
func (w *walker) editVDOM(name string) ([]string, *CLIError) {
	if w.kept != nil && !slices.Contains(w.kept, name) {
		return nil, Denied()
	}
	f := frame{level: atVDOM, node: w.root, name: name, scope: scopeVDOM + " " + name}
	number := 0
	if name != RootVDOM {
		table := w.sub(w.root, w.root.def.vdomTable())
		if _, err := w.parseKey(table, name); err != nil {
			return nil, err
		}
		i := w.find(table, name)
		switch {
		case i >= 0:
			table.entries[i] = w.own(table.entries[i])
		case len(table.entries)+1 >= maxVDOMs:
			return nil, discarded(fmt.Sprintf("The maximum number of VDOMs has been reached: %d", maxVDOMs))
		default:
			i = len(table.entries)
			table.add(newVDOM(w.factory, w.tok, name))
		}
		f.node, number = table.entries[i], i+1
	}
	w.push(f)
	return []string{fmt.Sprintf("current vf=%s:%d", name, number)}, nil
}

// deleteVDOM removes a VDOM through which nobody can come and that nothing refers to.
func (w *walker) deleteVDOM(name string) *CLIError {
	if name == RootVDOM {
		return &CLIError{Lines: []string{"VDOM 'root' can't be deleted."}, Code: -23}
	}
	table := w.sub(w.root, w.root.def.vdomTable())
	i := w.find(table, name)
	switch {
	case i >= 0 && !w.lenient:
		if n := w.uses(table, name) + traffic(table.entries[i]); n > 0 {
			return inUse(n)
		}
	case i < 0 && w.lenient:
		return nil
	case i < 0:
		return noEntry(name)
	}
	table.remove(i)
	return nil
}

// traffic is how many objects of a VDOM let sessions in.
func traffic(vdom *node) int {
	var d VDOM
	vdom.decodeInto(reflect.ValueOf(&d).Elem())
	n := len(d.Policies)
	if d.WebProxy.Status {
		n++
	}
	if d.FTPProxy.Status {
		n++
	}
	return n
}
