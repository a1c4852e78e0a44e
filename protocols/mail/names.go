package mail

import (
	"io"
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"
	"golang.org/x/text/encoding/htmlindex"
)

// names are the file names that programs may show for a part: the one that
// go-message finds, when the head is well formed, and then everything that can be
// read as a name.
func (h *header) names() (list []string) {
	if !mentionsName(h.types) && !mentionsName(h.dispositions) {
		return nil
	}
	add := func(s string) {
		if s = cleanName(decodeWords(s)); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	if !h.plainNames() {
		add(h.strictName())
	}
	var room [usualParams]param
	for _, v := range h.dispositions {
		all := params(room[:0], v)
		eachName(all, "filename", add)
		eachName(all, "name", add)
	}
	for _, v := range h.types {
		all := params(room[:0], v)
		eachName(all, "name", add)
		eachName(all, "filename", add)
	}
	return list
}

// strictName is the name as go-message reads it, empty when it can't.
func (h *header) strictName() string {
	var head message.Header
	if len(h.dispositions) > 0 {
		head.Set("Content-Disposition", string(h.dispositions[0]))
	}
	if len(h.types) > 0 {
		head.Set("Content-Type", string(h.types[0]))
	}
	name, err := (&gomail.AttachmentHeader{Header: head}).Filename()
	if err != nil {
		return ""
	}
	return name
}

func mentionsName(values [][]byte) bool {
	for _, v := range values {
		if mentions(v, "name") {
			return true
		}
	}
	return false
}

// mentions looks for a word in small letters, in any case.
func mentions(v []byte, word string) bool {
	for ; len(v) >= len(word); v = v[1:] {
		if v[0]|0x20 == word[0] && is(v[:len(word)], word) {
			return true
		}
	}
	return false
}

func eachName(all []param, key string, add func(string)) {
	for _, p := range all {
		if p.name == key {
			add(p.value)
		}
	}
	add(assemble(all, key))
}

// decodeWords decodes the encoded words of RFC 2047, which programs accept in
// parameters although the standard forbids them there.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		return strings.NewReader(fromCharset(charset, string(b))), err
	}}
	if text, err := d.DecodeHeader(s); err == nil {
		return text
	}
	return s
}

// fromCharset is text in UTF-8; text whose charset is unknown stays as it is.
func fromCharset(charset, text string) string {
	if charset == "" {
		return text
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return text
	}
	out, err := enc.NewDecoder().String(text)
	if err != nil {
		return text
	}
	return out
}

// cleanName makes a name fit for logs and filters: valid UTF-8 without control
// characters and blanks around it.
func cleanName(s string) string {
	if len(s) <= maxName && isPlain(s) {
		return strings.Trim(s, " ")
	}
	if !utf8.ValidString(s) {
		s = fromCharset("windows-1252", s)
	}
	if len(s) > maxName {
		cut := maxName
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// isPlain tells that s is ASCII without control characters.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
