package httpproxy

import (
	"bytes"
	"net/netip"
)

// authority is the server part of a target or a Host field.
type authority struct {
	text span   // all of it
	host span   // the name or the address, without brackets
	port uint16 // 0: not given
}

const (
	maxHost     = 255
	defaultPort = 80
)

// authorityOf reads host [":" port] (RFC 3986 section 3.2 without user-info). A
// host is what the DNS can hold or an address; everything else, percent signs
// included, is refused as malformed.
func authorityOf(b []byte, at span) (authority, bool) {
	a := authority{text: at, host: at}
	var rest span
	if at.from < at.to && b[at.from] == '[' {
		end := bytes.IndexByte(b[at.from:at.to], ']')
		if end < 0 {
			return a, false
		}
		a.host = span{at.from + 1, at.from + end}
		rest = span{at.from + end + 1, at.to}
		ip, err := netip.ParseAddr(string(b[a.host.from:a.host.to]))
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return a, false
		}
	} else {
		i := at.from
		for i < at.to && classes[b[i]]&hostChar != 0 {
			i++
		}
		a.host, rest = span{at.from, i}, span{i, at.to}
	}
	if n := a.host.to - a.host.from; n == 0 || n > maxHost {
		return a, false
	}
	if rest.from == rest.to {
		return a, true
	}
	var ok bool
	a.port, ok = portOf(b[rest.from:rest.to])
	return a, ok
}

// portOf reads ":" and a port from 1 to 65535.
func portOf(b []byte) (uint16, bool) {
	if len(b) < 2 || len(b) > 6 || b[0] != ':' {
		return 0, false
	}
	n := 0
	for _, c := range b[1:] {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n >= 1 && n <= 65535
}

// form is how a request names what it wants (RFC 9112 section 3.2).
type form uint8

const (
	originForm form = iota
	absoluteForm
	authorityForm // CONNECT
	asteriskForm  // OPTIONS *
)

// destination is what a request's target and Host field say together.
type destination struct {
	form form
	authority
	path span // of an absolute target, empty when it has none; else the target
}

// destinationOf reads the target and the Host field of a request. The error is a
// fault.
func destinationOf(h *head) (d destination, err error) {
	host, err := hostOf(h)
	if err != nil {
		return d, err
	}
	d = destination{authority: host, path: h.target}
	target := h.text(h.target)
	switch isConnect := string(h.text(h.method)) == "CONNECT"; {
	case isConnect:
		d.form = authorityForm
		var ok bool
		if d.authority, ok = authorityOf(h.raw, h.target); !ok || d.port == 0 {
			return d, fault{400, "the target of CONNECT is not a host and a port"}
		}
		return d, nil
	case string(target) == "*" && string(h.text(h.method)) == "OPTIONS":
		d.form = asteriskForm
		return d, nil
	case bytes.IndexByte(target, '#') >= 0:
		return d, fault{400, "the target has a fragment"}
	case target[0] == '/':
		return d, nil
	}
	return absolute(h)
}

// hostOf reads the Host field, which HTTP/1.1 requires and which must be there
// once and well-formed (RFC 9112 section 3.2).
func hostOf(h *head) (a authority, err error) {
	switch n := h.count(fieldHost); {
	case n > 1:
		return a, fault{400, "Host stands more than once"}
	case n == 0 && h.minor > 0:
		return a, fault{400, "Host is missing"}
	case n == 0:
		return a, nil
	}
	a, ok := authorityOf(h.raw, h.find(fieldHost).value)
	if !ok {
		return a, fault{400, "Host is malformed"}
	}
	return a, nil
}

// absolute reads a target of the form http://authority/path.
func absolute(h *head) (d destination, err error) {
	target := h.text(h.target)
	colon := bytes.Index(target, []byte("://"))
	if colon <= 0 || !isScheme(target[:colon]) {
		return d, fault{400, "the target is malformed"}
	}
	if !equalFold(target[:colon], "http") {
		return d, fault{501, "only http is forwarded"}
	}
	at := span{h.target.from + colon + len("://"), h.target.to}
	if i := bytes.IndexAny(h.text(at), "/?"); i >= 0 {
		at.to = at.from + i
	}
	if bytes.IndexByte(h.text(at), '@') >= 0 {
		return d, fault{400, "the target has user-info"}
	}
	a, ok := authorityOf(h.raw, at)
	if !ok {
		return d, fault{400, "the host of the target is malformed"}
	}
	return destination{form: absoluteForm, authority: a, path: span{at.to, h.target.to}}, nil
}

// isScheme: RFC 3986 section 3.1.
func isScheme(b []byte) bool {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(b) > 0
}

// retarget turns a request with an absolute target into what its server expects:
// the target without the server, and the server in Host whatever stood there
// (RFC 9112 section 3.2.2).
func (d *draft) retarget(to destination) {
	h := d.head
	if to.form != absoluteForm {
		return
	}
	d.replace(span{h.target.from, to.path.from}, missingPath(h, to))
	name := h.text(to.text)
	switch f := h.find(fieldHost); {
	case f == nil:
		d.replace(span{h.first, h.first}, "Host: "+string(name)+"\r\n")
	case !bytes.Equal(h.text(f.value), name):
		d.replace(f.value, string(name))
	}
}

// missingPath is what has to stand before the path of an absolute target.
func missingPath(h *head, to destination) string {
	switch path := h.text(to.path); {
	case len(path) > 0 && path[0] == '/':
		return ""
	case len(path) == 0 && string(h.text(h.method)) == "OPTIONS":
		return "*" // RFC 9112 section 3.2.4
	}
	return "/"
}
