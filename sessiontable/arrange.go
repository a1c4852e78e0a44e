package sessiontable

import "utmsim/protocols"

// arrangeLocked keeps exactly the domains that the limits can ask for.
func (t *Table) arrangeLocked() {
	vdoms := len(t.limits.VDOM)
	for c, n := range [kinds]int{AnyEntry: 1, OfProtocol: protocols.Count, OfVDOM: vdoms, OfBoth: vdoms * protocols.Count} {
		k := &t.kinds[c]
		for len(k.domains) < n {
			k.domains = append(k.domains, nil)
		}
		for i := n; i < len(k.domains); i++ {
			k.put(i, nil)
		}
		k.domains = k.domains[:n]
	}
	for v := range max(1, vdoms) {
		for _, p := range protocols.All {
			for c := range Candidates(kinds) {
				t.keepLocked(c, Key{Proto: p, VDOM: uint16(v)})
			}
		}
	}
}

// keepLocked makes or gives up the domain of a kind that a key belongs to, as the
// limits ask.
func (t *Table) keepLocked(c Candidates, k Key) {
	_, proto := t.limits.proto(k.Proto)
	_, vdom := t.limits.vdom(k.VDOM)
	wanted := (c&OfProtocol == 0 || proto) && (c&OfVDOM == 0 || vdom)
	switch kept := t.domain(c, k) != nil; {
	case wanted && !kept:
		t.buildLocked(c, k)
	case kept && !wanted:
		t.kinds[c].put(c.index(k), nil)
	}
}

// buildLocked makes the domain of a kind that a key belongs to, from the entries in
// the table. The domain of all entries, which is built first, knows their keys.
func (t *Table) buildLocked(c Candidates, k Key) {
	d := newDomain(&t.kinds[c].seats)
	all := t.kinds[AnyEntry].domains[0]
	for slot, e := range t.rows {
		if e != nil && c.index(e.Key) == c.index(k) {
			d.insert(uint32(slot), e.Client, e.number, all.rest(uint32(slot)))
		}
	}
	t.kinds[c].put(c.index(k), d)
}

// put keeps d, which may be nil, as domain i of its kind.
func (k *kind) put(i int, d *domain) {
	if k.domains[i] != nil {
		k.kept--
	}
	if d != nil {
		k.kept++
	}
	k.domains[i] = d
}
