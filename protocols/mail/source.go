package mail

import (
	"bytes"
	"fmt"
	"io"

	"utmsim/protocols/wire"
	"utmsim/scanner"
)

// source is text that can be read anywhere: a message, or what was decoded.
type source struct {
	m    *Message
	id   int
	at   io.ReaderAt
	flat []byte // all of it when it lies in one piece
	size int64
}

func (m *Message) source(at io.ReaderAt, flat []byte, size int64) source {
	m.nextID++
	return source{m: m, id: m.nextID, at: at, flat: flat, size: size}
}

func (m *Message) sourceOf(o *scanner.Object) source {
	size := o.Size
	if o.Flat != nil {
		size = int64(len(o.Flat))
	}
	return m.source(o.Body, o.Flat, size)
}

// object is a stretch of the source as an object. One in one piece has its Body when
// it has become a part, see Message.add.
func (s source) object(at Span) scanner.Object {
	o := scanner.Object{Size: at.Len()}
	if s.flat != nil {
		o.Flat = s.flat[at.From:at.To]
		return o
	}
	o.Body = &section{at: s.at, from: at.From, n: at.Len()}
	return o
}

// section is a stretch of something that can be read anywhere, or looked at.
type section struct {
	at      io.ReaderAt
	from, n int64
}

// ReadAt implements io.ReaderAt.
func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.n {
		return 0, io.EOF
	}
	if int64(len(p)) <= s.n-off {
		return s.at.ReadAt(p, s.from+off)
	}
	n, err := s.at.ReadAt(p[:s.n-off], s.from+off)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// View implements scanner.Viewer.
func (s *section) View(off int64) []byte {
	if off >= s.n {
		return nil
	}
	return scanner.Look(s.at, s.from+off, s.from+s.n)
}

// peek is the first bytes of a stretch, at most n, in a slice of their own.
func (s source) peek(at Span, n int64) []byte {
	n = min(n, at.Len())
	if s.flat != nil {
		return s.flat[at.From : at.From+n]
	}
	b := make([]byte, n)
	return b[:s.readAt(b, at.From)]
}

// readAt fills b; an error ends the walk.
func (s source) readAt(b []byte, off int64) int {
	n, err := s.at.ReadAt(b, off)
	if n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if s.m.err == nil {
			s.m.err = fmt.Errorf("reading a message: %w", err)
		}
	}
	return n
}

// each gives a stretch to take, piece by piece, and charges it.
func (s source) each(at Span, take func([]byte)) {
	if at.Len() == 0 || !s.m.charge(at.Len()) {
		return
	}
	if s.flat != nil {
		take(s.flat[at.From:at.To])
		return
	}
	var buf *wire.Chunk
	defer func() {
		if buf != nil {
			wire.PutChunk(buf)
		}
	}()
	for at.From < at.To && s.m.err == nil {
		if piece := scanner.Look(s.at, at.From, at.To); piece != nil {
			take(piece)
			at.From += int64(len(piece))
			continue
		}
		if buf == nil {
			buf = wire.GetChunk()
		}
		n := s.readAt(buf[:min(chunkSize, at.Len())], at.From)
		take(buf[:n])
		at.From += int64(n)
	}
}

// line is one line of a source.
type line struct {
	b                []byte // its text, at most maxLine bytes; valid until the next call
	start, end, next int64  // where it begins, its text ends, the next line begins
}

// lines cuts a stretch of a source into lines that end with LF or CR LF, and with
// bare CR as well when cr is set.
type lines struct {
	src    source
	pos    int64
	to     int64
	cr     bool
	bareCR bool   // there was one, and cr is not set
	seen   []byte // what was looked at last, from seenAt on
	seenAt int64
	buf    *wire.Chunk
	base   int64 // of what is in buf
	n      int
	long   []byte // the beginning of a line longer than buf
}

// lines charges the stretch; without budget there are no lines.
func (s source) lines(at Span, cr bool) lines {
	l := lines{src: s, pos: at.From, to: at.To, cr: cr}
	if !s.m.charge(at.Len()) {
		l.to = l.pos
	}
	return l
}

func (l *lines) close() {
	if l.buf != nil {
		wire.PutChunk(l.buf)
		l.buf = nil
	}
}

