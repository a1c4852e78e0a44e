package mail

// spot is where a part stands in the raw message, and how it can be replaced.
type spot struct {
	place place
	head  Span // the header lines
	gap   Span // the empty line behind them; nothing when there is none
	body  Span
	cr    bool // lines may end with a bare CR
	// coding is that of the text around a block, or of a body without head.
	coding Coding
	// open: no line end follows the body, so that a notice brings its own.
	open bool
	top  bool // the head is that of the message itself
	// sealed: what was found is inside content that had to be decoded, or that has
	// offsets of its own. Only all of it can be replaced.
	sealed bool
}

type place uint8

const (
	placeLeaf  place = iota // a body with the head above it
	placeInset              // lines in a text
	placeBody               // a body without head
	placeWhole              // the message
)

// spotOf is where the body of e stands, which ended at at.
func (w *walker) spotOf(e *entity, body Span, at int64) spot {
	if w.host != nil {
		return *w.host
	}
	s := spot{head: e.lines, gap: Span{e.lines.To, e.from}, body: body, cr: w.mode.cr}
	s.open = at < e.from || body.To == w.src.size
	s.top = e.lines.From == 0
	switch {
	case e.inset:
		s.place, s.head, s.gap = placeInset, Span{body.From, body.From}, Span{body.From, body.From}
	case e.bare:
		s.place = placeBody
	}
	s.coding = e.nature.around()
	return s
}

// around is the coding of the text in a body.
func (n nature) around() Coding {
	switch {
	case n.base64:
		return Base64
	case n.quoted:
		return Quoted
	}
	return Identity
}

// block is the spot of some lines in the text at s. In encoded text, and in what
// was decoded, the lines can't be replaced on their own.
func (s spot) block(lines Span) spot {
	if s.coding == Base64 || s.sealed || lines.From < s.body.From || lines.To > s.body.To || s.place == placeWhole {
		return s
	}
	s.place, s.body = placeInset, lines
	s.head, s.gap = Span{lines.From, lines.From}, Span{lines.From, lines.From}
	s.open = true
	return s
}
