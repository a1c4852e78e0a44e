package builtin

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"utmsim/scanner"
	"utmsim/scanner/match"
)

// layer is one content inside another: the object itself, what a content coding
// hides, a member of an archive.
type layer struct {
	parent *layer
	name   string
	depth  int  // archives around it
	coding bool // a content coding away from its parent: the same object still
}

func (l *layer) child(name string) *layer {
	return &layer{parent: l, name: name, depth: l.depth + 1}
}

func (l *layer) decoded() *layer { return &layer{parent: l, depth: l.depth, coding: true} }

// path is the way from the object to the layer, empty for the object itself.
func (l *layer) path() string {
	for l.coding {
		l = l.parent
	}
	if l.parent == nil {
		return ""
	}
	var names []string
	for ; l != nil; l = l.parent {
		if l.name != "" {
			names = append([]string{printable(l.name)}, names...)
		}
	}
	return strings.Join(names, "!")
}

// maxName bounds what one name in a path may bring into a log line, in bytes.
const maxName = 200

// printable makes a name from inside an archive fit for logs.
func printable(name string) string {
	if len(name) > maxName {
		cut := maxName
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, name)
}

// content is a layer that can be read anywhere.
type content struct {
	at    io.ReaderAt
	size  int64
	head  []byte // its first bytes, at least headSize of them if it has as many
	zipAt int64  // where zipMagic stands first, -1 when nowhere
}

// sieve searches the raw bytes of one layer and remembers where a zip archive
// may begin.
type sieve struct {
	scan   *scan
	layer  *layer
	stream match.Stream
	visit  match.Visit // sieve.hit, bound once
	zipAt  int64       // where zipMagic stood first, -1 when it did not
	keep   bool        // copy what follows zipMagic into spool
	spool  spool
}

func (v *sieve) reset(s *scan, l *layer, keep bool) {
	if v.visit == nil {
		v.visit = v.hit
	}
	v.scan, v.layer, v.keep, v.zipAt = s, l, keep, -1
	v.stream.Reset(s.engine.set)
}

// feed searches the next bytes of the layer; a detection stops the scan.
func (v *sieve) feed(p []byte) {
	from := v.stream.Offset()
	v.stream.Feed(p, v.visit)
	if !v.keep || v.zipAt < 0 {
		return
	}
	if v.spool.size == 0 && v.zipAt < from {
		v.spool.Write(zipMagic[:from-v.zipAt]) // it began in the piece before
	}
	v.spool.Write(p[max(v.zipAt-from, 0):])
}

func (v *sieve) hit(h match.Hit) bool {
	if h.Pattern < len(v.scan.engine.signatures) {
		v.scan.detect(&v.scan.engine.signatures[h.Pattern], v.layer)
		return false
	}
	if v.zipAt < 0 {
		v.zipAt = h.Start
	}
	return true
}

// restart forgets where a zip archive may begin: what was fed belongs to a
// container that was read to its end, except for the last bytes, unread.
func (v *sieve) restart(unread []byte) {
	v.spool.release()
	v.zipAt = -1
	if at := indexZip(unread); at >= 0 {
		v.zipAt = v.stream.Offset() - int64(len(unread)-at)
		if v.keep {
			v.spool.Write(unread[at:])
		}
	}
}

// stream scans a layer that comes out of a decoder, all of it, and returns how
// many bytes it had and the decoder's error when it did not end properly.
func (s *scan) stream(r io.Reader, l *layer) (size int64, err error) {
	in := s.newInput(r, l)
	defer in.release()
	if f := sniff(in.peek(headSize)); f != formatNone && s.unpack(f, in, l) {
		unread, _ := in.buf.Peek(in.buf.Buffered())
		in.sieve.restart(unread)
	}
	in.drain()
	if s.stop == nil && in.sieve.zipAt >= 0 {
		s.zip(in.sieve.content(), 0, in.sieve.zipAt > 0, l)
	}
	return in.read, in.err
}

// content is what the sieve kept.
func (v *sieve) content() *content {
	return &content{at: &v.spool, size: v.spool.size}
}

// open scans what is inside a layer that can be read anywhere and whose raw
// bytes were searched.
func (s *scan) open(c *content, l *layer) {
	from := c.zipAt
	if f := sniff(c.head); f != formatNone {
		in := s.newRawInput(s.whole(c))
		ended := s.unpack(f, in, l)
		behind := in.offset()
		in.release()
		if ended && from >= 0 {
			find := s.newFinder(c)
			from = find.find(behind, indexZip)
			find.release()
		}
	}
	if s.alive() && from >= 0 {
		s.zip(c, from, from > 0, l)
	}
}

// mayOpen says whether an archive in l is opened, and notes it when it is not.
func (s *scan) mayOpen(l *layer) bool {
	if l.depth < s.nest {
		return true
	}
	s.note(scanner.Nested, l, "archives nested too deep")
	return false
}