// window is the source from off on, at least one byte; fresh makes it as long as
// possible.
func (l *lines) window(off int64, fresh bool) []byte {
	if l.src.flat != nil {
		return l.src.flat[off:l.to]
	}
	if !fresh {
		if off >= l.seenAt && off < l.seenAt+int64(len(l.seen)) {
			return l.seen[off-l.seenAt:]
		}
		if piece := scanner.Look(l.src.at, off, l.to); piece != nil {
			l.seen, l.seenAt = piece, off
			return piece
		}
	}
	if l.buf == nil {
		l.buf = wire.GetChunk()
		fresh = true
	}
	if fresh || off < l.base || off >= l.base+int64(l.n) {
		l.n = l.src.readAt(l.buf[:min(l.reach(), l.to-off)], off)
		l.base = off
	}
	return l.buf[off-l.base : l.n]
}

// reach is how much is copied: all that there is room for, or a line when what
// follows it can be looked at.
func (l *lines) reach() int64 {
	if _, ok := l.src.at.(scanner.Viewer); ok {
		return maxLine + 4<<10
	}
	return chunkSize
}

// skipTo takes the lines before the next one that begins with mark, as far as they
// can be seen, without looking at them one by one. It returns where the text of the
// last of them ends, or before when it took none. Lines must end with LF.
func (l *lines) skipTo(mark string, before int64) int64 {
	if l.pos >= l.to || l.src.m.err != nil {
		return before
	}
	b := l.window(l.pos, false)
	if len(b) >= len(mark)-1 && string(b[:len(mark)-1]) == mark[1:] {
		return before
	}
	end := -1
	if i := bytes.Index(b, []byte(mark[1:])); i >= 0 { // rarer than line ends
		from := max(i-1, 0)
		if end = bytes.Index(b[from:], []byte(mark)); end >= 0 {
			end += from
		}
	}
	if end < 0 {
		end = bytes.LastIndexByte(b, '\n')
	}
	if end < 0 {
		return before
	}
	b = b[:end+1]
	for rest := b; !l.bareCR; {
		cr := bytes.IndexByte(rest, '\r')
		if cr < 0 {
			break
		}
		l.bareCR = rest[cr+1] != '\n' // there is one: the last byte is LF
		rest = rest[cr+1:]
	}
	l.pos += int64(len(b))
	if end > 0 && b[end-1] == '\r' {
		end--
	}
	return l.pos - int64(len(b)) + int64(end)
}

// read takes the next line; false is the end.
func (l *lines) read(out *line) bool {
	if l.pos >= l.to || l.src.m.err != nil {
		return false
	}
	out.start = l.pos
	b := l.window(l.pos, false)
	end, length := l.cut(b)
	if end < 0 && l.pos+int64(len(b)) < l.to {
		b = l.window(l.pos, true)
		if end, length = l.cut(b); end < 0 && l.pos+int64(len(b)) < l.to {
			return l.readLong(out, b)
		}
	}
	if end < 0 {
		end, length = len(b), 0
	}
	l.pos += int64(end + length)
	out.b = b[:min(end, maxLine)]
	out.end, out.next = out.start+int64(end), l.pos
	return len(b) > 0
}

// readLong finds the end of a line that does not fit the buffer, which b is.
func (l *lines) readLong(out *line, b []byte) bool {
	l.long = append(l.long[:0], b[:maxLine]...)
	out.b = l.long
	for l.src.m.err == nil {
		// The last byte is looked at again: it may be the CR of a CR LF.
		l.pos += int64(len(b)) - 1
		b = l.window(l.pos, true)
		end, length := l.cut(b)
		if end < 0 && l.pos+int64(len(b)) < l.to {
			continue
		}
		if end < 0 {
			end, length = len(b), 0
		}
		out.end = l.pos + int64(end)
		l.pos = out.end + int64(length)
		out.next = l.pos
		return true
	}
	return false
}

// cut finds the first line end: where it begins and how long it is. -1: b has
// none, or not all of it.
func (l *lines) cut(b []byte) (end, length int) {
	if l.cr {
		return l.cutAny(b)
	}
	end = bytes.IndexByte(b, '\n')
	if end < 0 {
		cr := bytes.IndexByte(b, '\r')
		l.bareCR = l.bareCR || cr >= 0 && cr < len(b)-1
		return -1, 0
	}
	cr := bytes.IndexByte(b[:end], '\r')
	l.bareCR = l.bareCR || cr >= 0 && cr < end-1
	if end > 0 && b[end-1] == '\r' {
		return end - 1, 2
	}
	return end, 1
}

// cutAny is cut where a bare CR ends a line.
func (l *lines) cutAny(b []byte) (end, length int) {
	end = bytes.IndexAny(b, "\r\n")
	switch {
	case end < 0 || b[end] == '\n':
		return end, 1
	case end+1 < len(b) && b[end+1] == '\n':
		return end, 2
	case end+1 < len(b) || l.pos+int64(len(b)) >= l.to:
		return end, 1
	}
	return -1, 0 // the LF may follow
}
