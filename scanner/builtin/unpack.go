package builtin

import (
	"archive/tar"
	"io"

	"utmsim/scanner"
)

// opened says what became of a container.
type opened uint8

const (
	openedBadly   opened = iota // it is damaged, or what is in it could not be told
	openedInside                // all that is in it was scanned; where it ends is not known
	openedThrough               // the same, and the input stands at its end
)

// through is openedThrough where a container came to its proper end.
func through(proper bool) opened {
	if proper {
		return openedThrough
	}
	return openedBadly
}

// unpack scans what is inside the container that in holds.
func (s *scan) unpack(f format, in *input, l *layer) (how opened) {
	if !s.mayOpen(l) {
		return openedThrough
	}
	switch f {
	case formatGzip:
		return through(s.compressed((*scan).gzip, in, l, "gzip data damaged"))
	case formatZstd:
		return through(s.compressed((*scan).zstd, in, l, "zstd data damaged"))
	case formatBzip2:
		return through(s.compressed((*scan).bzip2, in, l, "bzip2 data damaged"))
	case formatXz:
		return through(s.compressed((*scan).xz, in, l, "xz data damaged"))
	case formatTar:
		return through(s.untar(in, l))
	case formatRar:
		return s.rar(in, l)
	case format7z:
		s.kept(in, func(c *content) { how = s.sevenZip(c, l) })
		return how
	default:
		s.note(scanner.Unhandled, l, "archive format not supported")
		return openedThrough
	}
}

// countMember takes one member from the budget and says whether there was one.
func (s *scan) countMember() bool {
	s.members--
	if s.members < 0 {
		s.exhausted(&s.top, "too many members")
	}
	return s.alive()
}

// compressed scans the one content of a compressed file.
func (s *scan) compressed(decode decoder, in *input, l *layer, damage string) bool {
	if !s.countMember() {
		return false
	}
	child := l.child("")
	err := decode(s, in, func(r io.Reader) error {
		if g, ok := r.(*gzipMembers); ok {
			child.name = g.z.Name
		}
		_, err := s.stream(r, child)
		return err
	})
	if err != nil && in.err == nil {
		s.refuse(err, l, damage)
	}
	return err == nil && s.stop == nil
}

// untar scans the files of a tar archive, and of those behind it. Like tar it skips
// what is damaged up to the next header; between archives there may be zeros alone. It
// says whether there was an archive and nothing was damaged.
func (s *scan) untar(in *input, l *layer) bool {
	from, proper, some := in.offset(), true, false
	if head := in.peek(tarBlock); !isTarHeader(head) && !isZero(head) {
		s.note(scanner.Corrupt, l, "tar archive damaged")
		proper = false
	}
	for s.nextTar(in, from, proper) && s.countMember() {
		err := s.tarFiles(tar.NewReader(in.buf), l)
		some = true
		if err == io.EOF {
			continue
		}
		proper = false
		if in.err != nil || s.stop != nil {
			return false
		}
		s.refuse(err, l, "tar archive damaged")
	}
	return some && proper && s.stop == nil
}

// nextTar skips blocks, counted from from, up to a header and says whether there is
// one. Where all was proper none but zeros are skipped.
func (s *scan) nextTar(in *input, from int64, proper bool) bool {
	if past := (in.offset() - from) % tarBlock; past != 0 {
		in.buf.Discard(int(tarBlock - past))
	}
	for s.alive() {
		block := in.peek(tarBlock)
		switch {
		case len(block) < tarBlock:
			return false
		case isTarHeader(block):
			return true
		case proper && !isZero(block):
			return false
		}
		in.buf.Discard(tarBlock)
	}
	return false
}

// tarFiles scans files up to the end of an archive, which is io.EOF, or to a damage.
func (s *scan) tarFiles(t *tar.Reader, l *layer) error {
	for {
		h, err := t.Next()
		if err == nil && h.Size > 0 {
			_, err = s.stream(t, l.child(h.Name))
		}
		if err != nil {
			return err
		}
		if !s.countMember() {
			return s.stop
		}
	}
}

// kept reads what in holds to its end and gives it to open, for a container that
// has to be read anywhere.
func (s *scan) kept(in *input, open func(*content)) {
	kept := spool{pool: &s.engine.chunks}
	defer kept.release()
	if _, err := io.Copy(&kept, in.buf); err == nil && s.alive() {
		open(&content{at: &kept, size: kept.size})
	}
}
