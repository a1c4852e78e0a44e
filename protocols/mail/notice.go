package mail

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxNoticeLine bounds a line of a notice; 998 is the limit of RFC 5322.
const maxNoticeLine = 900

// notice is text that takes the place of a part.
type notice struct {
	text   string
	eol    string
	coding Coding
	ascii  bool // nobody says which charset counts
}

// fitting is Base64 for text that is not ASCII.
func (n notice) fitting() Coding {
	if strings.IndexFunc(n.text, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return Base64
	}
	return Identity
}

// fields are the head's fields about the notice.
func (n notice) fields() string {
	charset, coding := "us-ascii", "7bit"
	if n.coding == Base64 {
		charset, coding = "utf-8", "base64"
	}
	return "Content-Type: text/plain; charset=" + charset + n.eol +
		"Content-Transfer-Encoding: " + coding + n.eol +
		"Content-Disposition: inline" + n.eol
}

// body is the notice as it stands in the message. Only with end does its last line
// have a line end.
func (n notice) body(end bool) string {
	lines := n.lines()
	switch n.coding {
	case Base64:
		lines = wrapped(base64.StdEncoding.EncodeToString([]byte(strings.Join(lines, "\r\n")+"\r\n")), 76)
	case Quoted:
		for i, l := range lines {
			lines[i] = quotedLine(l, n.eol)
		}
	default:
		for i, l := range lines {
			lines[i] = harmless(l)
		}
	}
	text := strings.Join(lines, n.eol)
	if end {
		text += n.eol
	}
	return text
}

// lines cuts the text into lines without control characters that are not too
// long for any of the codings.
func (n notice) lines() (lines []string) {
	text := strings.TrimRight(strings.ToValidUTF8(n.text, "?"), "\r\n")
	for l := range strings.SplitSeq(text, "\n") {
		l = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsControl(r):
				return -1
			case n.ascii && r > unicode.MaxASCII:
				return '?'
			}
			return r
		}, l)
		lines = append(lines, wrapped(l, maxNoticeLine)...)
	}
	return lines
}

// wrapped cuts s into stretches of at most n bytes, at least one.
func wrapped(s string, n int) (list []string) {
	for len(s) > n {
		cut := n
		for cut > 1 && s[cut]&0xc0 == 0x80 { // not inside a rune
			cut--
		}
		list, s = append(list, s[:cut]), s[cut:]
	}
	return append(list, s)
}

// harmless keeps a line from being taken for a delimiter or the beginning of a
// block: names of files stand in notices, and others choose them.
func harmless(l string) string {
	for _, prefix := range []string{"--", "begin", "=y", "From "} {
		if strings.HasPrefix(l, prefix) {
			return " " + l
		}
	}
	return l
}

// quotedLine is a line in quoted-printable.
func quotedLine(l, eol string) string {
	var b strings.Builder
	length := 0
	for i := range len(l) {
		c := l[i]
		text := string(rune(c))
		if c == '=' || c < ' ' || c > '~' || i == 0 && (c == '-' || c == 'b' || c == 'F') || i == len(l)-1 && c == ' ' {
			text = fmt.Sprintf("=%02X", c)
		}
		if length += len(text); length > 75 {
			b.WriteString("=" + eol)
			length = len(text)
		}
		b.WriteString(text)
	}
	return b.String()
}

// leafHead keeps what a head has to say besides its content, and says what the
// content is now.
func (r *replacer) leafHead(s *spot, n notice) {
	lines := r.src.lines(s.head, s.cr)
	defer lines.close()
	said, version, keep, ended := false, !s.top, false, true
	var l line
	for lines.read(&l) {
		if !continues(l.b) {
			name, _ := field(l.b)
			about := aboutContent(name)
			if about && !said {
				r.add(n.fields())
				said = true
			}
			version = version || is(name, "mime-version")
			keep = name != nil && !about || s.top && l.start == 0 && bytes.HasPrefix(l.b, []byte("From "))
		}
		if keep {
			r.keep(Span{l.start, l.next})
			ended = l.next > l.end
		}
	}
	if !ended {
		r.add(r.eol)
	}
	if !said {
		r.add(n.fields())
	}
	if !version {
		r.add("MIME-Version: 1.0" + r.eol)
	}
	if s.gap.Len() > 0 {
		r.keep(s.gap)
		return
	}
	r.add(r.eol)
}

func continues(b []byte) bool { return len(b) > 0 && (b[0] == ' ' || b[0] == '\t') }

// aboutContent tells that a field is about the content that is gone.
func aboutContent(name []byte) bool {
	for _, n := range []string{fieldType, fieldCoding, fieldDisposition, "content-md5", "content-encoding", "content-length", "encoding"} {
		if is(name, n) {
			return true
		}
	}
	return false
}

// Fields that a replaced message keeps, as far as they are not too long.
var envelopeFields = []string{
	"return-path", "received", "path", "from", "sender", "reply-to", "to", "cc", "newsgroups",
	"date", "message-id", "references", "in-reply-to", "xref",
}

const maxEnvelopeField = 2000

// wholeHead keeps who sent a message when to whom.
func (r *replacer) wholeHead(n notice) {
	lines := r.src.lines(Span{0, r.src.size}, r.eol == "\r")
	defer lines.close()
	var l line
	var at Span
	flush := func() {
		if at.Len() <= maxEnvelopeField {
			r.keep(at)
		}
		at = Span{}
	}
	for kept := int64(0); kept < maxHead && lines.read(&l) && l.end > l.start && l.next > l.end; kept += l.next - l.start {
		if continues(l.b) {
			if at.To == l.start {
				at.To = l.next
			}
			continue
		}
		flush()
		if name, _ := field(l.b); slices.Contains(envelopeFields, string(bytes.ToLower(name))) {
			at = Span{l.start, l.next}
		}
	}
	flush()
	r.add(n.fields() + "MIME-Version: 1.0" + r.eol + r.eol)
}
