package builtin

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"utmsim/scanner"
	"utmsim/scanner/match"
)

// Database is signatures read from files in ClamAV's plain forms. The zero value
// has none.
type Database struct {
	bodies []*signature
	hashes map[digest]*hashed
	kinds  [digestKinds]bool // digests that some signature needs
	sizes  map[int64]bool    // sizes for which there is a hash
	any    bool              // there is a hash for files of any size
	max    int64             // the largest of sizes
	sum    hash.Hash         // over the texts
}

// signature is content to look for: segments in this order with any number of
// bytes between them.
type signature struct {
	name     string
	class    scanner.Class
	offset   offset
	at       int64 // for fromStart the first byte, for fromEnd its distance from the end
	segments []match.Pattern
}

// offset says where a signature counts.
type offset uint8

const (
	anywhere offset = iota
	fromStart
	fromEnd
)

// hashed is a file known by its digest.
type hashed struct {
	name  string
	class scanner.Class
	sizes map[int64]bool // nil: any
}

// digest is the value of one kind, in bytes.
type digest struct {
	kind  uint8
	value string
}

// The digests that hash signatures may have.
const (
	kindMD5 = iota
	kindSHA1
	kindSHA256
	digestKinds
)

func newDigest(kind int) hash.Hash {
	switch kind {
	case kindMD5:
		return md5.New()
	case kindSHA1:
		return sha1.New()
	default:
		return sha256.New()
	}
}

// kindOf is the kind of a digest of n bytes, -1 for none.
func kindOf(n int) int {
	switch n {
	case md5.Size:
		return kindMD5
	case sha1.Size:
		return kindSHA1
	case sha256.Size:
		return kindSHA256
	}
	return -1
}

// Bounds of what a signature may be.
const (
	maxLine    = 1 << 20 // bytes of a line
	maxName    = 200     // bytes of a signature's name, and of one in a path
	maxFromEnd = 1 << 20 // of the n in EOF-n: places are remembered until the end is known
)

// Open reads signature files. Their names say what they hold: .hdb and .hsb
// digests of whole files, .ndb content. A line that can't be understood, or asks
// for more than the engine can do, is an error that begins with file and line.
func Open(paths ...string) (*Database, error) {
	db := new(Database)
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening signatures: %w", err)
		}
		err = db.Read(path, f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return db, nil
}

// Read adds the signatures of one file, whose name says what it holds.
func (db *Database) Read(name string, r io.Reader) error {
	var add func(fields []string) error
	switch strings.ToLower(filepath.Ext(name)) {
	case ".hdb", ".hsb":
		add = db.addHash
	case ".ndb":
		add = db.addBody
	default:
		return fmt.Errorf("%s: signature files end in .hdb, .hsb or .ndb", name)
	}
	if db.sum == nil {
		db.sum = sha256.New()
	}
	fmt.Fprintf(db.sum, "%s\n", filepath.Ext(name))
	lines := bufio.NewScanner(io.TeeReader(r, db.sum))
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := add(strings.Split(line, ":")); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, n+1, err)
	}
	return nil
}

// Len is how many signatures the files hold.
func (db *Database) Len() int { return len(db.bodies) + len(db.hashes) }

// Version is the same for databases that were read from the same texts.
func (db *Database) Version() string {
	if db.sum == nil {
		return "own"
	}
	return hex.EncodeToString(db.sum.Sum(nil)[:8])
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
		return fmt.Errorf("signature name %q: want 1 to %d bytes without blanks", name, maxName)
	}
	return nil
}

// checkLevels looks at the functionality levels that may end a line. They say
// which releases of ClamAV understand it, and so nothing about this engine.
func checkLevels(fields []string) error {
	if len(fields) > 2 {
		return fmt.Errorf("%d fields too many", len(fields)-2)
	}
	for _, f := range fields {
		if _, err := strconv.ParseUint(f, 10, 32); err != nil {
			return fmt.Errorf("functionality level %q is not a number", f)
		}
	}
	return nil
}

