package quarantine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The folder: a file NAME as it was, and beside it NAME.meta, what is known about it.
// Both are written under another name first, so that what has its name is complete. A
// file without the other is what a crash has left.
const (
	metaSuffix     = ".meta"
	partSuffix     = ".part"
	maxMeta        = 8 << 10 // bytes
	maxDescription = 256
	maxProcessed   = 64 // bytes of a file name
)

// file is what is written to.
type file interface {
	io.WriteCloser
	Sync() error
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// sum are the checksums of a content.
type sum struct {
	crc    uint32
	digest [sha256.Size]byte
}

func sumOf(b []byte) sum { return sum{crc32.ChecksumIEEE(b), sha256.Sum256(b)} }

// checksum is the CRC-32, the appliance's form of it.
func (s sum) checksum() string { return fmt.Sprintf("%08x", s.crc) }

func (s sum) hex() string { return hex.EncodeToString(s.digest[:]) }

// digestOf reads a digest; one that is none is the zero value, which no content has.
func digestOf(text string) (d [sha256.Size]byte) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// processed is a file name without white space, in small letters, and with nothing that
// a file system could take for anything else than a name.
func processed(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case unicode.IsSpace(r):
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
		if b.Len() >= maxProcessed {
			break
		}
	}
	p := strings.TrimRight(b.String(), ".")
	switch {
	case strings.Trim(p, "._-") == "":
		return "unnamed"
	case strings.HasSuffix(p, metaSuffix), strings.HasSuffix(p, partSuffix):
		return p + "_"
	}
	return p
}

// freeNameLocked is name, or one like it that no file has: different contents may have
// the same name and CRC.
func (s *Store) freeNameLocked(name string) string {
	free := name
	for n := 2; s.files[free] != nil; n++ {
		free = fmt.Sprintf("%s.%d", name, n)
	}
	return free
}

func compareNames(a, b string) int { return strings.Compare(a, b) }

// cut bounds s to n bytes, whole characters.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (s *Store) path(name string) string { return filepath.Join(s.opts.Dir, name) }

// write writes a file and what is known about it.
func (s *Store) write(f *File, body []byte) error {
	if err := os.MkdirAll(s.opts.Dir, 0o700); err != nil {
		return err
	}
	if err := s.writeNote(f); err != nil {
		return err
	}
	if err := s.put(f.Name, body); err != nil {
		return errors.Join(err, s.erase(f.Name))
	}
	return nil
}

// writeNote writes what is known about a file.
func (s *Store) writeNote(f *File) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return s.put(f.Name+metaSuffix, b)
}

// put makes a file with that content, or leaves none.
func (s *Store) put(name string, b []byte) (err error) {
	part := s.path(name + partSuffix)
	defer func() {
		if err != nil {
			_ = os.Remove(part) // the first error says what is wrong
			err = fmt.Errorf("writing %s: %w", name, err)
		}
	}()
	f, err := s.create(part)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(part, s.path(name))
}

// erase removes a file and what is known about it. That they are not there is fine.
func (s *Store) erase(name string) error {
	var failed error
	for _, n := range []string{name, name + metaSuffix} {
		if err := os.Remove(s.path(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// load reads the folder, and removes what a crash has left.
func (s *Store) load() error {
	list, err := os.ReadDir(s.opts.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		name := e.Name()
		switch {
		case strings.HasSuffix(name, partSuffix):
			err = os.Remove(s.path(name))
		case strings.HasSuffix(name, metaSuffix):
			err = s.readNote(strings.TrimSuffix(name, metaSuffix))
		default:
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readNote takes up a file; one that is not what is known about it is removed.
func (s *Store) readNote(name string) error {
	f, ok := s.note(name)
	if !ok || len(s.files) >= MaxFiles || s.digests[digestOf(f.Digest)] != nil {
		return s.erase(name)
	}
	s.addLocked(f, digestOf(f.Digest)) // nobody else knows the store yet
	return nil
}

func (s *Store) note(name string) (*File, bool) {
	r, err := os.Open(s.path(name + metaSuffix))
	if err != nil {
		return nil, false
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxMeta))
	f := new(File)
	if err != nil || json.Unmarshal(b, f) != nil || f.Name != name || digestOf(f.Digest) == [sha256.Size]byte{} {
		return nil, false
	}
	info, err := os.Lstat(s.path(name))
	if err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		return nil, false
	}
	return f, true
}
