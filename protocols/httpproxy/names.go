package httpproxy

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxName bounds a file name in pages, logs and filters, in bytes.
const maxName = 255

// fileOf is the file name of a Content-Disposition value, or else the name of the
// form's field, which is not a file's (RFC 6266, RFC 7578); "" when it says neither.
func fileOf(disposition []byte) (name string, isFile bool) {
	if names := filesOf(nil, disposition); len(names) > 0 {
		return names[0], true
	}
	v, _ := parameter(disposition, "name")
	return cleanName(string(v)), false
}

// maxFileNames bounds the names that one file is known by.
const maxFileNames = 8

// filesOf appends all file names that programs may read in a Content-Disposition value,
// the one that the standard prefers first.
func filesOf(names []string, disposition []byte) []string {
	for v, rest := parameter(disposition, "filename*"); v != nil && len(names) < maxFileNames; v, rest = parameter(rest, "filename*") {
		if i := bytes.LastIndexByte(v, '\''); i >= 0 {
			names = append(names, cleanName(unescape(string(v[i+1:]))))
		}
	}
	for v, rest := parameter(disposition, "filename"); v != nil && len(names) < maxFileNames; v, rest = parameter(rest, "filename") {
		names = append(names, cleanName(strings.ReplaceAll(string(v), `\"`, `"`)))
	}
	return names
}

// fileOfPath is the last segment of a path.
func fileOfPath(path string) string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	return cleanName(unescape(path[strings.LastIndexByte(path, '/')+1:]))
}

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// cleanName is a name as it can be shown: its last segment, without control
// characters, valid and of bounded length. Most names are that already.
func cleanName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	if len(s) <= maxName && isPrintable(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '_'
		}
		return r
	}, s)
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// coding is the canonical name of a content coding, "" for none. Known ones cost
// no memory.
func coding(b []byte) string {
	for _, c := range [...]struct{ word, canonical string }{
		{"gzip", "gzip"}, {"br", "br"}, {"deflate", "deflate"}, {"zstd", "zstd"}, {"x-gzip", "gzip"}, {"identity", ""}, {"", ""},
	} {
		if equalFold(b, c.word) {
			return c.canonical
		}
	}
	return strings.ToLower(string(b))
}

// maxCodings bounds how often a body may be encoded.
const maxCodings = 8

// encodings appends the content codings of a head in the order in which they were
// applied. The error is a fault.
func encodings(list []string, h *head) ([]string, error) {
	for i := range h.known {
		f := &h.known[i]
		if f.kind != fieldContentEncoding {
			continue
		}
		for rest, last := h.text(f.value), false; !last; {
			var element []byte
			element, rest, last = nextElement(rest)
			if c := coding(element); c != "" {
				list = append(list, c)
			}
			if len(list) > maxCodings {
				return list, fault{400, "the body is encoded too often"}
			}
		}
	}
	return list, nil
}
