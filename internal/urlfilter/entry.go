package urlfilter

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// rule is a simple entry without its host.
type rule struct {
	at     int    // in the list
	addr   bool   // its host is an address, which has nothing below it
	port   uint16 // 0: any
	prefix string // of the path, in lower case; "" is every path
}

func (r rule) matches(port uint16, path string) bool {
	if r.port != 0 && r.port != port {
		return false
	}
	if r.prefix == "" {
		return true
	}
	if len(path) < len(r.prefix) || lower(path[:len(r.prefix)]) != r.prefix {
		return false
	}
	return len(path) == len(r.prefix) || isBoundary(r.prefix, path[len(r.prefix)])
}

// isBoundary tells whether next may follow prefix: example.com/news stands for
// /news/today, /news?id=1 and /news;id=1 but not for /newsletter. A prefix that says how
// a query begins is taken as it is.
func isBoundary(prefix string, next byte) bool {
	return strings.HasSuffix(prefix, "/") || strings.IndexByte(prefix, '?') >= 0 || next == '/' || next == '?' || next == ';'
}

var errNoHost = errors.New("it has no host")

// readSimple reads host[:port][/path]; a scheme in front is passed over.
func readSimple(url string) (host string, r rule, err error) {
	url = withoutScheme(url)
	if i := strings.IndexAny(url, "/?"); i >= 0 {
		r.prefix = lower(cleanPath(url[i:]))
		url = url[:i]
	}
	if r.prefix == "/" {
		r.prefix = ""
	}
	if url, r.port, err = cutPort(url); err != nil {
		return "", r, err
	}
	if url == "" {
		return "", r, errNoHost
	}
	if host, r.addr = Host(url); !r.addr {
		if url, err = idna.ToASCII(strings.ToLower(url)); err != nil {
			return "", r, fmt.Errorf("it has no host: %w", err)
		}
		host, _ = Host(url)
	}
	return host, r, nil
}

func withoutScheme(url string) string {
	if i := strings.Index(url, "://"); i >= 0 {
		return url[i+len("://"):]
	}
	return url
}

// cutPort takes brackets and port off a host. An IPv6 address may stand without
// brackets and then has no port.
func cutPort(s string) (host string, port uint16, err error) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, 0, nil
	}
	rest := ""
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", 0, fmt.Errorf("%q lacks its bracket", s)
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, rest = s[:i], s[i:]
	} else {
		return s, 0, nil
	}
	if rest == "" {
		return host, 0, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(rest, ":"), 10, 16)
	if err != nil || n == 0 || rest[0] != ':' {
		return "", 0, fmt.Errorf("%q is no port", rest)
	}
	return host, uint16(n), nil
}

// readWildcard is a pattern as matchWildcard wants it.
func readWildcard(url string) (string, error) {
	p := lower(withoutScheme(url))
	if p == "" {
		return "", errNoHost
	}
	for strings.Contains(p, "**") {
		p = strings.ReplaceAll(p, "**", "*")
	}
	return p, nil
}

// matchWildcard matches all of s, which is in lower case. It goes back to no star but
// the last, so that its time is bounded by the product of the lengths.
func matchWildcard(p, s string) bool {
	star, retry := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// readRegex reads a pattern, or one between slashes with the flag i.
func readRegex(url string) (*regexp.Regexp, error) {
	if url == "" {
		return nil, errors.New("it has no pattern")
	}
	if inner, ok := strings.CutSuffix(url, "/i"); ok && len(inner) > 1 && inner[0] == '/' {
		url = "(?i)" + inner[1:]
	}
	return regexp.Compile(url)
}
