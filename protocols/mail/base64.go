package mail

import "encoding/binary"

// Classes of characters in base64; values below 64 are digits.
const (
	b64Blank = 64 + iota // line ends and blanks
	b64Pad
	b64Junk
)

// The tables are constant after the program has started.
var (
	base64Values = base64Table()
	base64Shifts = base64ShiftTable(&base64Values)
	hexValues    = hexTable()
)

func base64Table() (t [256]byte) {
	for i := range t {
		t[i] = b64Junk
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	for _, c := range " \t\r\n" {
		t[c] = b64Blank
	}
	t['='] = b64Pad
	return t
}

// notDigit marks an entry of base64Shifts whose character is no digit. The values
// leave the lowest byte of a group free.
const notDigit = 1

// base64ShiftTable has the value of a character for each of the four places it can
// have in a group, so that a group is decoded, and checked, by three ors.
func base64ShiftTable(values *[256]byte) (t [4][256]uint32) {
	for c, v := range values {
		for place := range t {
			t[place][c] = notDigit
			if v < 64 {
				t[place][c] = uint32(v) << (8 + 6*(3-place))
			}
		}
	}
	return t
}

func hexTable() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}

// base64Stats says what a decoder met that programs treat in different ways.
type base64Stats struct {
	junk    bool // characters that don't belong there
	padding bool // padding with something behind it
}

// base64Decoder decodes whatever there is: what does not belong there is dropped,
// padding may be missing. Behind padding a new group begins, unless through is
// set: then padding is dropped like junk.
type base64Decoder struct {
	out     *arena
	through bool
	stats   base64Stats
	bits    uint32
	have    int // characters of the current group
	padded  bool
}

func (d *base64Decoder) write(p []byte) {
	for i := 0; i < len(p); {
		if d.have == 0 && !d.padded {
			i += d.groups(p[i:])
			if i >= len(p) {
				return
			}
		}
		d.char(base64Values[p[i]])
		i++
	}
}

// groups decodes whole groups, and skips the blanks between them, from the front of
// p as long as there is nothing else and room in one piece for what comes out. It
// returns how many characters it took.
func (d *base64Decoder) groups(p []byte) int {
	in, room := p, d.out.room()
	out := room
	for {
		taken, made := decodeLines(out, in)
		in, out = in[taken:], out[made:]
		for len(in) >= 8 && len(out) >= 8 { // two at once, as most of them come
			a, b := group(in), group(in[4:])
			if (a|b)&notDigit != 0 {
				break
			}
			binary.BigEndian.PutUint64(out, uint64(a)<<32|uint64(b)<<8) // the last bytes are written over
			in, out = in[8:], out[6:]
		}
		if len(in) >= 4 && len(out) >= 4 {
			if a := group(in); a&notDigit == 0 {
				binary.BigEndian.PutUint32(out, a)
				in, out = in[4:], out[3:]
				continue
			}
		}
		blanks := leadingBlanks(in)
		if blanks == 0 {
			break
		}
		in = in[blanks:]
	}
	d.out.wrote(len(room) - len(out))
	return len(p) - len(in)
}

// leadingBlanks is how many line ends and blanks p begins with.
func leadingBlanks(p []byte) int {
	if len(p) > 2 && p[0] == '\r' && p[1] == '\n' && base64Values[p[2]] < 64 { // as most of them come
		return 2
	}
	for i, c := range p {
		if base64Values[c] != b64Blank {
			return i
		}
	}
	return len(p)
}

// group is the content of four characters in the upper three bytes, or notDigit.
func group(p []byte) uint32 {
	_ = p[3]
	return base64Shifts[0][p[0]] | base64Shifts[1][p[1]] | base64Shifts[2][p[2]] | base64Shifts[3][p[3]]
}

func (d *base64Decoder) char(v byte) {
	switch {
	case v < 64:
		if d.padded {
			d.stats.padding, d.padded = true, false
		}
		d.bits = d.bits<<6 | uint32(v)
		if d.have++; d.have == 4 {
			d.put(3)
			d.have = 0
		}
	case v == b64Pad:
		d.padded = true
		if !d.through {
			d.partial()
		}
	case v == b64Junk:
		d.stats.junk = true
	}
}

// partial ends a group that is not complete.
func (d *base64Decoder) partial() {
	if d.have > 1 {
		n := d.have - 1
		d.bits <<= uint(6 * (4 - d.have))
		d.put(n)
	}
	d.have = 0
}

func (d *base64Decoder) put(n int) {
	group := [3]byte{byte(d.bits >> 16), byte(d.bits >> 8), byte(d.bits)}
	d.out.write(group[:n])
}

// end ends a stretch: what follows begins a new group.
func (d *base64Decoder) end() {
	d.partial()
	d.padded = false
}

// base64 decodes a stretch and adds it, see base64Decoder. The answer is zero when
// another reading has done so.
func (w *walker) base64(src source, at Span, p Part, through bool) base64Stats {
	if !w.m.first(doneKey{source: src.id, from: at.From, to: at.To, coding: Base64, variant: through}) {
		return base64Stats{}
	}
	from := w.m.arena.n
	d := base64Decoder{out: &w.m.arena, through: through}
	src.each(at, d.write)
	d.end()
	w.emit(p, Base64, from)
	return d.stats
}
