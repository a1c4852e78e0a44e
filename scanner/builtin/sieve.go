package builtin

import (
	"bytes"
	"cmp"
	"hash"
	"slices"

	"utmsim/scanner/match"
)

// sieve searches the raw bytes of one layer and remembers where archives may begin.
type sieve struct {
	scan   *scan
	layer  *layer
	stream match.Stream
	visit  match.Visit // sieve.hit, bound once
	zipAt  int64       // where zipMagic stood first, -1 when it did not
	packAt int64       // the same of the other embeddedMagics,
	packed int         // and which of them it was
	keep   bool        // copy what follows the first of these into spool
	keptAt int64       // where the content of spool begins
	spool  spool

	pieces   []place              // segments of signatures found in the piece being fed
	progress map[*signature]place // by signature: the last segment found so far
	ends     []place              // where signatures that count from the end were found
	digests  [digestKinds]hash.Hash
	hashing  bool
}

// place is where a segment of a signature was found.
type place struct {
	sig        *signature
	segment    int
	start, end int64
}

func (v *sieve) reset(s *scan, l *layer, keep bool) {
	if v.visit == nil {
		v.visit = v.hit
	}
	v.scan, v.layer, v.keep, v.zipAt, v.packAt = s, l, keep, -1, -1
	v.stream.Reset(s.engine.set)
	v.pieces, v.ends = v.pieces[:0], v.ends[:0]
	clear(v.progress)
	v.hashing = len(s.engine.db.hashes) > 0
	if v.hashing {
		v.resetDigests()
	}
}

func (v *sieve) resetDigests() {
	for kind, wanted := range v.scan.engine.db.kinds {
		switch {
		case !wanted:
			v.digests[kind] = nil
		case v.digests[kind] == nil:
			v.digests[kind] = newDigest(kind)
		default:
			v.digests[kind].Reset()
		}
	}
}

// expect says that the layer has size bytes, if it is read to its end.
func (v *sieve) expect(size int64) { v.hashing = v.hashing && v.scan.engine.db.mayKnow(size) }

// feed searches the next bytes of the layer; a detection stops the scan.
func (v *sieve) feed(p []byte) {
	from := v.stream.Offset()
	v.stream.Feed(p, v.visit)
	if len(v.pieces) > 0 {
		v.join()
	}
	if v.hashing {
		v.digest(p, from+int64(len(p)))
	}
	if v.keep && v.mayHold() {
		v.store(p, from)
	}
}

// store keeps p, which stands at from, as far as archives may begin in it or before.
func (v *sieve) store(p []byte, from int64) {
	if v.spool.size == 0 {
		magic := zipMagic
		v.keptAt = v.zipAt
		if v.zipAt < 0 || v.packAt >= 0 && v.packAt < v.zipAt {
			v.keptAt, magic = v.packAt, embeddedMagics[v.packed]
		}
		v.spool.Write(magic[:max(from-v.keptAt, 0)]) // it began in the piece before
	}
	v.spool.Write(p[max(v.keptAt-from, 0):])
}

// digest adds p to the digests, unless the layer is larger by now than any file
// there is a digest for.
func (v *sieve) digest(p []byte, size int64) {
	db := v.scan.engine.db
	if !db.any && size > db.max {
		v.hashing = false
		return
	}
	for _, d := range v.digests {
		if d != nil {
			d.Write(p)
		}
	}
}

func (v *sieve) hit(h match.Hit) bool {
	e := v.scan.engine
	if n := h.Pattern - len(e.origins); n >= 0 {
		v.mayBegin(n, h.Start)
		return true
	}
	o := e.origins[h.Pattern]
	sig := o.sig
	at := place{sig, o.segment, h.Start, h.Start + int64(len(sig.segments[o.segment].Bytes))}
	switch {
	case o.segment == 0 && sig.offset == fromStart && h.Start != sig.at:
		return true
	case len(sig.segments) > 1:
		v.pieces = append(v.pieces, at)
		return true
	case sig.offset == fromEnd:
		v.mayEnd(at)
		return true
	}
	v.scan.detect(sig, v.layer)
	return false
}

// mayHold tells that an archive may begin somewhere.
func (v *sieve) mayHold() bool { return v.zipAt >= 0 || v.packAt >= 0 }

// mayBegin notes that the magic of a kind stands at at.
func (v *sieve) mayBegin(kind int, at int64) {
	switch {
	case kind == 0 && (v.zipAt < 0 || at < v.zipAt):
		v.zipAt = at
	case kind > 0 && (v.packAt < 0 || at < v.packAt):
		v.packAt, v.packed = at, kind
	}
}

// mayEnd remembers a place that counts if the layer ends as far behind it as its
// signature says, and forgets from time to time those for which it went on.
func (v *sieve) mayEnd(at place) {
	const many = 1024
	if len(v.ends) == cap(v.ends) && len(v.ends) >= many {
		fed := v.stream.Offset()
		v.ends = slices.DeleteFunc(v.ends, func(p place) bool { return p.start+p.sig.at < fed })
	}
	v.ends = append(v.ends, at)
}

// join follows signatures of several segments. Taking of each segment the one that
// ends first behind the segment before finds a signature wherever there is one.
// Segments found in a later piece end later, so that only those of one piece have
// to be put in order.
func (v *sieve) join() {
	slices.SortFunc(v.pieces, func(a, b place) int { return cmp.Compare(a.end, b.end) })
	if v.progress == nil {
		v.progress = map[*signature]place{}
	}
	for _, at := range v.pieces {
		last, begun := v.progress[at.sig]
		want := 0
		if begun {
			want = last.segment + 1
		}
		if at.segment != want || at.start < last.end {
			continue
		}
		if at.segment == len(at.sig.segments)-1 {
			v.scan.detect(at.sig, v.layer)
			break
		}
		v.progress[at.sig] = at
	}
	v.pieces = v.pieces[:0]
}

// finish looks for what can be known at the end of a layer only; the layer was fed
// to its end.
func (v *sieve) finish() {
	size := v.stream.Offset()
	for _, at := range v.ends {
		if at.start == size-at.sig.at {
			v.scan.detect(at.sig, v.layer)
			return
		}
	}
	if !v.hashing || !v.scan.engine.db.mayKnow(size) {
		return
	}
	for kind, d := range v.digests {
		if d == nil {
			continue
		}
		known := v.scan.engine.db.hashes[digest{uint8(kind), string(d.Sum(nil))}]
		if known != nil && (known.sizes == nil || known.sizes[size]) {
			v.scan.detected(known.class, known.name, v.layer)
			return
		}
	}
}

// restart forgets where archives may begin: what was fed belongs to a container that
// was read to its end, except for the last bytes, unread.
func (v *sieve) restart(unread []byte) {
	v.spool.release()
	from := v.stream.Offset() - int64(len(unread))
	v.zipAt, v.packAt = -1, -1
	for i, magic := range embeddedMagics {
		if at := bytes.Index(unread, magic); at >= 0 {
			v.mayBegin(i, from+int64(at))
		}
	}
	if v.keep && v.mayHold() {
		v.store(unread, from)
	}
}

// content is what the sieve kept.
func (v *sieve) content() *content {
	return &content{at: &v.spool, size: v.spool.size, zipAt: max(v.zipAt-v.keptAt, -1), packAt: max(v.packAt-v.keptAt, -1)}
}
