package imapproxy

import (
	"bytes"
	"strings"

	"utmsim/protocols/wire"
)

// editCapabilities takes the words out of a line's list of capabilities whose offers
// the proxy does not let through, each with the blank before it, and leaves every
// other byte as it was. strips takes those out as well that would make the session
// opaque. The line is changed in place.
//
// LOGINDISABLED stays: the server refuses a LOGIN without encryption whatever the
// client is told, so that the only effect of hiding it were a password on the wire.
func editCapabilities(line []byte, strips bool) []byte {
	at, end := listOf(line)
	out := at
	for at < end {
		next := at + 1
		for next < end && line[next] != ' ' {
			next++
		}
		if line[at] != ' ' || !hidden(line[at+1:next], strips) {
			out += copy(line[out:], line[at:next])
		}
		at = next
	}
	out += copy(line[out:], line[end:])
	return line[:out]
}

// offered is what a server has said of literals that do not wait (RFC 7888), and
// whether it takes those that may hold NUL (RFC 3516).
type offered struct {
	plus, minus, binary bool
}

// note keeps what a list of capabilities says.
func (o *offered) note(line []byte) {
	from, to := listOf(line)
	for word := range strings.FieldsSeq(strings.ToUpper(string(line[from:to]))) {
		switch word {
		case "LITERAL+":
			o.plus = true
		case "LITERAL-":
			o.minus = true
		case "BINARY":
			o.binary = true
		case "IMAP4REV2": // RFC 9051 appendix E
			o.minus, o.binary = true, true
		}
	}
}

// maxMinus is the largest literal of LITERAL-, in bytes (RFC 7888 section 5).
const maxMinus = 4096

// allows tells that the server takes a literal that does not wait as one, and not
// for commands.
func (o *offered) allows(lit wire.Literal) bool {
	return (o.plus || o.minus && lit.Size <= maxMinus) && (o.binary || !lit.Binary)
}

// listOf is where in a line the list of capabilities stands, from the blank before
// its first word on.
func listOf(line []byte) (from, to int) {
	text := bytes.TrimRight(line, "\r\n")
	const untagged, code = "* CAPABILITY", "[CAPABILITY"
	if len(text) >= len(untagged) && bytes.EqualFold(text[:len(untagged)], []byte(untagged)) {
		return len(untagged), len(text)
	}
	from = bytes.IndexByte(text, '[') + len(code)
	if n := bytes.IndexByte(text, ']'); n >= from {
		return from, n
	}
	return min(from, len(text)), len(text)
}

// hidden tells an offer that the client must not see: what makes the session opaque,
// and what lets contents in or out in another way than the proxy knows. CATENATE
// puts messages together of pieces that lie at the server (RFC 4469), URLAUTH gives
// contents by address (RFC 4467), CONVERT in another form (RFC 5259).
func hidden(offer []byte, strips bool) bool {
	name, _, _ := strings.Cut(strings.ToUpper(string(offer)), "=")
	switch name {
	case "STARTTLS", "COMPRESS":
		return strips
	case "CATENATE", "URLAUTH", "CONVERT":
		return true
	}
	return false
}
