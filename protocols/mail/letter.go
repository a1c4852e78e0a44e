package mail

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"net/netip"
	"slices"
	"strings"

	"utmsim/scanner"
)

// Letter is what the head of a message says about where it comes from and what it is
// about.
type Letter struct {
	Subject string       // of all Subject fields, in UTF-8
	From    []string     // addresses of From and Sender, in small letters
	Hops    []netip.Addr // the hosts that Received fields name, last hop first, each once

	eol         string
	subject     int64  // where a mark in the subject belongs; -1 without a Subject field
	subjectText string // of that line, behind this place
	subjectLine int    // the length of that line, the line end not counted
}

// Limits of what is read of a head.
const (
	maxLetter  = 256 << 10 // bytes
	maxField   = 16 << 10  // bytes of one unfolded field
	maxHops    = 8         // hosts, the last ones
	maxSenders = 16
	// maxTextLine is the longest line of a message (RFC 5322 section 2.1.1).
	maxTextLine = 998
)

// ReadLetter reads the head of a message; size is the message's length. The error is
// that of reading raw.
func ReadLetter(raw io.ReaderAt, size int64) (*Letter, error) {
	top := make([]byte, min(size, maxLetter))
	if n, err := raw.ReadAt(top, 0); n < len(top) {
		return nil, err
	}
	l := &Letter{subject: -1, eol: "\r\n"}
	if i := bytes.IndexByte(top, '\n'); i == 0 || i > 0 && top[i-1] != '\r' {
		l.eol = "\n"
	}
	var value []byte // of the field that is read
	var name []byte
	at := int64(0)
	for len(top) > 0 {
		line, rest, _ := bytes.Cut(top, []byte("\n"))
		next := at + int64(len(top)-len(rest))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(value)+len(line) <= maxField {
				value = append(append(value, ' '), bytes.TrimLeft(line, " \t")...)
			}
		} else {
			l.field(name, value)
			var text []byte
			name, text = field(line)
			value = append(value[:0], text[:min(len(text), maxField)]...)
			if is(name, "subject") && l.subject < 0 {
				l.subject, l.subjectLine = at+int64(len(line)-len(text)), len(line)
				if len(text) > 0 && text[0] == ' ' {
					l.subject++
					text = text[1:]
				}
				l.subjectText = string(text)
			}
		}
		top, at = rest, next
	}
	l.field(name, value)
	return l, nil
}

// field takes a complete field.
func (l *Letter) field(name, value []byte) {
	switch {
	case is(name, "subject"):
		l.Subject = strings.TrimSpace(l.Subject + " " + strings.TrimSpace(decodeWords(string(value))))
	case is(name, "from"), is(name, "sender"):
		l.senders(string(value))
	case is(name, "received"):
		l.hops(value)
	}
}

// senders takes the addresses of a field; what is none as a whole, when nothing in it
// can be read.
func (l *Letter) senders(value string) {
	list, err := mail.ParseAddressList(value)
	if err != nil {
		list = []*mail.Address{{Address: bare(value)}}
	}
	for _, a := range list {
		s := strings.ToLower(a.Address)
		if s != "" && len(l.From) < maxSenders && !slices.Contains(l.From, s) {
			l.From = append(l.From, s)
		}
	}
}

// bare is what stands in angle brackets, else all of it.
func bare(value string) string {
	if i := strings.LastIndexByte(value, '<'); i >= 0 {
		value = value[i+1:]
		if i = strings.IndexByte(value, '>'); i >= 0 {
			value = value[:i]
		}
	}
	return strings.TrimSpace(value)
}

