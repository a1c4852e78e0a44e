package httpproxy

import "encoding/binary"

// Classes of bytes.
const (
	tokenChar  uint8 = 1 << iota // RFC 9110 section 5.6.2
	targetChar                   // may stand in a request target: no blank, no control character
	textChar                     // may stand in a field value: tab, blank, visible, or above ASCII
	hostChar                     // may stand in a host name as the DNS holds it
	hexChar
)

var classes = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		if b >= 0x21 && b != 0x7f {
			t[c] |= targetChar | textChar
		}
		if b == ' ' || b == '\t' {
			t[c] |= textChar
		}
		if isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'z' {
			t[c] |= tokenChar | hostChar
		}
		if isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' {
			t[c] |= hexChar
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= tokenChar
	}
	for _, c := range "-._" {
		t[c] |= hostChar
	}
	return t
}()

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// tokenLength is how many bytes at the front of b may stand in a token.
func tokenLength(b []byte) int {
	for i, c := range b {
		if classes[c]&tokenChar == 0 {
			return i
		}
	}
	return len(b)
}

// isText tells that b has no control character but tab. Eight bytes at a time
// are cleared of suspicion; a suspect is looked at byte by byte.
func isText(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		low := (x - ones*0x20) &^ x & tops // a byte below 0x20
		del := x ^ ones*0x7f
		del = (del - ones) &^ del & tops // a byte 0x7f
		if low|del != 0 && !allText(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return allText(b)
}

func allText(b []byte) bool {
	for _, c := range b {
		if classes[c]&textChar == 0 {
			return false
		}
	}
	return true
}
