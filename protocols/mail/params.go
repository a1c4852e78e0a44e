package mail

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// param is one name=value of a field.
type param struct {
	name  string // in small letters, with the marks of RFC 2231
	value string // without quotes
	word  string // value up to its first blank, when it has no quotes and one
}

// Limits of what is looked at in one field, and in one head. Of the boundaries
// only the first and the last count.
const (
	maxParams     = 100
	maxBoundaries = 16
)

// usualParams is how many parameters a field has room for before it allocates some.
const usualParams = 6

// params appends everything behind the first word of a field, read the tolerant way:
// what is no parameter is skipped, quotes need no end.
func params(list []param, field []byte) []param {
	if i := bytes.IndexAny(field, "=; \t"); i >= 0 && field[i] != '=' {
		field = field[i:] // behind the type, unless there is none
	}
	if bytes.IndexByte(field, '=') < 0 {
		return list
	}
	v := string(field) // names and values are parts of it
	for len(list) < maxParams {
		v = strings.TrimLeft(v, "; \t,")
		if len(v) == 0 {
			return list
		}
		n := strings.IndexAny(v, "=; \t,")
		if n < 0 {
			return list
		}
		name := strings.ToLower(v[:n])
		rest := strings.TrimLeft(v[n:], " \t")
		if len(rest) == 0 || rest[0] != '=' {
			v = v[n:]
			continue
		}
		p := param{name: name}
		v = p.read(strings.TrimLeft(rest[1:], " \t"))
		list = append(list, p)
	}
	return list
}

// read takes the value at the front of v and returns what follows.
func (p *param) read(v string) (rest string) {
	if len(v) > 0 && v[0] == '"' {
		return p.readQuoted(v[1:])
	}
	n := strings.IndexByte(v, ';')
	if n < 0 {
		n = len(v)
	}
	p.value = strings.TrimRight(v[:n], " \t")
	if i := strings.IndexAny(p.value, " \t"); i >= 0 {
		p.word = p.value[:i]
		return v[i:]
	}
	return v[n:]
}

// readQuoted takes a value up to its closing quote.
func (p *param) readQuoted(v string) (rest string) {
	n := strings.IndexAny(v, "\"\\")
	if n >= 0 && v[n] == '"' { // as most are
		p.value = v[:n]
		return v[n+1:]
	}
	var b []byte
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			if i++; i < len(v) {
				b = append(b, v[i])
			}
			continue
		case '"':
			p.value = string(b)
			return v[i+1:]
		}
		b = append(b, v[i])
	}
	p.value = string(b)
	return ""
}

// boundaries appends the boundaries that programs may read from a content type,
// in the order in which they stand there.
func boundaries(list []string, v []byte) []string {
	add := func(b string) {
		b = strings.TrimRight(b, " \t")
		switch {
		case len(b) > maxBoundary || slices.Contains(list, b):
		case len(list) == maxBoundaries:
			list[len(list)-1] = b
		default:
			list = append(list, b)
		}
	}
	readings := [2][]byte{withoutComments(v), v}
	first := 0
	if len(readings[0]) == len(v) {
		if !mentions(v, "boundary") {
			return list
		}
		first = 1
	}
	var room [usualParams]param
	for _, r := range readings[first:] {
		all := params(room[:0], r)
		for _, p := range all {
			if p.name != "boundary" {
				continue
			}
			if p.word != "" {
				add(p.word)
			}
			add(p.value)
			if n := len(p.value); n > 2 && p.value[0] == '\'' && p.value[n-1] == '\'' {
				add(p.value[1 : n-1])
			}
		}
		if b := assemble(all, "boundary"); b != "" {
			add(b)
		}
	}
	return list
}

// assemble is the parameter name that RFC 2231 has cut into pieces or encoded, in
// UTF-8; empty when there is none.
func assemble(all []param, name string) string {
	charset, text, found := extended(all, name)
	if !found {
		return ""
	}
	return fromCharset(charset, text)
}

// extended collects the pieces name*, name*0, name*1* ... in the order of their
// numbers.
func extended(all []param, name string) (charset, text string, found bool) {
	type piece struct {
		n    int
		text string
	}
	var pieces []piece
	for _, p := range all {
		rest, ok := strings.CutPrefix(p.name, name+"*")
		if !ok {
			continue
		}
		encoded := rest == ""
		if !encoded {
			rest, encoded = strings.CutSuffix(rest, "*")
		}
		n, err := strconv.Atoi(rest)
		if rest != "" && (err != nil || n < 0) {
			continue
		}
		value := p.value
		if encoded {
			if parts := strings.SplitN(value, "'", 3); len(parts) == 3 && n == 0 {
				charset, value = parts[0], parts[2]
			}
			value = percentDecoded(value)
		}
		pieces = append(pieces, piece{n, value})
	}
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.n - b.n })
	for _, p := range pieces {
		text += p.text
	}
	return charset, text, len(pieces) > 0
}

// percentDecoded replaces %XX; a percent sign without two hex digits stays.
func percentDecoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexValues[s[i+1]], hexValues[s[i+2]]
			if hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
