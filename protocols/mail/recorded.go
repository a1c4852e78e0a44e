package mail

import (
	"bytes"
	"iter"

	"utmsim/scanner"
)

// Judge takes a message apart and has judge look at each part, the message itself
// last. It is for what nobody waits for: a recording.
func Judge(kind scanner.Kind, raw []byte, judge func(*scanner.Object)) {
	whole := &scanner.Object{Kind: kind, Size: int64(len(raw)), Flat: raw, Body: bytes.NewReader(raw)}
	m, err := Walk(whole, Limits{})
	if err != nil { // of reading memory: there is none
		return
	}
	defer m.Release()
	for i := range m.Parts {
		judge(&m.Parts[i].Object)
	}
}

// Recorded are the messages in one direction of a recorded dialogue in which a line
// of one dot ends a message, without the dots that are stuffed. begins tells that
// a message may begin behind a line. A message that was cut off counts.
func Recorded(b []byte, begins func(line []byte) bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			var line []byte
			if line, b = cutLine(b); !begins(line) {
				continue
			}
			for {
				next, rest := cutLine(b)
				if len(b) == 0 || !begins(next) {
					break
				}
				b = rest
			}
			var message []byte
			if message, b = CutDot(b); len(message) > 0 && !yield(message) {
				return
			}
		}
	}
}

// CutDot is what stands up to the line of one dot, without the dots that are
// stuffed, and what follows it.
func CutDot(b []byte) (message, rest []byte) {
	message = make([]byte, 0, len(b))
	for len(b) > 0 {
		from := b
		var line []byte
		line, b = cutLine(b)
		if string(line) == "." {
			break
		}
		if len(line) > 0 && line[0] == '.' {
			from = from[1:]
		}
		message = append(message, from[:len(from)-len(b)]...)
	}
	return message, b
}

// cutLine is the text of the first line, and what follows it.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}
