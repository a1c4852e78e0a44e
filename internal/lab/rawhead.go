package lab

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
)

// maxRawHead is how much of one request's head /echo can show. net/http itself
// accepts more; the rest is left out of the record only.
const maxRawHead = 64 << 10

// requestHeads follows the bytes of one HTTP/1 connection and keeps the head of
// each request exactly as it came: order, case and spacing, which net/http's
// parsed form no longer has. It decides nothing: a request net/http refuses is
// answered by net/http, and what was recorded of it is never asked for.
type requestHeads struct {
	mu      sync.Mutex // guards the fields below: net/http reads ahead while a handler runs
	state   headState
	line    []byte // the line being collected, without what is over maxRawHead
	head    []byte
	heads   [][]byte // complete, not yet taken, in order
	length  int64    // of the body that follows the head being collected
	chunked bool
	left    int64 // body or chunk bytes still to pass over
}

type headState int

const (
	inHead headState = iota
	inBody
	inChunkSize
	inChunkData
	inTrailer
	inTunnel // no longer HTTP
)

// take returns the oldest head not yet taken, or nil.
func (h *requestHeads) take() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.heads) == 0 {
		return nil
	}
	head := h.heads[0]
	h.heads = h.heads[1:]
	return head
}

// feed follows p, the next bytes of the connection.
func (h *requestHeads) feed(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(p) > 0 && h.state != inTunnel {
		if h.state == inBody || h.state == inChunkData {
			p = p[h.passOverLocked(len(p)):]
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		complete := end > 0
		if !complete {
			end = len(p)
		}
		h.line = append(h.line, p[:min(end, max(0, maxRawHead-len(h.line)))]...)
		p = p[end:]
		if complete {
			h.lineLocked()
			h.line = h.line[:0]
		}
	}
}

// passOverLocked skips up to n body bytes and returns how many it skipped.
func (h *requestHeads) passOverLocked(n int) int {
	skip := int(min(int64(n), h.left))
	h.left -= int64(skip)
	switch {
	case h.left > 0:
	case h.chunked:
		h.state = inChunkSize
	default:
		h.nextLocked()
	}
	return skip
}

// lineLocked acts on one complete line outside of body bytes.
func (h *requestHeads) lineLocked() {
	text := bytes.TrimRight(h.line, "\r\n")
	switch h.state {
	case inHead:
		h.headLineLocked(text)
	case inChunkSize:
		h.chunkSizeLocked(text)
	case inTrailer:
		if len(text) == 0 {
			h.nextLocked()
		}
	}
}

func (h *requestHeads) headLineLocked(text []byte) {
	if len(text) == 0 && len(h.head) == 0 {
		return // RFC 9112 section 2.2: an empty line before the request line is ignored
	}
	h.head = append(h.head, h.line[:min(len(h.line), maxRawHead-len(h.head))]...)
	if len(text) > 0 {
		h.fieldLocked(text)
		return
	}
	h.heads = append(h.heads, h.head)
	switch {
	case h.chunked:
		h.state = inChunkSize
	case h.length > 0:
		h.state, h.left = inBody, h.length
	default:
		h.nextLocked()
	}
	h.head = nil
}

// fieldLocked notes the two fields that say where the next request begins.
func (h *requestHeads) fieldLocked(text []byte) {
	name, value, found := strings.Cut(string(text), ":")
	if !found {
		return
	}
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(name, "Content-Length"):
		h.length, _ = strconv.ParseInt(value, 10, 64) // malformed: net/http ends the connection
	case strings.EqualFold(name, "Transfer-Encoding"):
		h.chunked = strings.EqualFold(value, "chunked")
	}
}

func (h *requestHeads) chunkSizeLocked(text []byte) {
	digits, _, _ := bytes.Cut(text, []byte(";"))
	size, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 62)
	switch {
	case err != nil || size < 0:
		h.state = inTunnel
	case size == 0:
		h.state = inTrailer
	default:
		h.state, h.left = inChunkData, size+int64(len("\r\n"))
	}
}

// nextLocked expects another request.
func (h *requestHeads) nextLocked() {
	h.state, h.length, h.chunked = inHead, 0, false
}
