package mail

import (
	"bytes"

	"utmsim/scanner"
)

// minInset is the length below which text around the parts of a multipart is not
// looked at: the usual sentence about MIME has 45 bytes, the EICAR file 68.
const minInset = 60

// content finds everything in the body of e, which ends at at. In a wrapper there
// is nothing to be found that is not found in what it wraps.
func (w *walker) content(e *entity, at int64, wrapper bool) {
	body := Span{e.from, max(e.from, at)}
	if e.inset && body.Len() < minInset {
		return
	}
	p := Part{Names: e.head.names(), spot: w.spotOf(e, body, at)}
	p.Object.ContentType = e.nature.contentType
	if wrapper {
		w.identity(p, body)
		return
	}
	if e.nature.base64 && w.declaredBase64(e, p, body) {
		return
	}
	loose := body
	if e.head.junk {
		loose.From = e.lines.From
	}
	found := w.scrape(w.src, loose, scrapeAll)
	w.blocks(w.src, found.blocks, p)
	encoded := e.nature.base64 || e.nature.quoted
	switch {
	case e.nature.quoted:
		w.quoted(w.src, body, p, true)
	case !encoded && !e.inset && !isText(e.nature.contentType):
		w.inside(w.src, body, p)
	}
	w.undeclared(w.src, found, loose, p)
	if !encoded || e.nature.base64 || e.nature.unclear {
		w.identity(p, body)
	}
}

// declaredBase64 decodes a body as its head says. clean: there is nothing in it
// that could be read in another way.
func (w *walker) declaredBase64(e *entity, p Part, body Span) (clean bool) {
	stats := w.base64(w.src, body, p, false)
	if stats.padding {
		w.base64(w.src, body, p, true)
	}
	return !stats.junk && !e.nature.unclear && !e.head.junk
}

// identity adds a body as it stands there.
func (w *walker) identity(p Part, body Span) {
	if body.Len() == 0 && len(p.Names) == 0 || !w.m.first(doneKey{source: w.src.id, from: body.From, to: body.To, coding: Identity}) {
		return
	}
	ct := p.Object.ContentType
	p.Object = w.src.object(body)
	p.Object.ContentType, p.Coding = ct, Identity
	w.m.add(p)
}

// emit adds what was decoded since the arena had from bytes, behind what is found
// inside.
func (w *walker) emit(p Part, coding Coding, from int64) {
	p, ok := w.decodedPart(p, coding, from)
	if !ok {
		return
	}
	src := w.m.sourceOf(&p.Object)
	w.inside(src, Span{0, src.size}, p)
	w.m.add(p)
}

// emitOnly is emit without looking inside.
func (w *walker) emitOnly(p Part, coding Coding, from int64) {
	if p, ok := w.decodedPart(p, coding, from); ok {
		w.m.add(p)
	}
}

// decodedPart is p with what was decoded as its content; not ok when there is
// neither content nor a name.
func (w *walker) decodedPart(p Part, coding Coding, from int64) (Part, bool) {
	a := &w.m.arena
	if a.full {
		w.m.exceed(TooMuchDecoded)
	}
	got := Span{from, a.n}
	if got.Len() == 0 && len(p.Names) == 0 {
		return p, false
	}
	o := scanner.Object{Size: got.Len(), Flat: a.flat(got), ContentType: p.Object.ContentType}
	if o.Flat == nil {
		o.Body = &section{at: a, from: got.From, n: got.Len()}
	}
	p.Object, p.Coding = o, coding
	return p, true
}

// peekLength is how much of decoded content is looked at to see what it is.
const peekLength = 4 << 10

// inside looks for mail inside a part: what was decoded, or an attachment that
// was not encoded.
func (w *walker) inside(src source, at Span, p Part) {
	if head := src.peek(at, peekLength); texty(head) {
		w.insideText(src, at, p, startsMIME(head))
	}
}

func (w *walker) insideText(src source, at Span, p Part, isMail bool) {
	p.spot.sealed = true
	if isMail {
		if w.depth+len(w.frames)+1 > w.m.limits.Depth {
			w.m.exceed(TooDeep)
			return
		}
		o := src.object(at)
		w.m.read(w.m.sourceOf(&o), &p.spot, w.depth+len(w.frames)+1, nil)
		return
	}
	if src.id != w.src.id {
		host := walker{m: w.m, src: src, host: &p.spot, depth: w.depth, mode: w.mode}
		host.blocks(src, host.scrape(src, at, scrapeBlocks).blocks, p)
	}
}

// texty tells that content is text: its beginning has no control characters
// other than those of text.
func texty(b []byte) bool {
	for _, c := range b[:min(len(b), 512)] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return false
		}
	}
	return len(b) > 0
}

// isText tells that a declared type is text, or not declared at all.
func isText(contentType string) bool {
	return contentType == "" || len(contentType) >= 4 && contentType[:4] == "text"
}

// startsMIME tells that a line near the beginning says what content follows and
// how it is encoded, as the head of a message does.
func startsMIME(b []byte) bool {
	for len(b) > 0 {
		n := bytes.IndexAny(b, "\r\n")
		if n < 0 {
			n = len(b)
		}
		if isContentField(b[:n]) {
			return true
		}
		b = b[min(n+1, len(b)):]
	}
	return false
}
