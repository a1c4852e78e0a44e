package ftpproxy

import (
	"bytes"
	"strings"

	"utmsim/protocols/wire"
)

// hides names the features that a client is not to see.
type hides struct{ tls, rest, mode bool }

// editFeatures takes the lines of hidden features out of the answer to FEAT (RFC
// 2389 section 3.2) and leaves every other byte as it was. The result is reply
// itself when there is nothing to take out.
func editFeatures(reply []byte, h hides) []byte {
	out := reply
	at := 0 // of the copy
	for pos, first := 0, true; pos < len(reply); first = false {
		n := bytes.IndexByte(reply[pos:], '\n') + 1
		if n == 0 {
			n = len(reply) - pos
		}
		line := reply[pos : pos+n]
		pos += n
		if !first && pos < len(reply) && h.has(feature(line)) {
			if at == pos-n && len(out) == len(reply) {
				out = append(make([]byte, 0, len(reply)), reply[:at]...)
			}
			continue
		}
		if at != pos-n {
			out = append(out[:at], line...)
		}
		at += n
	}
	return out[:at]
}

// feature is the words of a line between the first and the last. Some servers write
// the code in front of it.
func feature(line []byte) []string {
	text := string(line)
	if code, _ := wire.ReplyLine(line); code != 0 && len(text) > 3 && text[3] == '-' {
		text = text[4:]
	}
	return strings.Fields(strings.ToUpper(text))
}

func (h hides) has(words []string) bool {
	if len(words) == 0 {
		return false
	}
	name, _, _ := strings.Cut(words[0], ";")
	switch verbs[name] {
	case verbAUTH, verbSecure:
		return h.tls
	case verbREST:
		return h.rest
	case verbMODE:
		return h.mode
	case verbRefused:
		return true
	}
	return false
}
