package builtin

import (
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"github.com/bodgit/sevenzip"

	"utmsim/scanner"
)

// sevenZip scans the files of a 7z archive. Its header is looked at first, because
// what it announces decides how much memory reading it takes.
func (s *scan) sevenZip(c *content, l *layer) (how opened) {
	if !s.mayOpen(l) {
		return openedInside
	}
	folders, err := s.sevenFolders(c)
	if err != nil {
		return s.refuseSeven(err, l)
	}
	r, err := openSeven(workingReader{s, c.at}, c.size)
	if err != nil {
		return s.refuseSeven(err, l)
	}
	how = openedInside
	for _, f := range r.File {
		if !s.countMember() {
			return openedBadly
		}
		if f.UncompressedSize == 0 || f.Stream >= len(folders) {
			continue
		}
		child := l.child(f.Name)
		if why := folders[f.Stream].refused; why != nil {
			how = s.refuseSeven(why, child)
			continue
		}
		if err := s.sevenFile(f, folders[f.Stream].dictionary, child); err != nil {
			how = s.refuseSeven(err, child)
			folders[f.Stream].refused = err // what follows in the same stream can't be reached
		}
	}
	return how
}

// sevenFile scans one file of a 7z archive.
func (s *scan) sevenFile(f *sevenzip.File, dictionary int64, child *layer) error {
	if !s.spendDictionary(dictionary) {
		return errBudget
	}
	rc, err := openSevenFile(f)
	if err != nil {
		return err
	}
	defer closeSevenFile(rc)
	sum := summing{r: guarded{rc}, sum: crc32.NewIEEE()}
	size, err := s.stream(&sum, child)
	switch {
	case err != nil:
		return err
	case s.stop == nil && (uint64(size) != f.UncompressedSize || f.CRC32 != 0 && f.CRC32 != sum.sum.Sum32()):
		return errDamaged
	}
	return nil
}

// refuseSeven notes why a 7z archive, or a member, could not be read.
func (s *scan) refuseSeven(err error, l *layer) opened {
	var read *sevenzip.ReadError
	switch {
	case errors.Is(err, errLocked), errors.As(err, &read) && read.Encrypted:
		s.noteIf(scanner.Encrypted, l, "7z archive encrypted")
	case errors.Is(err, errMethod):
		s.noteIf(scanner.Unhandled, l, "7z method not supported")
	case errors.Is(err, errDictionary):
		s.noteIf(scanner.Oversize, l, "7z dictionary above the limit")
	case errors.Is(err, errMembers):
		s.exhausted(l, "too many members")
	default:
		s.noteIf(scanner.Corrupt, l, "7z archive damaged")
	}
	return openedBadly
}

// workingReader charges what is read from an archive as work.
type workingReader struct {
	scan *scan
	at   io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (w workingReader) ReadAt(p []byte, off int64) (int, error) {
	if !w.scan.alive() {
		return 0, w.scan.stop
	}
	n, err := w.at.ReadAt(p, off)
	if !w.scan.spend(int64(n)) {
		return n, errBudget
	}
	return n, err
}

// summing computes the checksum of what is read.
type summing struct {
	r   io.Reader
	sum hash.Hash32
}

func (s *summing) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	return n, err
}

func openSeven(at io.ReaderAt, size int64) (r *sevenzip.Reader, err error) {
	defer survive(&err)
	return sevenzip.NewReader(at, size)
}

func openSevenFile(f *sevenzip.File) (rc io.ReadCloser, err error) {
	defer survive(&err)
	return f.Open()
}

// closeSevenFile gives the decoder back to the archive; there is nothing to be done
// about an error.
func closeSevenFile(rc io.Closer) {
	var err error
	defer survive(&err)
	_ = rc.Close()
}
