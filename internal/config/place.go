package config

// place says where a node or setting is, in words for people.
type place struct {
	vdom string // "" for root and for what the whole unit shares
	path string // "firewall policy"
	key  string // of the entry; "" for an object that is no table
	sub  string // names of the objects within, "http "
}

// within is the place of an object inside the one at p.
func (p place) within(def *object) place {
	switch {
	case def.vdoms:
		return p
	case p.path == "":
		p.path = def.name
		return p
	}
	p.sub += def.name + " "
	return p
}

// entry is the place of an entry of the table at p; of the VDOM with that name where
// p is no object yet.
func (p place) entry(key string) place {
	switch {
	case p.path == "":
		p.vdom = key
		return p
	case p.sub == "":
		p.key = key
		return p
	}
	p.sub += key + " "
	return p
}

// id is the place of a setting, or of the object itself, as one string.
func (p place) id(setting string) string {
	return p.vdom + "\x00" + p.path + "\x00" + p.key + "\x00" + p.sub + "\x00" + setting
}

// mark remembers the line of a setting, or with "" of the object itself.
func (l *loader) mark(setting string, line int) {
	at := place{vdom: l.vdom()}
	for _, f := range l.frames {
		switch f.level {
		case atObject, atTable:
			at = at.within(f.node.def)
		case atEntry:
			at = at.entry(f.name)
		}
	}
	l.lines[at.id(setting)] = line
}

// lineOf is the line to blame for a fault, the best that is known; 0 when the file
// says nothing about the object.
func (l *loader) lineOf(f *fault) int {
	object, entry := f.place, f.place
	entry.sub = ""
	object.sub, object.key = "", ""
	for _, id := range []string{f.id(f.setting), f.id(""), entry.id(""), object.id("")} {
		if line, ok := l.lines[id]; ok {
			return line
		}
	}
	return 0
}
