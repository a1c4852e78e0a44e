package mail

import (
	"bytes"
	"strings"
)

// mode is one reading of a message. Where programs differ the message is read
// more than once.
type mode struct {
	cr   bool // a bare CR ends a line
	last bool // the last of several boundaries counts, not the first
}

// read walks a source in all readings that can differ. host is where what was
// decoded to get the source stands in the message, nil for the message itself.
// above is the head of a source that has none itself.
func (m *Message) read(src source, host *spot, depth int, above *header) {
	w := walker{m: m, src: src, host: host, depth: depth}
	w.run(above)
	modes := []mode{{cr: true}, {last: true}, {cr: true, last: true}}
	for _, next := range modes {
		if next.cr && !w.bareCR || next.last && !w.choice || m.stopped() {
			continue
		}
		again := walker{m: m, src: src, host: host, depth: depth, mode: next}
		again.run(above)
		w.choice = w.choice || again.choice
	}
}

// walker is one reading of one source.
type walker struct {
	m     *Message
	src   source
	host  *spot
	depth int
	mode  mode

	frames []frame
	cur    entity

	token   []byte // of the line before, when it looks like a delimiter nobody announced
	tokenAt int64  // where that line begins

	bareCR bool // a bare CR was met that did not end a line
	choice bool // there were several boundaries to choose from
}

// entity is a head and the body below it.
type entity struct {
	head   header
	inHead bool
	inset  bool // text around the parts of a multipart: it has no head
	bare   bool // a body whose head is not in the source
	lines  Span // the head's lines
	from   int64
	nature nature
}

// frame is an entity that others lie in.
type frame struct {
	owner    entity
	boundary []byte // nil: none is known
	own      bool   // the owner's body is content as well
	wrapper  bool   // own, but everything in it is looked at by others
	implied  bool   // nobody announced the boundary
}

// run walks the whole source.
func (w *walker) run(above *header) {
	lines := w.src.lines(Span{0, w.src.size}, w.mode.cr)
	defer lines.close()
	w.frames, w.m.frames = w.m.frames[:0], nil // readings inside this one have their own
	if above == nil {
		w.begin(0)
	} else {
		w.cur = entity{head: *above, bare: true}
		w.body(0)
	}
	var l line
	var before int64 // where the text of the line before ends
	for !w.m.stopped() {
		if !w.cur.inHead && len(w.token) == 0 && !w.mode.cr {
			before = lines.skipTo(delimiterMark, before) // nothing else matters in a body
		}
		if !lines.read(&l) {
			break
		}
		w.line(&l, before)
		before = l.end
	}
	w.bareCR = lines.bareCR
	w.closeTo(0, w.src.size)
	w.m.frames = w.frames
}

// delimiterMark is the line end before a delimiter and what it begins with.
const delimiterMark = "\n--"

// begin starts an entity with its head at at.
func (w *walker) begin(at int64) { w.cur = entity{inHead: true, lines: Span{at, at}} }

// line takes the next line; before is where the text of the one before it ends.
func (w *walker) line(l *line, before int64) {
	token, tokenAt := w.token, w.tokenAt
	w.token = nil
	if bytes.HasPrefix(l.b, []byte("--")) {
		if w.cur.inHead && w.announced(l.b) {
			w.endHead(l.start, l.start)
		}
		if w.delimiter(l, before) {
			return
		}
		w.token, w.tokenAt = append(token[:0], bytes.TrimRight(l.b[2:], " \t")...), l.start
	} else if len(token) > 0 && w.partHead(l.b, token) && w.impliedPart(token, tokenAt, l) {
		return
	}
	if w.cur.inHead {
		w.headLine(l)
	}
}

// announced tells that the head that is being read announces the delimiter b,
// which comes too early.
func (w *walker) announced(b []byte) bool {
	if !w.m.charge(int64(w.cur.head.size)) {
		return false
	}
	for _, v := range w.cur.head.types {
		for _, boundary := range boundaries(nil, v) {
			if ok, _ := delimits(b, []byte(boundary)); ok {
				return true
			}
		}
	}
	return false
}

// headLine takes a line of a head. An empty one ends it.
func (w *walker) headLine(l *line) {
	if l.end == l.start {
		w.endHead(l.start, l.next)
		return
	}
	fits := w.cur.head.feed(l.b, &w.m.headRoom)
	cut := l.end-l.start > int64(len(l.b)) && w.cur.head.last != nil
	if !fits || cut {
		w.m.exceed(HeadTooLong) // what it goes on to say nobody has read
	}
	if !fits {
		w.endHead(l.next, l.next)
	}
}

// endHead ends the head whose lines end at to; the body begins at from.
func (w *walker) endHead(to, from int64) {
	w.cur.lines.To = to
	w.body(from)
}

