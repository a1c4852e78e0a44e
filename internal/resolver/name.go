package resolver

import (
	"net/netip"
	"strconv"
	"strings"
)

// Limits of RFC 1035 section 2.3.4, for names written with dots and without the
// final one: 255 octets on the wire are 253 in writing.
const (
	maxName  = 253
	maxLabel = 63
)

// Literal reads host as an IP address. The look at the last byte spares names the
// cost of the error that a parser would make for them.
func Literal(host string) (netip.Addr, bool) {
	if host == "" || !isDigit(host[len(host)-1]) && strings.IndexByte(host, ':') < 0 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(host)
	return addr, err == nil
}

// hostName checks host and returns it in lower case without the final dot.
// Letters, digits, hyphen and underscore are allowed, in any place: names with
// hyphens at the edges or underscores are in use. A name whose last label is a
// number is refused, for it is an IPv4 address written wrong or oddly (RFC 1123
// section 2.1), and must not turn into one behind the back of an address check.
func hostName(host string) (string, error) {
	name := strings.TrimSuffix(host, ".")
	if fault := nameFault(name); fault != "" {
		return "", &Error{Host: host, Kind: ErrBadName, Detail: fault}
	}
	return strings.ToLower(name), nil
}

// nameFault says what is wrong with name; nothing when it is well formed.
func nameFault(name string) string {
	if name == "" {
		return "it is empty"
	}
	if len(name) > maxName {
		return "longer than " + strconv.Itoa(maxName) + " octets"
	}
	start := 0
	for i := range len(name) {
		if name[i] == '.' {
			if fault := labelFault(name[start:i]); fault != "" {
				return fault
			}
			start = i + 1
			continue
		}
		if !isNameByte(name[i]) {
			return "byte " + strconv.QuoteToASCII(name[i:i+1]) + " is not allowed"
		}
	}
	last := name[start:]
	if fault := labelFault(last); fault != "" {
		return fault
	}
	if isNumber(last) {
		return "its last label is a number"
	}
	return ""
}

func labelFault(label string) string {
	if label == "" {
		return "empty label"
	}
	if len(label) > maxLabel {
		return "a label longer than " + strconv.Itoa(maxLabel) + " octets"
	}
	return ""
}

// isNumber reports whether the C library's inet_aton would take label as a number.
func isNumber(label string) bool {
	if len(label) >= 2 && label[0] == '0' && label[1]|0x20 == 'x' {
		return strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// isLocalhost reports whether name is one that always means this machine and is
// never asked for (RFC 6761 section 6.3).
func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func isNameByte(c byte) bool {
	letter := c | 0x20
	return isDigit(c) || 'a' <= letter && letter <= 'z' || c == '-' || c == '_'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// clip makes a name fit to be printed: bytes that could forge a log line escaped,
// and no longer than a name may be.
func clip(host string) string {
	if host == "" {
		return `""`
	}
	short := host[:min(len(host), maxName)]
	if strings.IndexFunc(short, func(c rune) bool { return c <= ' ' || c >= 0x7f }) >= 0 {
		short = strconv.QuoteToASCII(short)
	}
	if len(host) > maxName {
		short += "..."
	}
	return short
}
