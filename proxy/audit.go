package proxy

import (
	"slices"
	"sync"

	"utmsim/internal/stats"
	"utmsim/protocols/wire"
	"utmsim/scanner"
)

// Auditor is what a Driver implements whose bypassed sessions are relayed without it:
// it finds the objects in what was recorded of one.
type Auditor interface {
	// Audit has judge look at each object that rec holds, as far as it can be told
	// from the bytes. An object need not outlive the call.
	Audit(rec *Recording, judge func(*scanner.Object))
}

// Recording is what a bypassed session has moved, as far as it was kept: a dialogue
// from its beginning, or an object that the driver itself has passed on.
type Recording struct {
	Up, Down []byte
	Object   *scanner.Object // nil: a dialogue
}

// AuditState is how far the audit of a session's content has come.
type AuditState uint8

// The states.
const (
	NotAudited  AuditState = iota // nothing of it was recorded, or nothing could be scanned
	AuditWaits                    // recorded; it is scanned when nobody else needs the scanner
	AuditClean                    // scanned, without a detection
	AuditDetect                   // scanned, with a detection
)

// Audit is what is known of the content of a bypassed session.
type Audit struct {
	State   AuditState
	Names   []string // of the detections, each once, at most maxAuditNames
	Scanned int64    // bytes that were scanned
	Missed  int64    // bytes that were not recorded, or that could not be scanned
}

const maxAuditNames = 4

// dossier collects what becomes known of one session: several recordings may be made of it.
type dossier struct {
	mu       sync.Mutex // guards the fields below
	audit    Audit
	waiting  int  // recordings that are not scanned yet
	scanned  bool // the session was counted as scanned,
	detected bool // as one with a detection,
	missed   bool // and as one of which something was not scanned
}

// look is the state of things.
func (d *dossier) look() Audit {
	if d == nil {
		return Audit{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.audit
	a.Names = slices.Clone(a.Names)
	switch {
	case len(a.Names) > 0:
		a.State = AuditDetect
	case d.waiting > 0:
		a.State = AuditWaits
	case d.scanned:
		a.State = AuditClean
	}
	return a
}

// record is what is kept of a bypassed session while it runs. Its bytes are those
// that were delivered. The zero value of a tape is empty.
type record struct {
	audits  *audits
	session *Session
	dir     stats.Direction // of object
	object  *scanner.Object // nil: a dialogue
	tapes   [2]tape         // by the side the bytes come from; of an object the first
	kept    int64           // bytes on both tapes
	taken   int64           // of these, in chunks of the pool
	framing int64           // bytes that were delivered beside the object's
	full    bool            // nothing more is kept
}

type tape struct {
	chunks []*wire.Chunk
	n      int
}

// beginAudit opens a dossier on a bypassed session, if such sessions are audited.
func (s *Session) beginAudit() {
	if s.bypass != 0 && s.eng.audits.limit.Load() > 0 {
		s.dossier = new(dossier)
	}
}

// endAudit hands over what was recorded, and counts what was not.
func (s *Session) endAudit() {
	if s.dossier == nil {
		return
	}
	s.record.done()
	s.eng.audits.missed(s.dossier, s.vdom.stats.Ledger(s.entry.Proto), s.leakBytes-s.recorded)
}

// newRecord begins to record, nil where nothing is.
func (s *Session) newRecord() *record {
	if s.dossier == nil {
		return nil
	}
	return &record{audits: &s.eng.audits, session: s}
}

// recordObject begins to record an object that a driver passes on unscanned.
func (h *Hold) recordObject() *record {
	r := h.s.newRecord()
	if r == nil {
		return nil
	}
	o := &h.in.Object
	r.dir = h.in.Dir
	r.object = &scanner.Object{Kind: o.Kind, Name: o.Name, ContentType: o.ContentType, URL: o.URL, Encodings: slices.Clone(o.Encodings)}
	return r
}

// room tells that further bytes are kept.
func (r *record) room() bool { return r != nil && !r.full }

// add keeps bytes that were delivered, all or none of them: what follows a gap would
// be taken for something else.
func (r *record) add(from wire.Side, b []byte) {
	if r == nil {
		return
	}
	if r.full || r.kept+int64(len(b)) > r.session.policy.oversize || !r.extend(&r.tapes[from], len(b)) {
		r.stop()
		return
	}
	r.kept += int64(len(b))
	t := &r.tapes[from]
	for len(b) > 0 {
		at := t.n % len(wire.Chunk{})
		n := copy(t.chunks[t.n/len(wire.Chunk{})][at:], b)
		t.n += n
		b = b[n:]
	}
}

// extend makes room for n bytes more, if the recordings together may have it.
func (r *record) extend(t *tape, n int) bool {
	for len(t.chunks)*len(wire.Chunk{}) < t.n+n {
		if !r.audits.take(chunkSize) {
			return false
		}
		r.taken += chunkSize
		t.chunks = append(t.chunks, wire.GetChunk())
	}
	return true
}

// passed notes delivered bytes that are no content of the object.
func (r *record) passed(n int64) {
	if r != nil {
		r.framing += n
	}
}

// stop ends what is kept, because something was delivered that is not.
func (r *record) stop() {
	if r != nil {
		r.full = true
	}
}

// flat is what is on a tape, in one piece.
func (t *tape) flat() []byte {
	b := make([]byte, 0, t.n)
	for i, c := range t.chunks {
		b = append(b, c[:min(len(c), t.n-i*len(c))]...)
		wire.PutChunk(c)
	}
	t.chunks, t.n = nil, 0
	return b
}

// done ends the recording and hands it over to be scanned.
func (r *record) done() {
	if r == nil {
		return
	}
	s := r.session
	job := &auditJob{dossier: s.dossier, session: s.id, vdom: s.vdom, route: s.policy, dir: r.dir, client: s.peer, server: s.target, bytes: r.kept + r.framing}
	job.rec.Object = r.object
	if up := wire.Client; r.object == nil || r.dir == stats.Up {
		job.rec.Up = r.tapes[up].flat()
		job.rec.Down = r.tapes[wire.Server].flat()
	} else {
		job.rec.Down = r.tapes[up].flat()
	}
	r.audits.give(r.taken - r.kept)
	s.recorded += job.bytes
	if r.kept == 0 { // nothing, or nothing but framing
		r.audits.missed(s.dossier, job.ledger(), job.bytes)
		return
	}
	r.audits.submit(job)
}
