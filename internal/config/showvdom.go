package config

import "strings"

// vdoms writes the configuration of a unit with virtual domains in the layout of the
// appliance's backups: first which VDOMs there are, then what the unit shares, then
// each VDOM.
func (p *printer) vdoms(n, was *node) {
	p.line("config", scopeVDOM)
	p.line("edit", RootVDOM)
	p.line("next")
	for _, v := range n.vdoms() {
		p.line("edit", v.key)
		p.line("next")
	}
	p.line("end")
	p.out = append(p.out, "")
	p.line("config", scopeGlobal)
	p.shared(n, was)
	p.line("end")
	p.vdom(RootVDOM, func() { p.ofRoot(n, was) })
	for _, v := range n.vdoms() {
		var old *node
		if was != nil {
			old = newVDOM(was, nil, v.key)
		}
		p.vdom(v.key, func() { p.ofVDOM(v, old) })
	}
	p.kept(n, func(r raw) bool { return r.scope == scopeVDOM })
}

func (p *printer) vdom(name string, content func()) {
	p.out = append(p.out, "")
	p.line("config", scopeVDOM)
	p.line("edit", name)
	content()
	p.line("end")
}

// shared writes what the VDOMs have in common.
func (p *printer) shared(n, was *node) {
	p.objects(n, was, func(o *object) bool { return !o.domain && !o.vdoms })
	p.texts(n, raw.isShared)
}

// ofRoot writes the objects of root.
func (p *printer) ofRoot(n, was *node) {
	p.objects(n, was, func(o *object) bool { return o.domain })
	p.texts(n, func(r raw) bool { return !r.isHead() && !r.isShared() && r.scope != scopeVDOM })
}

// ofVDOM writes the objects of another VDOM.
func (p *printer) ofVDOM(v, was *node) {
	p.objects(v, was, func(*object) bool { return true })
	p.texts(v, func(raw) bool { return true })
}

func (p *printer) texts(n *node, want func(raw) bool) {
	for _, r := range n.extra {
		if want(r) {
			p.raw(r.text)
		}
	}
}

// scoped writes what an editor sees that is in no object: the whole configuration,
// or with VDOMs the part it is in.
func (p *printer) scoped(at *frame, multi bool) {
	switch {
	case at.level == atTop || !multi:
		p.root(at.node, nil)
	case at.level == atGlobal:
		p.shared(at.node, nil)
	case at.name == RootVDOM:
		p.ofRoot(at.node, nil)
	default:
		p.ofVDOM(at.node, nil)
	}
}

func (r raw) isHead() bool { return r.name == headName }

// isShared says whether what is kept is the unit's. What a file has outside of every
// block is sorted by its name as the appliance's objects mostly are.
func (r raw) isShared() bool {
	if r.scope == "" && !r.isHead() {
		return strings.HasPrefix(r.name, "system ") || strings.HasPrefix(r.name, "log ")
	}
	return r.scope == scopeGlobal
}
