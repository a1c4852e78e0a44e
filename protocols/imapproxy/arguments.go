package imapproxy

import "bytes"

// arguments counts those of a command that brings messages, as they come.
type arguments struct {
	needed int // that stand before the first message
	n      int // complete ones so far
	// elsewhere: the message is put together of pieces that lie at the server (RFC
	// 4469), or comes from somewhere else.
	elsewhere bool
}

// read takes a stretch of the command that ends with its line or the announcement of
// a literal, which is no argument yet.
func (a *arguments) read(b []byte) {
	for len(b) > 0 {
		var word []byte
		word, b = argument(b)
		switch {
		case len(word) == 0, isAnnouncement(word):
			continue
		case a.n >= a.needed && bytes.EqualFold(word, []byte("CATENATE")):
			a.elsewhere = true
		}
		a.n++
	}
}

// isAnnouncement tells a literal, also inside the parentheses of UTF8 (RFC 6855
// section 4).
func isAnnouncement(word []byte) bool {
	word = bytes.TrimLeft(word, "(~")
	return len(word) > 0 && word[0] == '{'
}

// argument is the first argument of b, a list being one, and what follows it.
func argument(b []byte) (word, rest []byte) {
	b = bytes.TrimLeft(b, " \r\n")
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case (c == ' ' || c == '\r') && depth <= 0, c == '{' && depth > 0:
			return b[:max(i, 1)], b[max(i, 1):]
		}
	}
	return b, nil
}
