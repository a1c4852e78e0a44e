package mail

import (
	"bytes"
	"strings"
)

// maxMode is how many octal digits a mode may have: as many as fit what programs read
// it into, 32 bits.
const maxMode = 11

// uuBegin reads the first line of a uuencode block: begin, a mode of octal digits
// and a name, which may be missing. based: what follows is base64. A name that is itself
// encoded, as uuencode -e does, stays as it is.
func uuBegin(b []byte) (name string, based, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("begin"))
	if !ok {
		return "", false, false
	}
	if after, is := bytes.CutPrefix(rest, []byte("-base64")); is {
		rest, based = after, true
	}
	rest = bytes.TrimPrefix(rest, []byte("-encoded"))
	if len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' {
		return "", false, false
	}
	rest = bytes.TrimLeft(rest, " \t")
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '7' {
		n++
	}
	if n < 3 || n > maxMode || n < len(rest) && rest[n] != ' ' && rest[n] != '\t' {
		return "", false, false
	}
	return strings.TrimSpace(string(rest[n:])), based, true
}

// uuEnd tells that b is the last line of a block.
func uuEnd(b []byte, based bool) bool {
	b = bytes.TrimRight(b, " \t")
	if based {
		return string(b) == "===="
	}
	return string(b) == "end"
}

// uuLine decodes one line into out: its first character says how many bytes it
// has. Blanks that were cut off at its end are put back; characters behind the
// data are ignored, and so is a line that has no length.
func uuLine(b []byte, out *arena) {
	if len(b) == 0 || b[0] < ' ' || b[0] > '`' {
		return
	}
	n := int(b[0]-' ') & 63
	b = b[1:]
	var buf [66]byte
	for at := 0; at < n; at += 3 {
		var v uint32
		for i := range 4 {
			c := byte(' ')
			if i < len(b) {
				c = b[i]
			}
			v = v<<6 | uint32(c-' ')&63
		}
		b = b[min(4, len(b)):]
		buf[at], buf[at+1], buf[at+2] = byte(v>>16), byte(v>>8), byte(v)
	}
	out.write(buf[:n])
}

// uu decodes the lines of a block and adds it.
func (w *walker) uu(src source, at Span, p Part) {
	if !w.m.first(doneKey{source: src.id, from: at.From, to: at.To, coding: UU}) {
		return
	}
	from := w.m.arena.n
	lines := src.lines(at, w.mode.cr)
	defer lines.close()
	var l line
	for lines.read(&l) {
		uuLine(l.b, &w.m.arena)
	}
	w.emit(p, UU, from)
}
