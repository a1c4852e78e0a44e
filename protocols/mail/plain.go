package mail

import "bytes"

// plainField is a field written so plainly that every program reads the same in
// it: words, and parameters in words or quotes, each name once. Most are.
type plainField struct {
	names [8][]byte // of the parameters
	n     int
}

// plainNames tells that the name which go-message would find is the first that is
// found without it, at a fraction of the cost.
func (h *header) plainNames() bool {
	if len(h.types) > 1 || len(h.dispositions) > 1 {
		return false
	}
	var f plainField
	for _, v := range h.types {
		if !f.read(v) {
			return false
		}
	}
	for _, v := range h.dispositions {
		// go-message looks for filename here and then for name in the type.
		if f = (plainField{}); !f.read(v) || f.has("name") && !f.has("filename") {
			return false
		}
	}
	return true
}

func (f *plainField) has(name string) bool {
	for _, n := range f.names[:f.n] {
		if string(n) == name {
			return true
		}
	}
	return false
}

// read tells whether v is plain and keeps the names of its parameters.
func (f *plainField) read(v []byte) bool {
	word, v := plainWord(v)
	if len(word) == 0 {
		return false
	}
	if len(v) > 0 && v[0] == '/' {
		if word, v = plainWord(v[1:]); len(word) == 0 {
			return false
		}
	}
	for {
		if v = bytes.TrimLeft(v, " \t"); len(v) == 0 {
			return true
		}
		if v[0] != ';' {
			return false
		}
		if v = bytes.TrimLeft(v[1:], " \t"); len(v) == 0 {
			return true
		}
		var ok bool
		if v, ok = f.param(v); !ok {
			return false
		}
	}
}

// param takes the parameter at the front of v.
func (f *plainField) param(v []byte) (rest []byte, ok bool) {
	name, v := plainWord(v)
	if len(name) == 0 || len(v) == 0 || v[0] != '=' || f.n == len(f.names) || f.has(string(name)) {
		return nil, false
	}
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			return nil, false
		}
	}
	f.names[f.n] = name
	f.n++
	v = v[1:]
	if len(v) == 0 || v[0] != '"' {
		value, rest := plainWord(v)
		return rest, len(value) > 0
	}
	for i, c := range v[1:] {
		switch {
		case c == '"':
			return v[i+2:], true
		case c < ' ', c > '~', c == '\\', c == '%', c == '?', c == '\'', c == '(':
			return nil, false
		}
	}
	return nil, false
}

// plainWord is the letters, digits and few signs at the front of v.
func plainWord(v []byte) (word, rest []byte) {
	for i, c := range v {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '+':
		default:
			return v[:i], v[i:]
		}
	}
	return v, nil
}
