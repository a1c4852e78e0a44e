package builtin

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"utmsim/scanner"
)

// layer is one content inside another: the object itself, what a content coding
// hides, a member of an archive.
type layer struct {
	parent *layer
	name   string
	depth  int  // archives around it
	coding bool // the same object as its parent still, which it is a content coding away from
	// doubtful: found in the bytes of a container of which all is known. It may be an
	// archive by accident, and says nothing about the object unless it is infected.
	doubtful bool
}

func (l *layer) child(name string) *layer {
	return &layer{parent: l, name: name, depth: l.depth + 1, doubtful: l.doubtful}
}

func (l *layer) decoded() *layer {
	return &layer{parent: l, depth: l.depth, coding: true, doubtful: l.doubtful}
}

// between is the layer again, as far as it is taken for something else than what it is.
func (l *layer) between() *layer {
	d := l.decoded()
	d.doubtful = true
	return d
}

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
	at     io.ReaderAt
	size   int64
	head   []byte // its first bytes, at least headSize of them if it has as many
	zipAt  int64  // where zipMagic stands first, -1 when nowhere
	packAt int64  // the same of the other embeddedMagics
}

// stream scans a layer that comes out of a decoder, all of it, and returns how
// many bytes it had and the decoder's error when it did not end properly.
func (s *scan) stream(r io.Reader, l *layer) (size int64, err error) {
	in := s.newInput(r, l)
	defer in.release()
	f, how := sniff(in.peek(headSize)), openedBadly
	if f != formatNone {
		how = s.unpack(f, in, l)
	}
	if how == openedThrough {
		unread, _ := in.buf.Peek(in.buf.Buffered())
		in.sieve.restart(unread)
	}
	in.drain()
	in.finish()
	if s.stop == nil && in.sieve.mayHold() {
		c := in.sieve.content()
		s.embedded(c, c.zipAt, in.sieve.zipAt > 0, f, how, l)
	}
	return in.read, in.err
}

// open scans what is inside a layer that can be read anywhere and whose raw
// bytes were searched.
func (s *scan) open(c *content, l *layer) {
	zipAt, how := c.zipAt, openedBadly
	f := sniff(c.head)
	switch f {
	case formatNone:
	case format7z:
		how = s.sevenZip(c, l)
	default:
		in := s.newRawInput(s.whole(c))
		how = s.unpack(f, in, l)
		behind := in.offset()
		in.release()
		if how == openedThrough && zipAt >= 0 {
			find := s.newFinder(c)
			zipAt = find.find(behind, indexZip)
			find.release()
		}
	}
	if s.alive() {
		s.embedded(c, zipAt, zipAt > 0, f, how, l)
	}
}

// embedded scans the archives in c that may begin anywhere: a zip archive at zipAt, which
// something may precede, and others before and behind it where c is no container itself.
// how says what became of c as the container that it begins as.
func (s *scan) embedded(c *content, zipAt int64, preceded bool, f format, how opened, l *layer) {
	end := zipAt
	if zipAt >= 0 {
		within := l
		if how == openedInside {
			within = l.between()
		}
		end = s.zip(c, zipAt, preceded, within)
	}
	if how == openedBadly && !f.embeds() && c.packAt >= 0 && (zipAt < 0 || preceded) && s.alive() {
		s.selfExtracting(c, zipAt, end, l)
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
