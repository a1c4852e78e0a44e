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

// joinYEnc adds the files whose parts all stand in the same body.
func (w *walker) joinYEnc(src source, list []finding, p Part) {
	for len(list) > 0 {
		name := list[0].name
		var same, rest []finding
		for _, f := range list {
			if f.name == name {
				same = append(same, f)
				continue
			}
			rest = append(rest, f)
		}
		list = rest
		if len(same) < 2 {
			continue
		}
		slices.SortStableFunc(same, func(a, b finding) int { return int(min(max(a.begin-b.begin, -1), 1)) })
		var blocks []Span
		for _, f := range same {
			blocks = append(blocks, f.data)
		}
		w.yenc(src, blocks, p.named(name))
	}
}
