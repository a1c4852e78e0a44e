package sessiontable

import "net/netip"

// domain is the idle index of one set of candidates. See the package comment.
type domain struct {
	seats *seats

	ids       map[netip.Addr]uint32 // client id by address
	clients   []heap                // by client id: the client's entries, refs are slots
	clientPos []uint32              // by client id: its place in the bucket of its count
	spareIDs  []uint32

	ladder       ladder
	buckets      []heap // clients with equally many entries, refs are client ids
	spareBuckets []uint32

	size int // entries
}

// seats says where entries stand in a domain, by slot of the table. The domains of
// one kind share it: an entry is in one protocol only, and in one VDOM.
type seats struct {
	client []uint32 // client id in the entry's domain
	pos    []uint32 // place in that client's heap
}

func newDomain(s *seats) *domain {
	d := &domain{seats: s, ids: map[netip.Addr]uint32{}}
	d.ladder.reach(1)
	return d
}

// insert adds the entry at slot, with the rest that is known of it.
func (d *domain) insert(slot uint32, addr netip.Addr, number uint32, rest int64) {
	for int(slot) >= len(d.seats.pos) {
		d.seats.client = append(d.seats.client, 0)
		d.seats.pos = append(d.seats.pos, 0)
	}
	id, known := d.ids[addr]
	if known {
		d.leave(id)
	} else {
		id = d.newClient(addr)
	}
	d.seats.client[slot] = id
	d.clients[id].push(d.seats.pos, item{rest: rest, number: number, ref: slot})
	d.join(id)
	d.size++
}

// remove takes out the entry at slot.
func (d *domain) remove(slot uint32, addr netip.Addr) {
	id := d.seats.client[slot]
	d.leave(id)
	d.clients[id].remove(d.seats.pos, int(d.seats.pos[slot]))
	d.size--
	if len(d.clients[id]) > 0 {
		d.join(id)
		return
	}
	delete(d.ids, addr)
	d.clients[id] = d.clients[id].spare()
	d.spareIDs = append(d.spareIDs, id)
}

// rekey notes another rest of the entry at slot.
func (d *domain) rekey(slot uint32, rest int64) {
	id := d.seats.client[slot]
	h, i := d.clients[id], int(d.seats.pos[slot])
	h[i].rest = rest
	h.fix(d.seats.pos, i)

	b, place := d.bucket(len(h)), int(d.clientPos[id])
	if b[place].rest == h[0].rest && b[place].number == h[0].number {
		return
	}
	b[place].rest, b[place].number = h[0].rest, h[0].number
	b.fix(d.clientPos, place)
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

// join puts a client into the bucket of its count.
func (d *domain) join(id uint32) {
	h := d.clients[id]
	count := len(h)
	d.ladder.reach(count)
	r := &d.ladder.levels[0][count]
	if r.clients == 0 {
		r.bucket = d.newBucket()
	}
	b := &d.buckets[r.bucket]
	b.push(d.clientPos, item{rest: h[0].rest, number: h[0].number, ref: id})
	d.ladder.add(count, 1)
	d.ladder.set(count, (*b)[0].rest)
}

// leave takes a client out of the bucket of its count.
func (d *domain) leave(id uint32) {
	count := len(d.clients[id])
	r := &d.ladder.levels[0][count]
	b := &d.buckets[r.bucket]
	b.remove(d.clientPos, int(d.clientPos[id]))
	d.ladder.add(count, -1)
	if len(*b) > 0 {
		d.ladder.set(count, (*b)[0].rest)
		return
	}
	*b = b.spare()
	d.spareBuckets = append(d.spareBuckets, r.bucket)
	d.ladder.set(count, never)
}

// bucket is the bucket of a count at which clients stand.
func (d *domain) bucket(count int) heap {
	return d.buckets[d.ladder.levels[0][count].bucket]
}

func (d *domain) newClient(addr netip.Addr) uint32 {
	id, ok := pop(&d.spareIDs)
	if !ok {
		id = uint32(len(d.clients))
		d.clients = append(d.clients, nil)
		d.clientPos = append(d.clientPos, 0)
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

// rest is the known rest of the entry at slot.
func (d *domain) rest(slot uint32) int64 {
	return d.clients[d.seats.client[slot]][d.seats.pos[slot]].rest
}
