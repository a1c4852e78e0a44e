package httpproxy

import (
	"bytes"
	"slices"
)

// connection is what the Connection fields of a message ask for.
type connection struct {
	close     bool
	keepAlive bool
	upgrade   bool
	named     int // how many other fields it declares hop-by-hop
}

// maxNamed bounds how many fields one message may declare hop-by-hop.
const maxNamed = 16

// connectionOf reads the Connection fields, and those of Proxy-Connection when
// the client knows of the proxy: old clients say there what they mean for
// Connection. The error is a fault.
func connectionOf(h *head, explicit bool) (c connection, err error) {
	for i := range h.known {
		f := &h.known[i]
		if f.kind != fieldConnection && (f.kind != fieldProxyConnection || !explicit) {
			continue
		}
		for rest, last := h.text(f.value), false; !last; {
			var option []byte
			option, rest, last = nextElement(rest)
			if err := c.note(option); err != nil {
				return c, err
			}
		}
	}
	c.upgrade = c.upgrade && h.minor > 0 && h.has(fieldUpgrade) // RFC 9110 section 7.8
	return c, nil
}

func (c *connection) note(option []byte) error {
	switch {
	case len(option) == 0:
	case equalFold(option, "close"):
		c.close = true
	case equalFold(option, "keep-alive"):
		c.keepAlive = true
	case equalFold(option, "upgrade"):
		c.upgrade = true
	default:
		c.named++
		if k := kindOf(option); k == fieldHost || k == fieldContentLength || k == fieldTransferEncoding {
			return fault{400, "Connection names a field that can't be left out"}
		}
		if c.named > maxNamed {
			return fault{400, "Connection names too many fields"}
		}
	}
	return nil
}

// persists tells whether the sender of a message wants the connection to go on
// (RFC 9112 section 9.3).
func (c connection) persists(minor int) bool {
	return !c.close && (minor > 0 || c.keepAlive)
}

// hopByHop tells the fields that end at the proxy (RFC 9110 section 7.6.1);
// Connection and Upgrade are looked at where it is known what they are for.
func hopByHop(k kind) bool {
	switch k {
	case fieldKeepAlive, fieldProxyConnection, fieldProxyAuthorization, fieldTE, fieldTrailer:
		return true
	}
	return false
}

// edit replaces a range of a head.
type edit struct {
	at   span
	with string
}

// draft collects what is to be different when a head is passed on. With no edit
// the head is passed on as it came.
type draft struct {
	head  *head
	edits []edit
}

// begin starts a draft of h and keeps the memory of the one before.
func (d *draft) begin(h *head) { d.head, d.edits = h, d.edits[:0] }

func (d *draft) replace(at span, with string) { d.edits = append(d.edits, edit{at, with}) }

// cut leaves a line out.
func (d *draft) cut(line span) { d.replace(line, "") }

// cutAll leaves out all fields of a kind.
func (d *draft) cutAll(k kind) {
	for i := range d.head.known {
		if f := &d.head.known[i]; f.kind == k {
			d.cut(f.line)
		}
	}
}

// insert puts a line, given with its line end, behind all fields.
func (d *draft) insert(line string) {
	end := len(d.head.raw) - 1
	if end > 0 && d.head.raw[end-1] == '\r' {
		end--
	}
	d.replace(span{end, end}, line)
}

// option is what the proxy itself says in Connection to the next hop.
type option struct{ word, line string }

var (
	optionNone      = option{}
	optionClose     = option{"close", "Connection: close\r\n"}
	optionKeepAlive = option{"keep-alive", "Connection: keep-alive\r\n"}
	optionUpgrade   = option{"upgrade", "Connection: Upgrade\r\n"}
)

// hops leaves the hop-by-hop fields out, and those that Connection names. A
// Connection field that already says what the proxy wants to say stays.
func (d *draft) hops(c connection, want option) {
	lines, said := 0, false
	for i := range d.head.known {
		f := &d.head.known[i]
		switch {
		case hopByHop(f.kind), f.kind == fieldUpgrade && want != optionUpgrade:
			d.cut(f.line)
		case f.kind == fieldConnection:
			lines++
			said = want != optionNone && equalFold(d.head.text(f.value), want.word)
		}
	}
	if c.named > 0 {
		d.cutNamed()
	}
	if lines == 1 && said {
		return
	}
	if lines > 0 {
		d.cutAll(fieldConnection)
	}
	if want != optionNone {
		d.insert(want.line)
	}
}

// cutNamed leaves out the fields that Connection names.
func (d *draft) cutNamed() {
	for i := range d.head.known {
		f := &d.head.known[i]
		if f.kind != fieldConnection {
			continue
		}
		for rest, last := d.head.text(f.value), false; !last; {
			var option []byte
			option, rest, last = nextElement(rest)
			if k := kindOf(option); len(option) > 0 && k != fieldConnection && k != fieldUpgrade {
				d.cutFields(option)
			}
		}
	}
}

// cutFields leaves out all fields of a name.
func (d *draft) cutFields(name []byte) {
	h := d.head
	for at := h.first; at < len(h.raw); {
		next := at + bytes.IndexByte(h.raw[at:], '\n') + 1
		line := h.raw[at:next]
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], name) {
			d.cut(span{at, next})
		}
		at = next
	}
}

// apply writes the head as it is to be passed on behind dst.
func (d *draft) apply(dst []byte) []byte {
	slices.SortStableFunc(d.edits, func(a, b edit) int { return a.at.from - b.at.from })
	raw, pos := d.head.raw, 0
	for _, e := range d.edits {
		if e.at.from < pos {
			continue // left out already
		}
		dst = append(dst, raw[pos:e.at.from]...)
		dst = append(dst, e.with...)
		pos = e.at.to
	}
	return append(dst, raw[pos:]...)
}
