package mail

import (
	"bytes"
	"io"
	"math"
	"slices"

	"utmsim/protocols/wire"
)

// Replacement says what stands in the place of a part.
type Replacement struct {
	Part   *Part
	Notice string // lines of text; what is not ASCII becomes a question mark where the text around has no charset of its own
}

// Pieces is a message in which parts were replaced: stretches of the raw message
// with new text between them.
type Pieces struct {
	raw  source
	list []piece
	size int64
}

// piece is a stretch of the raw message, or text.
type piece struct {
	raw  Span
	text []byte
}

// Replace puts notices in the place of parts. A part with a head of its own stays
// a part, with the head's fields about content changed, lines that are no fields
// left out, and the others as they were; a uuencode or yEnc block in a text
// becomes lines of the text; the message itself keeps only who sent it when to
// whom. All bytes outside are those of raw. Where parts overlap the outer one
// counts. The error is that of reading raw.
//
// Only what was given is replaced: whoever wants to be certain has the new message
// judged again.
func Replace(raw io.ReaderAt, size int64, list ...Replacement) (*Pieces, error) {
	m := &Message{work: math.MaxInt64}
	r := replacer{src: m.source(raw, nil, size)}
	r.pieces.raw = r.src
	r.eol = r.lineEnd()
	var at int64
	for _, e := range merged(list) {
		r.keep(Span{at, e.span.From})
		r.edit(&e)
		at = e.span.To
	}
	r.keep(Span{at, size})
	if m.err != nil {
		return nil, m.err
	}
	return &r.pieces, nil
}

// edit is a stretch that is replaced.
type edit struct {
	span   Span
	spot   spot
	notice string
}

// merged sorts the edits; one that overlaps the one before it becomes part of it.
func merged(list []Replacement) (edits []edit) {
	for _, r := range list {
		s := r.Part.spot
		e := edit{span: Span{s.body.From, s.body.To}, spot: s, notice: r.Notice}
		if s.place == placeLeaf {
			e.span.From = s.head.From
		}
		edits = append(edits, e)
	}
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.span.From != b.span.From {
			return compare(a.span.From, b.span.From)
		}
		return compare(b.span.To, a.span.To)
	})
	kept := edits[:0]
	for _, e := range edits {
		if n := len(kept); n > 0 && e.span.From < kept[n-1].span.To {
			if last := &kept[n-1]; e.span.To > last.span.To {
				last.span.To, last.spot.open = e.span.To, e.spot.open
			}
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func compare(a, b int64) int { return int(min(max(a-b, -1), 1)) }

// replacer builds the pieces.
type replacer struct {
	src    source
	pieces Pieces
	eol    string // of the message
}

// lineEnd is how the message ends its first line.
func (r *replacer) lineEnd() string {
	b := r.src.peek(Span{0, r.src.size}, maxLine)
	switch i := bytes.IndexByte(b, '\n'); {
	case i > 0 && b[i-1] == '\r':
		return "\r\n"
	case i >= 0:
		return "\n"
	case bytes.IndexByte(b, '\r') >= 0:
		return "\r"
	}
	return "\r\n"
}

// keep adds a stretch of the raw message.
func (r *replacer) keep(s Span) {
	if s.Len() <= 0 {
		return
	}
	r.pieces.size += s.Len()
	if n := len(r.pieces.list); n > 0 && r.pieces.list[n-1].text == nil && r.pieces.list[n-1].raw.To == s.From {
		r.pieces.list[n-1].raw.To = s.To
		return
	}
	r.pieces.list = append(r.pieces.list, piece{raw: s})
}

// add adds text.
func (r *replacer) add(text string) {
	if text == "" {
		return
	}
	r.pieces.size += int64(len(text))
	r.pieces.list = append(r.pieces.list, piece{text: []byte(text)})
}

// edit adds what stands in the place of e.
func (r *replacer) edit(e *edit) {
	s := &e.spot
	n := notice{text: e.notice, eol: r.eol}
	switch s.place {
	case placeLeaf:
		n.coding = n.fitting()
		r.leafHead(s, n)
	case placeWhole:
		n.coding = n.fitting()
		r.wholeHead(n)
		s.open = true
	default:
		n.coding, n.ascii = s.coding, s.coding == Identity
	}
	r.add(n.body(s.open))
}

// Size is the length of the new message in bytes.
func (p *Pieces) Size() int64 { return p.size }

// WriteTo writes the new message. It may be called again.
func (p *Pieces) WriteTo(to io.Writer) (done int64, err error) {
	buf := wire.GetChunk()
	defer wire.PutChunk(buf)
	for _, piece := range p.list {
		b := piece.text
		at := piece.raw
		for b != nil || at.From < at.To {
			if piece.text == nil {
				b = buf[:p.raw.readAt(buf[:min(chunkSize, at.Len())], at.From)]
				at.From += int64(len(b))
				if p.raw.m.err != nil {
					return done, p.raw.m.err
				}
			}
			n, err := to.Write(b)
			done += int64(n)
			if err != nil {
				return done, err
			}
			b = nil
		}
	}
	return done, nil
}
