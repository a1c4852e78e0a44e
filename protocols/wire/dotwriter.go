package wire

import "bytes"

// DotWriter writes a body that ends with a dot alone on a line: what DotBody
// takes for content comes out of it again. Apart from the dots nothing is
// changed. Nothing is sent before the Conn is flushed or full.
type DotWriter struct {
	to   *Conn
	last [2]byte // the two bytes written last
}

// NewDotWriter returns a writer that begins at the start of a line.
func NewDotWriter(to *Conn) *DotWriter { return &DotWriter{to: to, last: [2]byte{'\r', '\n'}} }

// Write is an io.Writer for content.
func (w *DotWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		if p[done] == '.' && w.last == [2]byte{'\r', '\n'} {
			if _, err := w.to.WriteString("."); err != nil {
				return done, err
			}
		}
		n := lineStart(p[done:])
		if _, err := w.to.Write(p[done : done+n]); err != nil {
			return done, err
		}
		w.remember(p[done : done+n])
		done += n
	}
	return len(p), nil
}

// lineStart is where the first dot behind the first byte stands at which Write
// has to look again: one that follows a line end or two bytes of another piece.
func lineStart(p []byte) int {
	for n := 1; ; n++ {
		i := bytes.IndexByte(p[n:], '.')
		if i < 0 {
			return len(p)
		}
		n += i
		if p[n-1] == '\n' {
			return n
		}
	}
}

func (w *DotWriter) remember(p []byte) {
	if len(p) == 1 {
		w.last = [2]byte{w.last[1], p[0]}
		return
	}
	w.last = [2]byte{p[len(p)-2], p[len(p)-1]}
}

// Close ends the body. A last line without line end gets one. The Conn stays
// open and is not flushed.
func (w *DotWriter) Close() error {
	end := "\r\n.\r\n"
	if w.last == [2]byte{'\r', '\n'} {
		end = ".\r\n"
	}
	_, err := w.to.WriteString(end)
	return err
}
