package urlfilter

import (
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Host is a host as it is compared: a name in lower case without final dots, an
// address in its canonical form.
func Host(host string) (canonical string, isAddr bool) {
	host = strings.TrimRight(host, ".")
	if mayBeAddr(host) {
		if a, err := netip.ParseAddr(host); err == nil {
			return a.Unmap().WithZone("").String(), true
		}
		if a, ok := oldAddr(host); ok {
			return a.String(), true
		}
	}
	return lower(host), false
}

// oldAddr reads the other ways in which browsers, and inet_aton(3), take an IPv4 address:
// fewer parts, of which the last has all the bytes that are missing, in octal with a 0 in
// front or in hexadecimal with 0x.
func oldAddr(host string) (a netip.Addr, ok bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return a, false
	}
	var v uint64
	for i, p := range parts {
		room := 8
		if i == len(parts)-1 {
			room = 8 * (4 - i)
		}
		n, err := strconv.ParseUint(p, 0, 32)
		if p == "0x" || p == "0X" {
			n, err = 0, nil
		}
		if err != nil || n >= 1<<room || strings.IndexByte(p, '_') >= 0 || len(p) > 1 && p[0] == '0' && p[1]|0x20 != 'x' && !isOctal(p) {
			return a, false
		}
		v = v<<room | n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// isOctal: strconv knows other marks behind the 0 as well.
func isOctal(p string) bool { return strings.Trim(p, "01234567") == "" }

// mayBeAddr spares names the cost of the error that a parser makes for them: what ends
// in a label that begins with a digit may be an address.
func mayBeAddr(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "" && '0' <= last[0] && last[0] <= '9' || strings.IndexByte(host, ':') >= 0
}

// lower is s with ASCII letters in lower case; other bytes of a path may be in any
// encoding.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// newText puts a URL together.
func newText(host string, port uint16, path string) text {
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	if port != 0 {
		return text{plain: host + ":" + strconv.Itoa(int(port)) + path, hostEnd: len(host)}
	}
	return text{plain: host + path, hostEnd: len(host)}
}

// cleanPath undoes what a server undoes, so that one page has one path: escapes of
// bytes that need none (RFC 3986 section 6.2.2.2), dot segments (6.2.2.3) and empty
// ones. The query keeps all but the first.
func cleanPath(p string) string {
	if strings.IndexByte(p, '%') >= 0 {
		p = unescape(p)
	}
	if i := strings.IndexByte(p, '#'); i >= 0 {
		p = p[:i]
	}
	if strings.HasPrefix(p, "?") {
		p = "/" + p
	}
	if !strings.Contains(p, "//") && !strings.Contains(p, "/.") {
		return p
	}
	bare, query := p, ""
	if i := strings.IndexByte(p, '?'); i >= 0 {
		bare, query = p[:i], p[i:]
	}
	if bare == "" || bare[0] != '/' {
		return p
	}
	clean := path.Clean(bare)
	if clean != "/" && (strings.HasSuffix(bare, "/") || strings.HasSuffix(bare, "/.") || strings.HasSuffix(bare, "/..")) {
		clean += "/"
	}
	return clean + query
}

// slashed is a path with a slash for what some servers take for one; the query keeps what
// it has. It is p when there is nothing of the kind.
func slashed(p string) string {
	path, query := p, ""
	if i := strings.IndexByte(p, '?'); i >= 0 {
		path, query = p[:i], p[i:]
	}
	if strings.IndexByte(path, '\\') < 0 && strings.IndexByte(path, '%') < 0 {
		return p
	}
	return slashes.Replace(path) + query
}

var slashes = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/", `\`, "/")

// unescape decodes the escapes of bytes that need none.
func unescape(p string) string {
	var b strings.Builder
	b.Grow(len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) {
			if c, ok := hexByte(p[i+1], p[i+2]); ok && isUnreserved(c) {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

func hexByte(high, low byte) (byte, bool) {
	h, l := hexDigit(high), hexDigit(low)
	return h<<4 | l, h < 16 && l < 16
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

// isUnreserved: RFC 3986 section 2.3.
func isUnreserved(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '.' || c == '_' || c == '~'
}
