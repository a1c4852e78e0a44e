package sessiontable

import "utmsim/protocols"

// use counts entries now and at most.
type use struct {
	now, peak int
}

func (u *use) add(n int) {
	u.now += n
	u.peak = max(u.peak, u.now)
}

// usage counts the entries of the table.
type usage struct {
	total use
	proto [protocols.Count]use
	vdoms []vdomUse
}

type vdomUse struct {
	total use
	proto [protocols.Count]use
}

// add counts n entries of a key in, or out where n is negative.
func (u *usage) add(k Key, n int) {
	for int(k.VDOM) >= len(u.vdoms) {
		u.vdoms = append(u.vdoms, vdomUse{})
	}
	u.total.add(n)
	u.proto[k.Proto].add(n)
	u.vdoms[k.VDOM].total.add(n)
	u.vdoms[k.VDOM].proto[k.Proto].add(n)
}

func (u *usage) vdom(v uint16) vdomUse {
	if int(v) >= len(u.vdoms) {
		return vdomUse{}
	}
	return u.vdoms[v]
}

// resetPeaks makes every peak the use of now.
func (u *usage) resetPeaks() {
	u.total.peak = u.total.now
	resetPeaks(&u.proto)
	for i := range u.vdoms {
		v := &u.vdoms[i]
		v.total.peak = v.total.now
		resetPeaks(&v.proto)
	}
}

func resetPeaks(uses *[protocols.Count]use) {
	for i := range uses {
		uses[i].peak = uses[i].now
	}
}

// Current is the number of entries of a protocol now.
func (t *Table) Current(p protocols.Protocol) int { return t.protoUse(p).now }

// Peak is the largest number of entries that a protocol has had at a time since the
// table was made or ResetPeaks.
func (t *Table) Peak(p protocols.Protocol) int { return t.protoUse(p).peak }

// Total is the number of entries now.
func (t *Table) Total() int { return t.totalUse().now }

// PeakTotal is the largest number of entries at a time, as Peak.
func (t *Table) PeakTotal() int { return t.totalUse().peak }

// CurrentVDOM is the number of entries of a VDOM now.
func (t *Table) CurrentVDOM(v uint16) int { return t.vdomUse(v).total.now }

// InVDOM is the number of entries that a protocol has in one VDOM, now and at most.
func (t *Table) InVDOM(v uint16, p protocols.Protocol) (current, peak int) {
	u := t.vdomUse(v).proto[p]
	return u.now, u.peak
}

// Forget begins the peaks of a VDOM anew, whose index is to be used for another one.
// It reports false, and changes nothing, while the VDOM has entries.
func (t *Table) Forget(v uint16) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.used.vdom(v).total.now > 0:
		return false
	case int(v) < len(t.used.vdoms):
		t.used.vdoms[v] = vdomUse{}
	}
	return true
}

// ResetPeaks begins all peaks anew with the entries of now.
func (t *Table) ResetPeaks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used.resetPeaks()
}

func (t *Table) protoUse(p protocols.Protocol) use {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used.proto[p]
}

func (t *Table) totalUse() use {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used.total
}

func (t *Table) vdomUse(v uint16) vdomUse {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used.vdom(v)
}
