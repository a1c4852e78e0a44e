package mail

import (
	"bytes"
	"slices"
)

// What scrape looks for.
type scrapeFor uint8

const (
	scrapeBlocks scrapeFor = iota // uuencode and yEnc
	scrapeAll                     // base64 and quoted-printable as well, though nobody declared them
)

// Limits of what is taken for base64 that nobody declared.
const (
	minRun = 60 // characters of a run of lines; the EICAR file has 92
	// maxRuns is how many runs of a body are parts of their own. The others are
	// decoded into one.
	maxRuns = 16
	// maxBlocks bounds the uuencode and yEnc blocks of one body.
	maxBlocks = 10_000
)

// finding is a stretch of a body that is encoded in its own way.
type finding struct {
	coding Coding
	all    Span // with its first and last line
	data   Span // the lines between
	name   string
	part   int64 // yEnc: 0 for a file in one piece
	begin  int64 // yEnc: where the part begins in the file
	based  bool  // uuencode with base64 lines
}

// scraper looks through the lines of a body.
type scraper struct {
	blocks []finding // of uuencode and yEnc
	runs   []Span    // of lines that look like base64
	quoted bool      // there is something that looks like quoted-printable

	open  bool // the last block is not complete
	run   Span // of lines that look like base64, not complete
	chars int  // of these
	full  bool // there are more blocks than are looked at

	proseTo int64 // in the lines before there is no mark, see prose
}

// scrape looks for what is encoded in a body though its head does not say so.
func (w *walker) scrape(src source, at Span, what scrapeFor) (s scraper) {
	lines := src.lines(at, w.mode.cr)
	defer lines.close()
	var l line
	for {
		if !w.mode.cr {
			s.skip(&lines, what)
		}
		if !lines.read(&l) {
			break
		}
		s.line(&l, what)
	}
	s.closeRun()
	if s.open {
		last := &s.blocks[len(s.blocks)-1]
		last.all.To, last.data.To = at.To, at.To
	}
	if s.full {
		w.m.exceed(TooManyParts)
	}
	return s
}

// undeclared adds base64 and quoted-printable that nobody declared.
func (w *walker) undeclared(src source, found scraper, at Span, p Part) {
	w.runs(src, found.runs, p)
	if found.quoted {
		w.quoted(src, at, p, false)
	}
}

func (s *scraper) line(l *line, what scrapeFor) {
	inside := s.block(l)
	if inside && !s.mayPretend() {
		s.closeRun()
		return
	}
	if what == scrapeBlocks {
		return
	}
	n := base64Like(l.b)
	if n == 0 {
		s.quoted = s.quoted || !inside && looksQuoted(l.b)
		s.closeRun()
		return
	}
	if s.chars == 0 {
		s.run.From = l.start
	}
	s.chars += n
	s.run.To = l.end
}

// mayPretend tells that a block of uuencode is open, whose lines do not look like base64:
// those that do are no part of it, and a text may only seem to begin one.
func (s *scraper) mayPretend() bool {
	last := len(s.blocks) - 1
	return s.open && s.blocks[last].coding == UU && !s.blocks[last].based
}

func (s *scraper) closeRun() {
	if s.chars >= minRun {
		s.runs = append(s.runs, s.run)
	}
	s.chars = 0
}

// block takes a line that belongs to a block of uuencode or yEnc.
func (s *scraper) block(l *line) bool {
	var last *finding
	if s.open {
		last = &s.blocks[len(s.blocks)-1]
	}
	if len(l.b) > 0 && (l.b[0] == 'b' || l.b[0] == '=') && s.beginBlock(l) {
		if last != nil { // its end is missing
			last = &s.blocks[len(s.blocks)-2]
			last.all.To, last.data.To = l.start, l.start
		}
		return true
	}
	if last == nil {
		return false
	}
	if last.coding == YEnc {
		if begin, ok := yPart(l.b); ok && last.data.From == l.start {
			last.begin, last.data.From = begin, l.next
			return true
		}
	}
	if last.coding == YEnc && yEnd(l.b) || last.coding == UU && uuEnd(l.b, last.based) {
		last.data.To, last.all.To = max(last.data.From, l.start), l.next
		s.open = false
	}
	return true
}

func (s *scraper) beginBlock(l *line) bool {
	f := finding{all: Span{l.start, l.next}, data: Span{l.next, l.next}}
	var ok bool
	if f.name, f.part, ok = yBegin(l.b); ok {
		f.coding = YEnc
	} else if f.name, f.based, ok = uuBegin(l.b); ok {
		f.coding = UU
	}
	if !ok {
		return false
	}
	if s.full = len(s.blocks) >= maxBlocks; s.full {
		return false
	}
	s.blocks, s.open = append(s.blocks, f), true
	return true
}

// base64Like is how many characters of base64 a line has, 0 when it does not look
// like base64: blanks inside, or more than a few characters that don't belong.
func base64Like(b []byte) int {
	b = withoutPadding(b)
	digits, junk := 0, 0
	for i, c := range b {
		switch v := base64Values[c]; {
		case v < 64:
			digits++
		case v == b64Blank:
			return 0
		default:
			if junk++; junk > 2+i/4 {
				return 0
			}
		}
	}
	if junk > digits/4 {
		return 0
	}
	return digits
}

// withoutPadding is a line without the blanks around it and equals signs at its end.
func withoutPadding(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	for len(b) > 0 && b[len(b)-1] == '=' {
		b = b[:len(b)-1]
	}
	return b
}

// looksQuoted tells that a line has an equals sign with two hex digits behind it,
// or at its end.
func looksQuoted(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '=')
		if i < 0 {
			return false
		}
		if b = b[i+1:]; len(bytes.TrimRight(b, " \t")) == 0 {
			return true
		}
		if len(b) >= 2 && hexValues[b[0]] < 16 && hexValues[b[1]] < 16 {
			return true
		}
	}
}

// blocks adds uuencode and yEnc.
func (w *walker) blocks(src source, found []finding, p Part) {
	var parted []finding
	for _, f := range found {
		part := p.named(f.name)
		part.spot = p.spot.block(f.all)
		switch {
		case f.coding == YEnc:
			w.yenc(src, []Span{f.data}, part)
			if f.part > 0 {
				parted = append(parted, f)
			}
		case f.based:
			w.base64(src, f.data, part, false)
		default:
			w.uu(src, f.data, part)
		}
	}
	w.joinYEnc(src, parted, p)
}

// runs adds base64 that nobody declared. Each run may be a file; when there are
// many, those behind the first are decoded into one part.
func (w *walker) runs(src source, runs []Span, p Part) {
	for i, at := range runs {
		if i == maxRuns {
			break
		}
		w.base64(src, at, p, false)
	}
	rest := runs[min(len(runs), maxRuns):]
	if len(rest) == 0 || !w.m.first(doneKey{source: src.id, from: rest[0].From, to: rest[len(rest)-1].To, coding: Base64}) {
		return
	}
	from := w.m.arena.n
	d := base64Decoder{out: &w.m.arena}
	for _, at := range rest {
		src.each(at, d.write)
		d.end()
	}
	w.emit(p, Base64, from)
}

// named is p with a name of its own before those of the part around it.
func (p Part) named(name string) Part {
	if name = cleanName(decodeWords(name)); name != "" {
		p.Names = append([]string{name}, slices.DeleteFunc(slices.Clone(p.Names), func(s string) bool { return s == name })...)
		p.Object.ContentType = ""
	}
	return p
}
