package imapproxy

import (
	"bytes"

	"utmsim/protocols/wire"
)

// section is what a data item of a FETCH response holds.
type section uint8

const (
	sectionUnknown section = iota
	sectionData            // about the message: flags, dates, structure
	sectionHead            // a header, or a part of one; the first words of a text
	sectionWhole           // a message
	sectionPart            // a body or a part of one
)

// content tells that an item's string is always judged.
func (s section) content() bool { return s >= sectionWhole }

// dataItems are the items that hold no content (RFC 9051 section 7.5.2, RFC 7162,
// RFC 8474, RFC 8514, RFC 8970, and Gmail's).
var dataItems = map[string]bool{
	"BODY": true, "BODYSTRUCTURE": true, "ENVELOPE": true, "FLAGS": true, "INTERNALDATE": true, "UID": true,
	"RFC822.SIZE": true, "MODSEQ": true, "EMAILID": true, "THREADID": true, "SAVEDATE": true,
	"X-GM-LABELS": true, "X-GM-MSGID": true, "X-GM-THRID": true,
}

// sectionOf understands the name of a data item. partial tells that it is a piece
// of the section, from some byte on. Of a name that is longer than was kept the
// beginning serves.
func sectionOf(name []byte) (s section, partial bool) {
	name = bytes.ToUpper(name)
	item, rest, found := bytes.Cut(name, []byte{'['})
	if !found {
		switch string(name) {
		case "RFC822":
			return sectionWhole, false
		case "RFC822.TEXT":
			return sectionPart, false
		case "RFC822.HEADER", "PREVIEW", "SNIPPET":
			return sectionHead, false
		}
		if dataItems[string(name)] {
			return sectionData, false
		}
		return sectionUnknown, false
	}
	text, origin, _ := bytes.Cut(rest, []byte{']'})
	partial = len(origin) > 0
	switch string(item) {
	case "BODY":
	case "BINARY": // RFC 3516
		if len(text) == 0 {
			return sectionWhole, partial
		}
		return sectionPart, partial
	default:
		return sectionUnknown, partial
	}
	spec := bytes.TrimLeft(text, "0123456789.")
	switch {
	case len(text) == 0:
		return sectionWhole, partial
	case bytes.HasPrefix(spec, []byte("HEADER")), string(spec) == "MIME":
		return sectionHead, partial
	}
	return sectionPart, partial
}

// scan follows a response of data through quotes and parentheses, as far as it has
// to be known what a string is.
type scan struct {
	fetch   bool // there may be contents
	quoted  bool // inside a quoted string
	escaped bool // behind its backslash
	bracket bool // inside the brackets of an item's name
	brace   bool // inside the announcement of a literal
	ended   bool // the name is complete
	depth   int  // of parentheses
	n       int  // bytes of name
	name    [64]byte
}

// feed takes the next stretch of the response. It stops behind the quote that
// begins a content, and returns how far it came. The error is a fault.
func (s *scan) feed(b []byte) (n int, content bool, err error) {
	for i, c := range b {
		switch {
		case c == 0, c == '\r' && (i != len(b)-2 || b[i+1] != '\n'):
			return i, false, faultChar
		case s.quoted:
			s.inQuotes(c)
		case c == '"':
			if item, _ := s.current(); item.content() && !s.bracket {
				return i + 1, true, nil
			}
			s.quoted = true
		case s.fetch:
			s.structure(c)
		}
	}
	return len(b), false, nil
}

func (s *scan) inQuotes(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case c == '\\':
		s.escaped = true
	case c == '"':
		s.quoted = false
		s.valueEnds()
	}
}

// structure takes a character outside of quoted strings.
func (s *scan) structure(c byte) {
	switch {
	case s.brace:
		s.brace = c != '}'
	case c == '{':
		s.brace = true
	case s.bracket:
		s.bracket = c != ']'
		s.add(c)
	case c == '(':
		if s.depth++; s.depth == 1 {
			s.n = 0
		}
	case c == ')':
		s.depth--
		s.valueEnds()
	case s.depth > 1, c == '~', c == '\r', c == '\n':
	case c == ' ':
		s.ended = true
	default:
		if s.ended {
			s.n, s.ended = 0, false
		}
		s.bracket = c == '['
		s.add(c)
	}
}

// add puts a character to the name of the current item, as far as it is kept. What
// follows the brackets counts however long they are.
func (s *scan) add(c byte) {
	if s.n < len(s.name) {
		s.name[s.n] = c
		s.n++
		return
	}
	if !s.bracket {
		s.name[len(s.name)-1] = c
	}
}

// valueEnds forgets the item's name behind its value.
func (s *scan) valueEnds() {
	if s.depth == 1 && !s.bracket {
		s.n, s.ended = 0, false
	}
}

// current is the item that a string belongs to; partial as in sectionOf.
func (s *scan) current() (section section, partial bool) {
	if !s.fetch {
		return sectionData, false
	}
	return sectionOf(s.name[:s.n])
}

// Limits of literals that are passed on unjudged, in bytes: names and subjects,
// headers, and what has no place in a FETCH. A header that is larger is none.
const (
	maxPlain  = 64 << 10
	maxHeader = 256 << 10
	maxOther  = 1 << 20
)

// judged tells that a literal's content is to be judged. The error says that it is
// neither content nor small. Directly behind its name no item of data has one.
func (s *scan) judged(lit wire.Literal) (bool, error) {
	if !s.fetch || s.bracket {
		if lit.Size > maxOther {
			return false, faultSize
		}
		return false, nil
	}
	item, _ := s.current()
	switch item {
	case sectionHead:
		return lit.Size > maxHeader, nil
	case sectionData:
		return s.depth <= 1 || lit.Size > maxPlain, nil
	}
	return true, nil
}
