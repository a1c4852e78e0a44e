package httpproxy

import (
	"bytes"
	"io"

	"utmsim/scanner"
)

// Limits of a form. A body beyond them is judged as a whole, as is everything
// that does not look like a form to the end.
const (
	maxParts      = 512
	maxBoundary   = 70 // RFC 2046 section 5.1.1
	maxBoundaries = 4
	maxPartHead   = 8 << 10
	formWindow    = 32 << 10 // what is read at once to look for a boundary
	formLine      = 64       // of what may follow a boundary on its line
	formTypeStart = "multipart/form-data"
)

// boundariesOf are the boundary parameters of a multipart/form-data type; none
// when it is no such type or they are not usable. More than one is an attempt to
// make two readers see two forms.
func boundariesOf(contentType []byte) (list [][]byte) {
	if len(contentType) < len(formTypeStart) || !equalFold(contentType[:len(formTypeStart)], formTypeStart) {
		return nil
	}
	for rest := contentType[len(formTypeStart):]; len(list) < maxBoundaries; {
		var b []byte
		if b, rest = parameter(rest, "boundary"); b == nil {
			return list
		}
		if len(b) > 0 && len(b) <= maxBoundary {
			list = append(list, bytes.Clone(b))
		}
	}
	return list
}

// parameter finds ; name=value or ; name="value" in what follows a type or a
// disposition, and returns what follows it. Escapes in a quoted value stay as
// they are. Without such a parameter the value is nil.
func parameter(b []byte, name string) (value, after []byte) {
	for {
		i := bytes.IndexByte(b, ';')
		if i < 0 {
			return nil, nil
		}
		b = trim(b[i+1:])
		n := tokenLength(b)
		rest := trim(b[n:])
		if n == 0 || len(rest) == 0 || rest[0] != '=' {
			continue
		}
		value, after = parameterValue(trim(rest[1:]))
		if equalFold(b[:n], name) {
			return value, after
		}
		b = after
	}
}

func parameterValue(b []byte) (value, after []byte) {
	if len(b) == 0 || b[0] != '"' {
		i := bytes.IndexByte(b, ';')
		if i < 0 {
			i = len(b)
		}
		return trim(b[:i]), b[i:]
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:]
		}
	}
	return b[1:], nil // the closing quote is missing
}

// splitForm names the files and fields of a form one by one. When the body is not
// a form from its first byte to its last - bytes before the first boundary or
// behind the last, a part without an end, too many parts - the whole body is an
// object as well, so that no byte of it escapes judgement. names asks for the names of
// files.
func splitForm(whole *scanner.Object, names bool, boundaries ...[]byte) (parts []scanner.Object) {
	if len(whole.Encodings) > 0 {
		return []scanner.Object{*whole}
	}
	exact := true
	for _, boundary := range boundaries {
		f := formSplit{whole: whole, names: names, delimiter: append([]byte("\n--"), boundary...), window: whole.Flat}
		exact = f.split() && exact
		parts = append(parts, f.parts...)
	}
	if !exact {
		parts = append(parts, *whole)
	}
	return parts
}

// named makes the whole go by the name of the part that is being judged, so that
// pages and logs name the file and not the form's address. What lies in one piece
// is read like the rest for that.
func named(whole *scanner.Object, parts []scanner.Object) []scanner.Object {
	for i := range parts {
		if o := &parts[i]; o.Name != "" {
			o.Body, o.Flat = naming{o.Body, o.Name, whole}, nil
		}
	}
	return parts
}

// naming is a part that gives its name to the whole when it is read.
type naming struct {
	io.ReaderAt
	name  string
	whole *scanner.Object
}

func (n naming) ReadAt(p []byte, off int64) (int, error) {
	n.whole.Name = n.name
	return n.ReaderAt.ReadAt(p, off)
}

// formSplit is a form that is being split.
type formSplit struct {
	whole     *scanner.Object
	names     bool
	delimiter []byte
	parts     []scanner.Object
	window    []byte // bytes of the body from base on; all of it when that lies in one piece
	base      int64
	buffer    []byte
}

