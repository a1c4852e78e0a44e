package mail

import (
	"bytes"
	"strings"
)

// header is what one head says about the content below it. Fields that stand
// there more than once are all kept: programs differ in which they take.
type header struct {
	types, codings, dispositions [][]byte // unfolded values

	last *[]byte // the field a continuation line belongs to
	any  bool    // there was a field
	junk bool    // there was a line that is no field
	size int     // bytes kept
}

// The fields that speak of the content.
const (
	fieldType        = "content-type"
	fieldCoding      = "content-transfer-encoding"
	fieldDisposition = "content-disposition"
)

// headRoom is memory for the fields that are kept of a message's heads, as far as
// an ordinary message has them, so that they are not allocated one by one.
type headRoom struct {
	text   [512]byte
	used   int // of text
	values [6][]byte
	taken  int // of values
}

// append appends a copy of v to the values of a field.
func (r *headRoom) append(list [][]byte, v []byte) [][]byte {
	if list == nil && r.taken < len(r.values) {
		list = r.values[r.taken : r.taken : r.taken+1]
		r.taken++
	}
	if len(v) > len(r.text)-r.used {
		return append(list, bytes.Clone(v))
	}
	kept := r.text[r.used : r.used+len(v) : r.used+len(v)]
	r.used += copy(kept, v)
	return append(list, kept)
}

// feed takes the next line of the head, without its line end, and keeps in room what
// it has to say. false: the head has more to say than it may.
func (h *header) feed(b []byte, room *headRoom) bool {
	if len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		switch {
		case h.last != nil:
			*h.last = append(append(*h.last, ' '), bytes.TrimLeft(b, " \t")...)
			h.size += len(b)
		case !h.any:
			h.junk = true
		}
		return h.size <= maxHead
	}
	h.last = nil
	name, value := field(b)
	if name == nil {
		h.junk = true
		return true
	}
	h.any = true
	list := h.list(name)
	if list == nil {
		return true
	}
	h.size += len(b)
	*list = room.append(*list, bytes.TrimSpace(value))
	h.last = &(*list)[len(*list)-1]
	return h.size <= maxHead
}

// list is where a field is kept, nil when nobody asks for it.
func (h *header) list(name []byte) *[][]byte {
	switch {
	case is(name, fieldType):
		return &h.types
	case is(name, fieldCoding):
		return &h.codings
	case is(name, fieldDisposition):
		return &h.dispositions
	}
	return nil
}

// is compares a name without minding case. It does not allocate.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// field splits a line into name and value. Blanks before the colon are tolerated.
// The name is nil when the line is no field.
func field(b []byte) (name, value []byte) {
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 {
		return nil, nil
	}
	name = bytes.TrimRight(b[:colon], " \t")
	if len(name) == 0 || !isWord(name) {
		return nil, nil
	}
	return name, b[colon+1:]
}

// isContentField tells that a line speaks of content, as the head of a part does.
func isContentField(b []byte) bool {
	const prefix = "content-"
	if len(b) < len(prefix) || !is(b[:len(prefix)], prefix) {
		return false
	}
	name, _ := field(b)
	return name != nil
}

// nature is what a head makes of the content below it.
type nature struct {
	multipart, message, partial bool
	contentType                 string
	base64, quoted              bool
	unclear                     bool // the encoding is not exactly one that is known
	boundaries                  []string
}

// nature reads the fields.
func (h *header) nature() (n nature) {
	for _, v := range h.types {
		t := mediaType(v)
		if n.contentType == "" {
			n.contentType = t
		}
		n.multipart = n.multipart || strings.HasPrefix(t, "multipart")
		n.message = n.message || strings.HasPrefix(t, "message/")
		n.partial = n.partial || t == "message/partial"
		n.boundaries = boundaries(n.boundaries, v)
	}
	n.unclear = len(h.codings) > 1
	for _, v := range h.codings {
		n.coding(v)
	}
	return n
}

// coding reads a transfer encoding: its letters and digits alone count, outside
// comments or, if that gives nothing, anywhere.
func (n *nature) coding(v []byte) {
	word := squeeze(withoutComments(v))
	switch word {
	case "base64":
		n.base64 = true
		return
	case "quotedprintable":
		n.quoted = true
		return
	case "7bit", "8bit", "binary":
		return
	}
	n.unclear = true
	word = squeeze(v)
	n.base64 = n.base64 || strings.Contains(word, "64")
	n.quoted = n.quoted || strings.Contains(word, "quoted") || word == "qp"
}

// squeeze is the letters and digits of v in small letters.
func squeeze(v []byte) string {
	var b [32]byte
	n := 0
	for _, c := range v {
		switch {
		case n == len(b):
			return string(b[:])
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z':
			b[n] = c
			n++
		case c >= 'A' && c <= 'Z':
			b[n] = c | 0x20
			n++
		}
	}
	return string(b[:n])
}

// mediaType is type/subtype in small letters without blanks and comments.
func mediaType(v []byte) string {
	v = withoutComments(v)
	if i := bytes.IndexByte(v, ';'); i >= 0 {
		v = v[:i]
	}
	if v = bytes.TrimSpace(v); isWord(v) {
		return lowerType(v)
	}
	if f := bytes.Fields(v); len(f) > 1 && !bytes.Contains(f[0], []byte("/")) {
		v = bytes.Join(f, nil) // blanks around the slash
	} else if len(f) > 0 {
		v = f[0]
	}
	return strings.ToLower(string(bytes.TrimSpace(v)))
}

// lowerType is v in small letters; the types that most parts have cost no memory.
func lowerType(v []byte) string {
	switch string(v) {
	case "text/plain":
		return "text/plain"
	case "text/html":
		return "text/html"
	case "multipart/mixed":
		return "multipart/mixed"
	case "multipart/alternative":
		return "multipart/alternative"
	case "application/octet-stream":
		return "application/octet-stream"
	}
	return strings.ToLower(string(v))
}

// isWord tells that v is ASCII without blanks and control characters.
func isWord(v []byte) bool {
	for _, c := range v {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// withoutComments removes what stands in parentheses outside quotes (RFC 822). A
// parenthesis that is never closed stays.
func withoutComments(v []byte) []byte {
	if bytes.IndexByte(v, '(') < 0 {
		return v
	}
	var out []byte
	quoted := false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && i+1 < len(v):
			out = append(out, c, v[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case c == '(' && !quoted:
			if n := commentLength(v[i:]); n > 0 {
				i += n - 1
				continue
			}
			return append(out, v[i:]...)
		}
		out = append(out, v[i])
	}
	return out
}

// commentLength is the length of the comment at the front of v, 0 when it has no
// end.
func commentLength(v []byte) int {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}
