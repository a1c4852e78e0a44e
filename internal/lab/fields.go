package lab

import (
	"bytes"
	"mime"
	"strings"
)

// field is one header field of a mail or an article.
type field struct {
	name string
	raw  []byte // with its continuation lines and its line ends
}

// value is the body of the field on one line (RFC 5322 section 2.2.3), encoded
// words as they are.
func (f field) value() string {
	_, body, _ := strings.Cut(string(f.raw), ":")
	body = strings.NewReplacer("\r", "", "\n", "").Replace(body)
	return strings.TrimSpace(body)
}

// text is the value with encoded words decoded where they can be.
func (f field) text() string {
	decoded, err := new(mime.WordDecoder).DecodeHeader(f.value())
	if err != nil {
		return f.value()
	}
	return decoded
}

// fieldsOf splits the head of a mail or an article. What isn't a field has an
// empty name.
func fieldsOf(content []byte) []field {
	var fields []field
	for head := content[:headEnd(content)]; len(head) > 0; {
		end := bytes.IndexByte(head, '\n') + 1
		if end == 0 {
			end = len(head)
		}
		line := head[:end]
		head = head[end:]
		if last := len(fields) - 1; (line[0] == ' ' || line[0] == '\t') && last >= 0 {
			raw := fields[last].raw
			fields[last].raw = raw[:len(raw)+len(line)] // the lines lie one after the other
			continue
		}
		name, _, found := bytes.Cut(line, []byte(":"))
		if !found {
			name = nil
		}
		fields = append(fields, field{strings.TrimSpace(string(name)), line})
	}
	return fields
}

// fieldNamed returns the first field of a name.
func fieldNamed(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return f, true
		}
	}
	return field{}, false
}

// valueOf returns the value of the first field of a name, "" if there is none.
func valueOf(fields []field, name string) string {
	f, ok := fieldNamed(fields, name)
	if !ok {
		return ""
	}
	return f.value()
}
