package sessiontable

import "net/netip"

// domain is the idle index of one set of candidates. See the package comment.
type domain struct {
	entries *seats // of the entries, by slot; the heap is the client's

	ids      map[netip.Addr]uint32 // client id by address
	clients  []heap                // by client id: the client's entries, refs are slots
	standing []seat                // by client id; the heap is the bucket of the client's count
	spareIDs []uint32

	ladder       ladder
	buckets      []heap // clients with equally many entries, refs are client ids
	spareBuckets []uint32

	size int // entries
}

// seats is shared by the domains of one kind: an entry is in one protocol only, and
// in one VDOM.
type seats []seat

func newDomain(s *seats) *domain {
	d := &domain{entries: s, ids: map[netip.Addr]uint32{}}
	d.ladder.reach(1)
	return d
}

// insert adds the entry at slot, with the rest that is known of it.
func (d *domain) insert(slot uint32, addr netip.Addr, number uint32, rest int64) {
	for int(slot) >= len(*d.entries) {
		*d.entries = append(*d.entries, seat{})
	}
	id, known := d.ids[addr]
	if !known {
		id = d.newClient(addr)
	}
	(*d.entries)[slot].heap = id
	h := &d.clients[id]
	h.push(*d.entries, item{rest: rest, number: number, ref: slot})
	d.move(id, len(*h)-1, len(*h))
	d.size++
}

// remove takes out the entry at slot.
func (d *domain) remove(slot uint32, addr netip.Addr) {
	at := (*d.entries)[slot]
	h := &d.clients[at.heap]
	h.remove(*d.entries, int(at.pos))
	d.move(at.heap, len(*h)+1, len(*h))
	d.size--
	if len(*h) > 0 {
		return
	}
	delete(d.ids, addr)
	*h = h.spare()
	d.spareIDs = append(d.spareIDs, at.heap)
}

// rest is the known rest of the entry at slot.
func (d *domain) rest(slot uint32) int64 {
	at := (*d.entries)[slot]
	return d.clients[at.heap][at.pos].rest
}

// rekey notes another rest of the entry at slot.
func (d *domain) rekey(slot uint32, rest int64) {
	at := (*d.entries)[slot]
	h := d.clients[at.heap]
	h[at.pos].rest = rest
	h.fix(*d.entries, int(at.pos))

	stands := d.standing[at.heap]
	b := d.buckets[stands.heap]
	root := &b[stands.pos]
	if root.rest == h[0].rest && root.number == h[0].number {
		return
	}
	root.rest, root.number = h[0].rest, h[0].number
	b.fix(d.standing, int(stands.pos))
	d.ladder.set(len(h), b[0].rest)
}

// head is the first entry, in the victim's order, among those whose known rest is
// at or before limit: its slot and key, how many entries its client has and how
// many clients have more.
func (d *domain) head(limit int64) (it item, entries int, above uint32, ok bool) {
	count, above, ok := d.ladder.highest(limit)
	if !ok {
		return item{}, 0, 0, false
	}
	return d.clients[d.bucket(count)[0].ref][0], count, above, true
}

// move takes a client whose number of entries has changed from one bucket to another;
// there is none for 0. It joins before it leaves, so that the upper levels of the
// ladder, which mostly see no difference between neighbours, need no change.
func (d *domain) move(id uint32, from, to int) {
	stood := d.standing[id]
	d.ladder.reach(to)
	d.ladder.move(from, to)
	if to > 0 {
		d.join(id, to)
	}
	if from > 0 {
		d.leave(stood, from)
	}
}

func (d *domain) join(id uint32, count int) {
	r := d.ladder.rung(count)
	if r.clients == 1 { // the first
		r.bucket = d.newBucket()
	}
	d.standing[id].heap = r.bucket
	b := &d.buckets[r.bucket]
	root := d.clients[id][0]
	b.push(d.standing, item{rest: root.rest, number: root.number, ref: id})
	d.ladder.set(count, (*b)[0].rest)
}

func (d *domain) leave(stood seat, count int) {
	b := &d.buckets[stood.heap]
	b.remove(d.standing, int(stood.pos))
	if len(*b) > 0 {
		d.ladder.set(count, (*b)[0].rest)
		return
	}
	*b = b.spare()
	d.spareBuckets = append(d.spareBuckets, stood.heap)
	d.ladder.set(count, never)
}

// bucket is the bucket of a count at which clients stand.
func (d *domain) bucket(count int) heap { return d.buckets[d.ladder.rung(count).bucket] }

func (d *domain) newClient(addr netip.Addr) uint32 {
	id, ok := pop(&d.spareIDs)
	if !ok {
		id = uint32(len(d.clients))
		d.clients = append(d.clients, nil)
		d.standing = append(d.standing, seat{})
	}
	d.ids[addr] = id
	return id
}

func (d *domain) newBucket() uint32 {
	b, ok := pop(&d.spareBuckets)
	if !ok {
		b = uint32(len(d.buckets))
		d.buckets = append(d.buckets, nil)
	}
	return b
}

// spare is the memory of an empty heap for the next one to use; of a large one it
// is given back.
func (h heap) spare() heap {
	const keep = 64
	if cap(h) > keep {
		return nil
	}
	return h[:0]
}

// pop takes the last number off a list.
func pop(list *[]uint32) (uint32, bool) {
	last := len(*list) - 1
	if last < 0 {
		return 0, false
	}
	n := (*list)[last]
	*list = (*list)[:last]
	return n, true
}
