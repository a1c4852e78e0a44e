package httpproxy

import "bytes"

// fault is a message that must not be forwarded: the status a client hears for
// it when it is the request that is wrong (a wrong response is always 502), and
// what is wrong, for the page and the log.
type fault struct {
	status int
	why    string
}

func (f fault) Error() string { return f.why }

// kind is what a field means to the proxy; fields without a kind are nobody's
// business here and are passed on unseen.
type kind uint8

const (
	other kind = iota
	fieldHost
	fieldContentLength
	fieldTransferEncoding
	fieldConnection
	fieldKeepAlive
	fieldProxyConnection
	fieldProxyAuthorization
	fieldTE
	fieldTrailer
	fieldUpgrade
	fieldExpect
	fieldRange
	fieldIfRange
	fieldContentRange
	fieldContentType
	fieldContentEncoding
	fieldContentDisposition
	fieldMaxForwards
)

// span is a range of bytes in a head.
type span struct{ from, to int }

// field is one field line of a known kind.
type field struct {
	kind  kind
	line  span // with its line end
	value span // without the blanks around it
}

// head is a request or response head, parsed in place. All spans are offsets
// into raw, so that the bytes may move as long as they stay the same.
type head struct {
	raw      []byte // the whole head, from the start line to the empty line
	response bool
	method   span
	target   span
	status   int
	minor    int     // of the version: HTTP/1.minor
	known    []field // in the order in which they came
	first    int     // length of the start line with its line end

	pos     int // begin of the line that is looked at
	scanned int // up to here there is no line end behind pos
}

// reset makes h ready for another head and keeps its memory.
func (h *head) reset(response bool) {
	*h = head{response: response, known: h.known[:0]}
}

// text is the bytes of a span.
func (h *head) text(s span) []byte { return h.raw[s.from:s.to] }

// parse looks at b, all that has come from the first byte of the head on, and
// goes on where it stopped before. It is done at the empty line; then raw is set
// and everything is known. The error is a fault.
func (h *head) parse(b []byte) (done bool, err error) {
	for {
		i := bytes.IndexByte(b[h.scanned:], '\n')
		if i < 0 {
			h.scanned = len(b)
			return false, nil
		}
		next := h.scanned + i + 1
		end, err := h.lineEnd(b, next)
		if err != nil {
			return false, err
		}
		from := h.pos
		h.pos, h.scanned = next, next
		switch {
		case h.first == 0:
			h.first = next
			if err := h.startLine(b[:end]); err != nil {
				return false, err
			}
		case end == from:
			h.raw = b[:next]
			return true, nil
		default:
			if err := h.fieldLine(b, span{from, end}, next); err != nil {
				return false, err
			}
		}
	}
}

// lineEnd is where the text of the line that ends before next ends. A bare LF
// ends a line in responses only (RFC 9112 section 2.2 lets a recipient choose;
// in requests it is a way to smuggle).
func (h *head) lineEnd(b []byte, next int) (int, error) {
	if next-2 >= h.pos && b[next-2] == '\r' {
		return next - 2, nil
	}
	if !h.response {
		return 0, fault{400, "a line does not end with CR LF"}
	}
	return next - 1, nil
}

func (h *head) startLine(line []byte) error {
	if h.response {
		return h.statusLine(line)
	}
	return h.requestLine(line)
}

// requestLine: method SP request-target SP HTTP-version (RFC 9112 section 3),
// and nothing else.
func (h *head) requestLine(line []byte) error {
	m := tokenLength(line)
	if m == 0 || m == len(line) || line[m] != ' ' {
		return fault{400, "the request line is malformed"}
	}
	t := m + 1
	for t < len(line) && classes[line[t]]&targetChar != 0 {
		t++
	}
	if t == m+1 || t == len(line) || line[t] != ' ' {
		return fault{400, "the request line is malformed"}
	}
	h.method, h.target = span{0, m}, span{m + 1, t}
	minor, err := version(line[t+1:])
	h.minor = minor
	return err
}

// statusLine: HTTP-version SP status-code SP [reason] (RFC 9112 section 4). The
// blank before an absent reason is missing in the wild and not missed.
func (h *head) statusLine(line []byte) error {
	const code = len("HTTP/1.1 ")
	if len(line) < code+3 || line[code-1] != ' ' {
		return fault{502, "the status line is malformed"}
	}
	minor, err := version(line[:code-1])
	if err != nil {
		return err
	}
	h.minor = minor
	for _, c := range line[code : code+3] {
		if c < '0' || c > '9' {
			return fault{502, "the status code is malformed"}
		}
		h.status = h.status*10 + int(c-'0')
	}
	rest := line[code+3:]
	if h.status < 100 || len(rest) > 0 && rest[0] != ' ' || !isText(rest) {
		return fault{502, "the status line is malformed"}
	}
	return nil
}