// addHash adds a line digest:size:name[:level[:level]].
func (db *Database) addHash(fields []string) error {
	if len(fields) < 3 {
		return fmt.Errorf("want digest:size:name")
	}
	value, err := hex.DecodeString(fields[0])
	if err != nil {
		return fmt.Errorf("digest %q: %w", fields[0], err)
	}
	kind := kindOf(len(value))
	if kind < 0 {
		return fmt.Errorf("digest of %d bytes: want MD5 (16), SHA-1 (20) or SHA-256 (32)", len(value))
	}
	size := int64(-1)
	if fields[1] != "*" {
		if size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || size < 0 {
			return fmt.Errorf("size %q: want a number of bytes or *", fields[1])
		}
	}
	if err := checkName(fields[2]); err != nil {
		return err
	}
	if err := checkLevels(fields[3:]); err != nil {
		return err
	}
	db.know(digest{uint8(kind), string(value)}, size, fields[2])
	return nil
}

// know adds a digest for files of size bytes, any number when it is negative.
func (db *Database) know(d digest, size int64, name string) {
	if db.hashes == nil {
		db.hashes, db.sizes = map[digest]*hashed{}, map[int64]bool{}
	}
	h := db.hashes[d]
	if h == nil {
		h = &hashed{name: name, class: scanner.ClassOf(name), sizes: map[int64]bool{}}
		db.hashes[d] = h
	}
	db.kinds[d.kind] = true
	if size < 0 {
		db.any, h.sizes = true, nil
		return
	}
	if h.sizes != nil {
		h.sizes[size] = true
	}
	db.sizes[size], db.max = true, max(db.max, size)
}

// mayKnow says whether there can be a digest for a file of size bytes.
func (db *Database) mayKnow(size int64) bool { return db.any || db.sizes[size] }

// addBody adds a line name:target:offset:content[:level[:level]].
func (db *Database) addBody(fields []string) error {
	if len(fields) < 4 {
		return fmt.Errorf("want name:target:offset:hex")
	}
	if err := checkName(fields[0]); err != nil {
		return err
	}
	if fields[1] != "0" {
		return fmt.Errorf("target type %q is not supported: want 0, any file", fields[1])
	}
	sig := &signature{name: fields[0], class: scanner.ClassOf(fields[0])}
	if err := sig.setOffset(fields[2]); err != nil {
		return err
	}
	if err := sig.setContent(fields[3]); err != nil {
		return err
	}
	if err := checkLevels(fields[4:]); err != nil {
		return err
	}
	if sig.offset == fromEnd && len(sig.segments) > 1 {
		return fmt.Errorf("offset %s is not supported together with * in the content", fields[2])
	}
	db.bodies = append(db.bodies, sig)
	return nil
}

func (sig *signature) setOffset(text string) error {
	number := text
	switch {
	case text == "*":
		sig.offset = anywhere
		return nil
	case strings.HasPrefix(text, "EOF-"):
		sig.offset, number = fromEnd, text[len("EOF-"):]
	default:
		sig.offset = fromStart
	}
	n, err := strconv.ParseUint(number, 10, 62)
	if err != nil {
		return fmt.Errorf("offset %q is not supported: want *, a number or EOF-n", text)
	}
	if sig.offset == fromEnd && n > maxFromEnd {
		return fmt.Errorf("offset %q is not supported: n may be %d at most", text, maxFromEnd)
	}
	sig.at = int64(n)
	return nil
}

// setContent reads hex digits, ?? for any byte and * for any number of bytes.
func (sig *signature) setContent(text string) error {
	for i, part := range strings.Split(text, "*") {
		p, err := segment(part)
		if err != nil {
			return err
		}
		if _, err := match.New([]match.Pattern{p}); err != nil {
			return fmt.Errorf("part %d of the content is not supported: %w", i+1, err)
		}
		sig.segments = append(sig.segments, p)
	}
	return nil
}

func segment(text string) (p match.Pattern, err error) {
	for i := 0; i < len(text); i += 2 {
		pair := text[i:min(i+2, len(text))]
		if pair == "??" {
			if p.Any == nil {
				p.Any = make([]bool, len(text)/2)
			}
			p.Any[i/2] = true
			p.Bytes = append(p.Bytes, 0)
			continue
		}
		b, err := hex.DecodeString(pair)
		if err != nil {
			return p, fmt.Errorf("content %q is not supported: want pairs of hex digits, ?? or *", pair)
		}
		p.Bytes = append(p.Bytes, b...)
	}
	return p, nil
}