// body begins the body of the current entity.
func (w *walker) body(from int64) {
	e := &w.cur
	e.inHead, e.from = false, from
	e.nature = e.head.nature()
	n := &e.nature
	if n.partial && w.m.Partial == nil {
		w.m.Partial = partialOf(e.head.types)
	}
	encoded := n.base64 || n.quoted
	switch {
	case n.multipart || len(n.boundaries) > 0:
		w.choice = w.choice || len(n.boundaries) > 1
		f := frame{owner: *e, own: encoded || !n.multipart, boundary: w.chosen(n.boundaries)}
		if w.push(f) {
			w.cur = entity{inset: true, from: from}
		}
	case n.message && !encoded:
		if w.push(frame{owner: *e, own: true, wrapper: true}) {
			w.begin(from)
		}
	}
}

func (w *walker) chosen(list []string) []byte {
	switch {
	case len(list) == 0:
		return nil
	case w.mode.last:
		return []byte(list[len(list)-1])
	}
	return []byte(list[0])
}

// push opens a frame unless there are too many.
func (w *walker) push(f frame) bool {
	if w.depth+len(w.frames) >= w.m.limits.Depth {
		if !f.implied {
			w.m.exceed(TooDeep)
		}
		return false
	}
	w.frames = append(w.frames, f)
	return true
}

// delimiter acts on a line that is the delimiter of an open frame, innermost
// first. before is where the text of the line before it ends.
func (w *walker) delimiter(l *line, before int64) bool {
	for i := len(w.frames) - 1; i >= 0; i-- {
		ok, closing := delimits(l.b, w.frames[i].boundary)
		if !ok {
			continue
		}
		w.closeTo(i+1, before)
		switch {
		case !closing:
			w.begin(l.next)
		case w.frames[i].implied:
			w.cur = w.frames[i].owner
			w.frames = w.frames[:i]
		default:
			w.cur = entity{inset: true, from: l.next}
		}
		return true
	}
	return false
}

// delimits tells that b is the delimiter of a boundary, and the last one.
func delimits(b, boundary []byte) (ok, closing bool) {
	if boundary == nil || len(b) < 2+len(boundary) || string(b[2:2+len(boundary)]) != string(boundary) {
		return false, false
	}
	rest := b[2+len(boundary):]
	if closing = bytes.HasPrefix(rest, []byte("--")); closing {
		rest = rest[2:]
	}
	return len(bytes.TrimRight(rest, " \t")) == 0, closing
}

// partHead tells that a line may begin a part of its own behind a line with token: it
// speaks of content, or it is a field, inside a multipart whose boundary is not known or
// is all that a reader may ask the token to begin with (RFC 2046 section 5.1.1).
func (w *walker) partHead(b, token []byte) bool {
	if isContentField(b) {
		return true
	}
	n := len(w.frames)
	if n == 0 || w.frames[n-1].wrapper {
		return false
	}
	if inner := w.frames[n-1].boundary; inner != nil && !bytes.HasPrefix(token, inner) {
		return false
	}
	name, _ := field(b)
	return name != nil
}

// impliedPart begins a part behind a delimiter that nobody announced. What it lies
// in stays content: to another program there is no part.
func (w *walker) impliedPart(token []byte, at int64, l *line) bool {
	owner := w.cur
	if owner.inHead {
		owner.inHead, owner.lines.To, owner.from = false, at, at
		owner.nature = owner.head.nature()
	}
	if !w.push(frame{owner: owner, own: true, implied: true, boundary: token}) {
		return false
	}
	w.begin(l.start)
	w.headLine(l)
	return true
}

// closeTo ends the current entity and those of the frames from i on at at.
func (w *walker) closeTo(i int, at int64) {
	for w.cur.inHead { // a message without a head may begin where a head ends
		w.endHead(at, at)
	}
	w.content(&w.cur, at, false)
	for n := len(w.frames) - 1; n >= i; n-- {
		if f := &w.frames[n]; f.own {
			w.content(&f.owner, at, f.wrapper)
		}
	}
	w.frames = w.frames[:min(i, len(w.frames))]
}

// partialOf reads the parameters of message/partial.
func partialOf(types [][]byte) *Partial {
	p := new(Partial)
	for _, v := range types {
		for _, a := range params(nil, v) {
			switch a.name {
			case "id":
				p.ID = cleanName(a.value)
			case "number":
				p.Number = positive(a.value)
			case "total":
				p.Total = positive(a.value)
			}
		}
	}
	return p
}

// positive is a small positive number, 0 when s is none.
func positive(s string) int {
	n := 0
	for _, c := range strings.TrimSpace(s) {
		if c < '0' || c > '9' || n > 1_000_000 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}
