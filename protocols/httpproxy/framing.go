package httpproxy

// bodyKind is how the end of a message is found (RFC 9112 section 6.3).
type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyCounted
	bodyChunked
	bodyUntilClose
)

// framing is how long a message's body is.
type framing struct {
	kind   bodyKind
	length int64 // of a counted body
}

// empty tells that no byte follows the head.
func (f framing) empty() bool { return f.kind == bodyNone || f.kind == bodyCounted && f.length == 0 }

// delimited tells that the connection can go on behind the body.
func (f framing) delimited() bool { return f.kind != bodyUntilClose }

// requestFraming decides how long a request's body is. The error is a fault.
func requestFraming(h *head) (framing, error) {
	f, err := declared(h)
	if err != nil {
		return framing{}, err
	}
	if method := h.text(h.method); !f.empty() && (string(method) == "TRACE" || string(method) == "CONNECT") {
		return framing{}, fault{400, "a request of this method can't have a body"}
	}
	return f, nil
}

// responseFraming decides how long the body of a response to a request of this
// method is. Fields that contradict each other are a fault whatever the status.
func responseFraming(h *head, toHead bool) (framing, error) {
	f, err := declared(h)
	switch {
	case err != nil:
		return framing{}, err
	case toHead || h.status < 200 || h.status == 204 || h.status == 304:
		return framing{}, nil
	case f.kind == bodyNone:
		return framing{kind: bodyUntilClose}, nil
	}
	return f, nil
}

// declared is what Content-Length and Transfer-Encoding say. There is no repair:
// what two readers could understand in two ways is refused (RFC 9112 section
// 11.2).
func declared(h *head) (framing, error) {
	switch lengths, codings := h.count(fieldContentLength), h.count(fieldTransferEncoding); {
	case lengths > 0 && codings > 0:
		return framing{}, fault{400, "Content-Length and Transfer-Encoding contradict each other"}
	case lengths > 1:
		return framing{}, fault{400, "Content-Length stands more than once"}
	case lengths == 1:
		n, err := contentLength(h.get(fieldContentLength))
		return framing{kind: bodyCounted, length: n}, err
	case codings > 1:
		return framing{}, fault{400, "Transfer-Encoding stands more than once"}
	case codings == 1:
		if h.minor == 0 {
			return framing{}, fault{400, "HTTP/1.0 has no Transfer-Encoding"} // RFC 9112 section 6.1
		}
		return framing{kind: bodyChunked}, transferCoding(h.get(fieldTransferEncoding))
	}
	return framing{}, nil
}

// maxLength is so large that nobody means it, and sums with it still fit.
const maxLength = 1 << 62

// contentLength reads a length: digits and nothing else.
func contentLength(v []byte) (int64, error) {
	if len(v) == 0 {
		return 0, fault{400, "Content-Length is malformed"}
	}
	var n int64
	for _, c := range v {
		if !isDigit(c) {
			return 0, fault{400, "Content-Length is malformed"}
		}
		if n > maxLength/10 {
			return 0, fault{413, "Content-Length is too large"}
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// transferCoding accepts chunked alone. Other codings that exist may come before
// it; they are understood but not implemented.
func transferCoding(v []byte) error {
	for alone := true; ; alone = false {
		coding, rest, last := nextElement(v)
		switch {
		case last && !equalFold(coding, "chunked"):
			return fault{400, "the last transfer coding is not chunked"}
		case last && !alone:
			return fault{501, "of the transfer codings only chunked is implemented"}
		case last:
			return nil
		case !isCompression(coding):
			return fault{400, "the transfer coding is unknown"}
		}
		v = rest
	}
}

// isCompression knows the registered codings (RFC 9112 section 7.2).
func isCompression(coding []byte) bool {
	for _, name := range [...]string{"gzip", "x-gzip", "deflate", "compress", "x-compress"} {
		if equalFold(coding, name) {
			return true
		}
	}
	return false
}

// nextElement takes the first element of a comma separated list.
func nextElement(v []byte) (element, rest []byte, last bool) {
	for i, c := range v {
		if c == ',' {
			return trim(v[:i]), v[i+1:], false
		}
	}
	return trim(v), nil, true
}
