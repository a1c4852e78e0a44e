package urlfilter

import (
	"net/netip"
	"path"
	"strconv"
	"strings"
)

// Host is a host as it is compared: a name in lower case without the final dot, an
// address in its canonical form.
func Host(host string) (canonical string, isAddr bool) {
	if mayBeAddr(host) {
		if a, err := netip.ParseAddr(host); err == nil {
			return a.Unmap().WithZone("").String(), true
		}
	}
	return lower(strings.TrimSuffix(host, ".")), false
}

// mayBeAddr spares names the cost of the error that a parser makes for them.
func mayBeAddr(host string) bool {
	if host == "" {
		return false
	}
	last := host[len(host)-1]
	return '0' <= last && last <= '9' || strings.IndexByte(host, ':') >= 0
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
