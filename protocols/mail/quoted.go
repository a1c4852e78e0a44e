package mail

import "bytes"

// quotedDecoder decodes quoted-printable (RFC 2045 section 6.7) without minding
// what does not belong there: =XX with either case, an equals sign at the end of a
// line with or without blanks behind it; any other equals sign stands for itself.
type quotedDecoder struct {
	out  *arena
	held []byte // an equals sign and what follows, as long as it can't be told
}

// maxHeld bounds the blanks behind an equals sign at the end of a line.
const maxHeld = 200

func (d *quotedDecoder) write(p []byte) {
	for len(p) > 0 {
		if len(d.held) == 0 {
			n := bytes.IndexByte(p, '=')
			if n < 0 {
				d.out.write(p)
				return
			}
			d.out.write(p[:n])
			d.held = append(d.held, '=')
			p = p[n+1:]
			continue
		}
		if d.more(p[0]) {
			p = p[1:]
		}
	}
}

// more takes c behind what is held, unless it does not belong there any more.
func (d *quotedDecoder) more(c byte) bool {
	held := d.held
	switch last := held[len(held)-1]; {
	case len(held) == 1 && hexValues[c] < 16:
		d.held = append(held, c)
		return true
	case len(held) == 2 && hexValues[last] < 16:
		if hexValues[c] < 16 {
			d.out.write([]byte{hexValues[last]<<4 | hexValues[c]})
			d.held = held[:0]
			return true
		}
	case last == '\r':
		d.held = held[:0] // a soft line break
		return c == '\n'
	case c == '\n':
		d.held = held[:0]
		return true
	case c == '\r', (c == ' ' || c == '\t') && len(held) < maxHeld:
		d.held = append(held, c)
		return true
	}
	d.end()
	return false
}

// end gives out what is held as it is; a soft line break at the very end is none.
func (d *quotedDecoder) end() {
	if n := len(d.held); n > 0 && d.held[n-1] != '\r' {
		d.out.write(d.held)
	}
	d.held = d.held[:0]
}

// quoted decodes a stretch and adds it. When the head does not say that it is
// encoded, mail inside is not looked for: a text that speaks of mail would be
// taken apart once more for each equals sign.
func (w *walker) quoted(src source, at Span, p Part, declared bool) {
	if !w.m.first(doneKey{source: src.id, from: at.From, to: at.To, coding: Quoted}) {
		return
	}
	from := w.m.arena.n
	d := quotedDecoder{out: &w.m.arena}
	src.each(at, d.write)
	d.end()
	if declared {
		w.emit(p, Quoted, from)
		return
	}
	w.emitOnly(p, Quoted, from)
}