// hops takes the addresses of the host that a Received field says the message came
// from (RFC 5321 section 4.4): those in brackets before "by". Whoever writes them in
// parentheses alone is understood too.
func (l *Letter) hops(value []byte) {
	const by = " by "
	for i := range max(0, len(value)-len(by)+1) {
		if is(value[i:i+len(by)], by) {
			value = value[:i]
			break
		}
	}
	for _, word := range bytes.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t()[];,", r) }) {
		text := string(word)
		if len(text) > len("ipv6:") && strings.EqualFold(text[:5], "ipv6:") {
			text = text[5:]
		}
		a, err := netip.ParseAddr(text)
		a = a.Unmap().WithZone("")
		if err != nil || len(l.Hops) == maxHops || slices.Contains(l.Hops, a) {
			continue
		}
		l.Hops = append(l.Hops, a)
	}
}

// Mark is where a mark belongs and what stands there: in a field of its own (header),
// else before the text of the subject. Put before the byte at, it leaves every other
// byte as it was. A subject that begins with the mark gets no other: text is empty then.
func (l *Letter) Mark(header bool, mark string) (at int64, text string) {
	if header {
		return 0, l.markField(mark)
	}
	mark = mime.QEncoding.Encode("utf-8", mark)
	switch {
	case l.subject < 0:
		return 0, "Subject: " + mark + l.eol
	case strings.HasPrefix(l.subjectText, mark+" "):
		return 0, ""
	case l.subjectLine+len(mark)+2 > maxTextLine:
		return l.subject, mark + l.eol + " "
	}
	return l.subject, mark + " "
}

// fieldOfMarks is the field that a mark stands in when it does not name one itself.
const fieldOfMarks = "X-Spam"

// markField is the mark when it is a field, else a field with the mark.
func (l *Letter) markField(mark string) string {
	name, value, ok := strings.Cut(mark, ":")
	if !ok || name == "" || name[0] == '.' || !isWord([]byte(name)) {
		name, value = fieldOfMarks, mark
	}
	return name + ": " + mime.QEncoding.Encode("utf-8", strings.TrimSpace(value)) + l.eol
}

// Marked is a message with a mark, see Letter.Mark.
func Marked(text []byte, header bool, mark string) ([]byte, error) {
	l, err := ReadLetter(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	at, in := l.Mark(header, mark)
	return slices.Insert(text, int(at), []byte(in)...), nil
}

// EachText has the readable parts of a message looked at, decoded, with their types as
// they declare them, which may be empty: what a program shows, not the attachments. raw
// is the message that was walked. Of each there is no more than limit bytes. The error
// is that of reading, or of look, which ends it.
func (m *Message) EachText(raw io.ReaderAt, limit int64, look func(contentType string, content []byte) error) error {
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Whole() && len(m.Parts) > 1 || len(p.Names) > 0 || !isReadable(p.Object.ContentType) {
			continue
		}
		content := make([]byte, min(p.Object.Size, limit))
		if n, err := p.Object.Body.ReadAt(content, 0); n < len(content) {
			return err
		}
		if err := look(contentType(raw, p.Head), content); err != nil {
			return err
		}
	}
	return nil
}

// TextsOf is EachText of a message that is not walked before somebody looks.
func TextsOf(whole *scanner.Object, limit int64, walk func(*scanner.Object) (*Message, error)) func(look func(contentType string, content []byte) error) error {
	return func(look func(contentType string, content []byte) error) error {
		m, err := walk(whole)
		if err != nil {
			return err
		}
		return m.EachText(whole.Body, limit, look)
	}
}

func isReadable(contentType string) bool {
	return contentType == "" || strings.HasPrefix(contentType, "text/")
}

// contentType is the type that a part's head declares, with all parameters.
func contentType(raw io.ReaderAt, head Span) string {
	b := make([]byte, min(head.Len(), maxField))
	if n, _ := raw.ReadAt(b, head.From); n < len(b) {
		return ""
	}
	var h header
	var room headRoom
	for line := range bytes.Lines(b) {
		h.feed(bytes.TrimRight(line, "\r\n"), &room)
	}
	if len(h.types) == 0 {
		return ""
	}
	return string(h.types[0])
}