// split collects the parts and tells whether the body was a form throughout.
func (f *formSplit) split() bool {
	head := f.peek(0, formLine)
	exact := bytes.HasPrefix(head, f.delimiter[1:])
	at := int64(-1) // where a line break before the first boundary would be
	if !exact {
		if at = f.find(0); at < 0 {
			return false
		}
	}
	for {
		next, closing, ok := f.lineBehind(at + int64(len(f.delimiter)))
		switch {
		case !ok:
			return false
		case closing:
			return exact && next == f.whole.Size
		case len(f.parts) == maxParts:
			return false
		}
		// The line break of an empty part's boundary is the end of its own head.
		if at = f.find(next - 1); at < 0 {
			f.part(next, f.whole.Size)
			return false
		}
		exact = f.part(next, max(next, at)) && exact
	}
}

// find is where the next boundary begins: at its line break, at or behind pos.
// -1: there is none.
func (f *formSplit) find(pos int64) int64 {
	for {
		b := f.peek(pos, len(f.delimiter)+formLine)
		if len(b) < len(f.delimiter) {
			return -1
		}
		i := bytes.Index(b, f.delimiter)
		if i < 0 {
			pos += int64(len(b) - len(f.delimiter) + 1)
			continue
		}
		pos += int64(i)
		if _, _, ok := f.lineBehind(pos + int64(len(f.delimiter))); ok {
			return pos
		}
		pos++
	}
}

// lineBehind reads what may stand behind a boundary on its line: "--" when it is
// the last one, and blanks. next is where the following line begins. A line that
// goes on otherwise is not a boundary but starts like one.
func (f *formSplit) lineBehind(pos int64) (next int64, closing, ok bool) {
	b := f.peek(pos, formLine)
	n := 0
	if closing = bytes.HasPrefix(b, []byte("--")); closing {
		n = 2
	}
	for n < len(b) && n < formLine-2 && (b[n] == ' ' || b[n] == '\t') {
		n++
	}
	switch rest := b[n:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return pos + int64(n) + 2, closing, true
	case bytes.HasPrefix(rest, []byte("\n")):
		return pos + int64(n) + 1, closing, true
	case closing && len(rest) == 0:
		return pos + int64(n), true, true
	}
	return 0, false, false
}

// part adds the part from its head on, up to the line break before the next
// boundary, and tells whether it has a head.
func (f *formSplit) part(from, to int64) bool {
	b := f.peek(from, int(min(maxPartHead, to-from)))
	b = b[:min(int64(len(b)), to-from)]
	name, isFile, contentType, n, exact := partHead(b)
	from += int64(n)
	if to > from && to < f.whole.Size {
		if last := f.peek(to-1, 1); len(last) > 0 && last[0] == '\r' {
			to--
		}
	}
	if to <= from {
		return exact
	}
	o := scanner.Object{Kind: f.whole.Kind, Name: name, ContentType: contentType, URL: f.whole.URL, Size: to - from}
	if f.whole.Flat != nil {
		o.Flat = f.whole.Flat[from:to]
		o.Body = bytes.NewReader(o.Flat)
	} else {
		o.Body = io.NewSectionReader(f.whole.Body, from, to-from)
	}
	if isFile && f.names {
		o.Names = []string{name}
	}
	f.parts = append(f.parts, o)
	return exact
}

// partHead reads the head of a part the tolerant way. n is its length, 0 when it
// has no end.
func partHead(b []byte) (name string, isFile bool, contentType string, n int, ok bool) {
	for {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			return "", false, "", 0, false
		}
		line := bytes.TrimRight(b[n:n+end], "\r")
		n += end + 1
		if len(line) == 0 {
			return name, isFile, contentType, n, true
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			continue
		}
		switch key, value := trim(line[:colon]), trim(line[colon+1:]); {
		case equalFold(key, "content-disposition"):
			name, isFile = fileOf(value)
		case equalFold(key, "content-type"):
			contentType = string(value)
		}
	}
}

// peek is the bytes of the body from pos on: at least n of them, fewer only at
// its end. They stay valid until the next peek.
func (f *formSplit) peek(pos int64, n int) []byte {
	size := f.whole.Size
	if f.whole.Flat != nil {
		return f.window[min(pos, size):]
	}
	if pos >= f.base && min(pos+int64(n), size) <= f.base+int64(len(f.window)) {
		return f.window[min(pos, size)-f.base:]
	}
	if f.buffer == nil {
		f.buffer = make([]byte, formWindow)
	}
	got, err := f.whole.Body.ReadAt(f.buffer[:max(0, min(formWindow, size-pos))], pos)
	if err != nil && err != io.EOF {
		got = 0 // what can't be read is no form; the scanner meets the error itself
	}
	f.base, f.window = pos, f.buffer[:got]
	return f.window
}
