package mail

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// yBegin reads the first line of a yEnc block (yEnc draft 1.3): the name is the
// rest of the line behind "name=". part is 0 for a file in one piece.
func yBegin(b []byte) (name string, part int64, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("=ybegin "))
	if !ok {
		return "", 0, false
	}
	if i := bytes.Index(rest, []byte("name=")); i >= 0 {
		name = strings.TrimSpace(string(rest[i+len("name="):]))
		rest = rest[:i]
	}
	return name, yNumber(rest, "part="), true
}

// yPart reads where the part begins in the file, counted from 1.
func yPart(b []byte) (begin int64, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("=ypart "))
	return yNumber(rest, "begin="), ok
}

func yEnd(b []byte) bool { return bytes.HasPrefix(b, []byte("=yend")) }

// yNumber is the number behind key, 0 when there is none.
func yNumber(b []byte, key string) int64 {
	for _, f := range bytes.Fields(b) {
		if v, ok := bytes.CutPrefix(f, []byte(key)); ok {
			n, err := strconv.ParseInt(string(v), 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// yDecoder decodes the lines of a block.
type yDecoder struct {
	out     *arena
	escaped bool
	buf     [1024]byte
}

func (d *yDecoder) write(p []byte) {
	n := 0
	for _, c := range p {
		switch {
		case c == '\r' || c == '\n':
			continue
		case c == '=' && !d.escaped:
			d.escaped = true
			continue
		case d.escaped:
			c -= 64
			d.escaped = false
		}
		if n == len(d.buf) {
			d.out.write(d.buf[:])
			n = 0
		}
		d.buf[n] = c - 42
		n++
	}
	d.out.write(d.buf[:n])
}

// yenc decodes blocks, one behind the other, and adds them as one part.
func (w *walker) yenc(src source, blocks []Span, p Part) {
	key := doneKey{source: src.id, from: blocks[0].From, to: blocks[len(blocks)-1].To, coding: YEnc, variant: len(blocks) > 1}
	if !w.m.first(key) {
		return
	}
	from := w.m.arena.n
	for _, at := range blocks {
		d := yDecoder{out: &w.m.arena}
		src.each(at, d.write)
	}
	w.emit(p, YEnc, from)
}

// joinYEnc adds the files of which several parts stand in the same body.
func (w *walker) joinYEnc(src source, list []finding, p Part) {
	slices.SortStableFunc(list, func(a, b finding) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return compare(a.begin, b.begin)
	})
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].name == list[0].name {
			n++
		}
		if n > 1 {
			blocks := make([]Span, n)
			for i := range blocks {
				blocks[i] = list[i].data
			}
			w.yenc(src, blocks, p.named(list[0].name))
		}
		list = list[n:]
	}
}
