package httpproxy

import (
	"bytes"
	"io"
	"slices"

	"utmsim/scanner"
)

// Limits of a form. A body beyond them is judged as a whole, as is everything
// that does not look like a form to the end.
const (
	maxParts      = 512
	maxForms      = 4    // forms inside each other
	maxBoundary   = 1000 // RFC 2046 section 5.1.1 allows 70, servers take what comes
	maxBoundaries = 4
	maxPartHead   = 8 << 10
	formWindow    = 32 << 10 // what is read at once to look for a boundary
	formLine      = 64       // of what may follow a boundary on its line
	formTypeStart = "multipart/"
)

// isForm tells that a content type is one of content in parts. Files are sent in others
// than multipart/form-data as well, and inside each other (RFC 2388 section 4.2).
func isForm(contentType []byte) bool {
	return len(contentType) >= len(formTypeStart) && equalFold(contentType[:len(formTypeStart)], formTypeStart)
}

// boundariesOf are the boundary parameters of a form's type that are usable. More than
// one is an attempt to make two readers see two forms.
func boundariesOf(contentType []byte) (list [][]byte) {
	for rest := contentType; len(list) < maxBoundaries; {
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

// splitForm names the files and fields of a form one by one, for each of its boundaries
// and for the one that its first line looks like, which may be declared in a way that
// only the server understands. When the body is not a form from its first byte to its
// last - bytes before the first boundary or behind the last, a part without an end, too
// many parts - the whole body is an object as well, so that no byte of it escapes
// judgement. names asks for the names of files.
func splitForm(whole *scanner.Object, names bool, boundaries ...[]byte) (parts []scanner.Object) {
	if len(whole.Encodings) > 0 {
		return []scanner.Object{*whole}
	}
	f := formSplit{whole: whole, names: names, window: whole.Flat}
	if !f.splitBy(boundaries) {
		f.parts = append(f.parts, *whole)
	}
	return f.parts
}

// tooMany is the verdict on the structure of a form that was split into n parts.
func tooMany(n int) scanner.Verdict {
	if n <= maxParts {
		return scanner.Verdict{}
	}
	return scanner.Verdict{Class: scanner.Oversize, Name: "too many parts", Findings: scanner.SetOf(scanner.Oversize)}
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
	depth     int // forms around it
}

// splitBy collects the parts for each boundary, and for the one that is not declared.
// It tells whether the body was a form throughout.
func (f *formSplit) splitBy(boundaries [][]byte) (exact bool) {
	exact = len(boundaries) > 0
	for _, b := range boundaries {
		f.delimiter = append([]byte("\n--"), b...)
		exact = f.split() && exact
	}
	b := f.undeclared()
	known := func(have []byte) bool {
		return bytes.Equal(have, b) || bytes.Equal(have, bytes.TrimSuffix(b, []byte("--")))
	}
	if b != nil && !slices.ContainsFunc(boundaries, known) {
		exact = false
		f.delimiter = append([]byte("\n--"), b...)
		f.split()
	}
	return exact
}

// undeclared is what would be the boundary if the body began with it, nil when it does
// not begin so.
func (f *formSplit) undeclared() []byte {
	line, _, ok := bytes.Cut(f.peek(0, maxBoundary+formLine), []byte("\n"))
	b, dashes := bytes.CutPrefix(line, []byte("--"))
	if b = bytes.TrimRight(b, " \t\r"); !ok || !dashes || len(b) == 0 || len(b) > maxBoundary {
		return nil
	}
	return bytes.Clone(b)
}

// split collects the parts and tells whether the body was a form throughout.
func (f *formSplit) split() bool {
	exact := bytes.HasPrefix(f.peek(0, len(f.delimiter)), f.delimiter[1:])
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
		case len(f.parts) >= maxParts:
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
	if isForm([]byte(contentType)) && f.depth < maxForms {
		inner := formSplit{whole: &o, names: f.names, window: o.Flat, parts: f.parts, depth: f.depth + 1}
		inner.splitBy(boundariesOf([]byte(contentType)))
		f.parts = inner.parts
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
