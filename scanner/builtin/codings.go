package builtin

import (
	"io"
	"strings"

	"utmsim/scanner"
)

// coded scans a layer under the content codings that are said to have been
// applied to it, the last one outermost. Where a coding turns out to be untrue,
// those below it are tried, because a client may mind but one of several fields,
// and in the end the layer is opened as what it looks like.
func (s *scan) coded(c *content, codings []string, l *layer) {
	if len(codings) > maxCodings {
		s.note(scanner.Nested, l, "too many content codings")
		return
	}
	for i := len(codings) - 1; i >= 0 && c.size > 0; i-- {
		name := strings.ToLower(strings.TrimSpace(codings[i]))
		if name == "" || name == "identity" {
			continue
		}
		if s.decode(c, name, codings[:i], l) || !s.alive() {
			return
		}
	}
	s.open(c, l)
}

// decode takes the coding name off the layer, scans what comes out under the
// codings that remain, and says whether the coding was true.
//
// The name deflate means zlib (RFC 9110 section 8.4.1.2), some servers send bare
// deflate data, and clients try both. Data can look like both, so both are
// tried; it is damaged when it is neither.
func (s *scan) decode(c *content, name string, rest []string, l *layer) bool {
	var attempts []decoder
	switch name {
	case "gzip", "x-gzip":
		attempts = []decoder{(*scan).gzip}
	case "deflate":
		attempts = []decoder{(*scan).zlib, (*scan).inflate}
	case "br":
		attempts = []decoder{(*scan).brotli}
	case "zstd":
		attempts = []decoder{(*scan).zstd}
	default:
		s.note(scanner.Unhandled, l, "content coding not supported")
		return false
	}
	var failed error
	ok := false
	for _, decode := range attempts {
		if err := s.attempt(decode, c, rest, l.decoded()); err != nil {
			failed = err
			continue
		}
		ok = true
	}
	if !ok {
		s.refuse(failed, l, "content coding "+name+" damaged")
	}
	return ok
}

// attempt scans what decode makes of c.
func (s *scan) attempt(decode decoder, c *content, rest []string, l *layer) error {
	in := s.newRawInput(s.whole(c))
	defer in.release()
	return decode(s, in, func(r io.Reader) error {
		if len(rest) == 0 {
			_, err := s.stream(r, l)
			return err
		}
		return s.below(r, rest, l)
	})
}

// below scans a layer that has codings of its own. It is kept, because taking
// those off may need more than one attempt.
func (s *scan) below(r io.Reader, rest []string, l *layer) error {
	in := s.newInput(r, l)
	defer in.release()
	in.sieve.keep = false
	kept := spool{pool: &s.engine.chunks}
	defer kept.release()
	_, err := io.Copy(&kept, in.buf)
	in.finish()
	if s.alive() {
		c := &content{at: &kept, size: kept.size, zipAt: in.sieve.zipAt, packAt: in.sieve.packAt, head: make([]byte, min(headSize, kept.size))}
		s.readAt(c, c.head, 0)
		s.coded(c, rest, l)
	}
	return err
}
