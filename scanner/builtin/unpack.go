package builtin

import (
	"archive/tar"
	"io"

	"utmsim/scanner"
)

// unpack scans what is inside the container that in holds, and says whether the
// container came to its proper end.
func (s *scan) unpack(f format, in *input, l *layer) bool {
	if !s.mayOpen(l) {
		return true
	}
	switch f {
	case formatGzip:
		return s.compressed((*scan).gzip, in, l, "gzip data damaged")
	case formatZstd:
		return s.compressed((*scan).zstd, in, l, "zstd data damaged")
	case formatBzip2:
		return s.compressed((*scan).bzip2, in, l, "bzip2 data damaged")
	case formatXz:
		return s.compressed((*scan).xz, in, l, "xz data damaged")
	case formatTar:
		return s.untar(in, l)
	case formatRar:
		s.rar(in, l)
		return false
	case format7z:
		s.kept(in, func(c *content) { s.sevenZip(c, l) })
		return false
	default:
		s.note(scanner.Unhandled, l, "archive format not supported")
		return true
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

// untar scans the files of a tar archive.
func (s *scan) untar(in *input, l *layer) bool {
	t := tar.NewReader(in.buf)
	for s.countMember() {
		h, err := t.Next()
		if err == io.EOF {
			return true
		}
		if err == nil && h.Size > 0 {
			_, err = s.stream(t, l.child(h.Name))
		}
		if err != nil {
			if in.err == nil {
				s.refuse(err, l, "tar archive damaged")
			}
			return false
		}
	}
	return false
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