// version reads HTTP/1.0 and HTTP/1.1.
func version(b []byte) (minor int, err error) {
	const form = "HTTP/0.0"
	if len(b) != len(form) || string(b[:5]) != form[:5] || b[6] != '.' || !isDigit(b[5]) || !isDigit(b[7]) {
		return 0, fault{400, "the version is malformed"}
	}
	if b[5] != '1' || b[7] > '1' {
		return 0, fault{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"}
	}
	return int(b[7] - '0'), nil
}

// fieldLine: field-name ":" OWS field-value OWS (RFC 9112 section 5). next is
// where the following line begins.
func (h *head) fieldLine(b []byte, at span, next int) error {
	line := b[at.from:at.to]
	n := tokenLength(line)
	switch {
	case n == 0 && (line[0] == ' ' || line[0] == '\t'):
		return fault{400, "a field is folded over several lines"}
	case n == len(line):
		return fault{400, "a field has no colon"}
	case n > 0 && (line[n] == ' ' || line[n] == '\t'):
		return fault{400, "there is a blank before the colon of a field"}
	case n == 0 || line[n] != ':':
		return fault{400, "the name of a field is malformed"}
	}
	value := line[n+1:]
	if !isText(value) {
		return fault{400, "there is a control character in a field"}
	}
	if k := kindOf(line[:n]); k != other {
		h.known = append(h.known, field{kind: k, line: span{at.from, next}, value: trimSpan(b, span{at.from + n + 1, at.to})})
	}
	return nil
}

// trimSpan takes the blanks around a value away: spaces and tabs, nothing else.
func trimSpan(b []byte, s span) span {
	for s.from < s.to && (b[s.from] == ' ' || b[s.from] == '\t') {
		s.from++
	}
	for s.from < s.to && (b[s.to-1] == ' ' || b[s.to-1] == '\t') {
		s.to--
	}
	return s
}

func trim(b []byte) []byte {
	s := trimSpan(b, span{0, len(b)})
	return b[s.from:s.to]
}

// get is the value of the first field of a kind; nil when there is none.
func (h *head) get(k kind) []byte {
	if f := h.find(k); f != nil {
		return h.text(f.value)
	}
	return nil
}

// has tells whether there is a field of a kind.
func (h *head) has(k kind) bool { return h.find(k) != nil }

// find is the first field of a kind, nil when there is none.
func (h *head) find(k kind) *field {
	for i := range h.known {
		if h.known[i].kind == k {
			return &h.known[i]
		}
	}
	return nil
}

func (h *head) count(k kind) (n int) {
	for i := range h.known {
		if h.known[i].kind == k {
			n++
		}
	}
	return n
}

// knownNames lists the names of the known kinds by their length, so that most
// fields are told apart from all of them by one look-up.
var knownNames = func() (byLength [32][]namedKind) {
	for _, k := range [...]namedKind{
		{"te", fieldTE}, {"host", fieldHost}, {"range", fieldRange}, {"expect", fieldExpect}, {"trailer", fieldTrailer},
		{"upgrade", fieldUpgrade}, {"if-range", fieldIfRange}, {"connection", fieldConnection}, {"keep-alive", fieldKeepAlive},
		{"max-forwards", fieldMaxForwards}, {"content-type", fieldContentType}, {"content-range", fieldContentRange},
		{"content-length", fieldContentLength}, {"content-encoding", fieldContentEncoding}, {"proxy-connection", fieldProxyConnection},
		{"transfer-encoding", fieldTransferEncoding}, {"content-disposition", fieldContentDisposition}, {"proxy-authorization", fieldProxyAuthorization},
	} {
		byLength[len(k.name)] = append(byLength[len(k.name)], k)
	}
	return byLength
}()

type namedKind struct {
	name string
	kind kind
}

// kindOf is the kind of a field name.
func kindOf(name []byte) kind {
	if len(name) >= len(knownNames) {
		return other
	}
	for _, k := range knownNames[len(name)] {
		if equalFold(name, k.name) {
			return k.kind
		}
	}
	return other
}

// equalFold compares b with lower, which has no capitals, in any case of ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
