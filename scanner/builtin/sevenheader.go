package builtin

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/ulikunitz/xz/lzma"
)

// What keeps a 7z archive from being opened.
var (
	errLocked  = errors.New("encrypted")
	errMembers = errors.New("too many members")
)

// Bounds of what the header of a 7z archive may announce.
const (
	maxSevenHeader = 4 << 20 // bytes, unpacked
	maxSevenCoders = 8       // of one folder; four are the most that programs make
	maxSevenProps  = 64      // bytes of a coder's properties
)

// Property ids of 7z headers (7zFormat.txt).
const (
	sevenEnd           = 0x00
	sevenHeader        = 0x01
	sevenMainStreams   = 0x04
	sevenFiles         = 0x05
	sevenPackInfo      = 0x06
	sevenUnpackInfo    = 0x07
	sevenSubStreams    = 0x08
	sevenSize          = 0x09
	sevenCRC           = 0x0a
	sevenFolderID      = 0x0b
	sevenUnpackSize    = 0x0c
	sevenNumUnpack     = 0x0d
	sevenEncodedHeader = 0x17
	sevenStartPos      = 0x18
)

// sevenStart is how long the header in front of the packed streams is.
const sevenStart = 32

// sevenFolders reads the header of the 7z archive in c, which may itself be packed,
// and refuses what would cost too much to open.
func (s *scan) sevenFolders(c *content) ([]sevenFolder, error) {
	var start [sevenStart]byte
	if !s.readAt(c, start[:], 0) {
		return nil, errDamaged
	}
	offset, size := le.Uint64(start[12:]), le.Uint64(start[20:])
	if crc32.ChecksumIEEE(start[12:]) != le.Uint32(start[8:]) || offset > uint64(c.size) || size > uint64(c.size) {
		return nil, errDamaged
	}
	if size > maxSevenHeader {
		return nil, errMembers
	}
	header := make([]byte, size)
	if !s.spend(int64(size)) || !s.readAt(c, header, sevenStart+int64(offset)) {
		return nil, errDamaged
	}
	h := &sevenReader{p: header}
	switch h.byte() {
	case sevenHeader:
		return h.header()
	case sevenEncodedHeader:
		unpacked, err := s.sevenUnpackHeader(c, h)
		if err != nil {
			return nil, err
		}
		h = &sevenReader{p: unpacked}
		if h.byte() != sevenHeader {
			return nil, errDamaged
		}
		return h.header()
	}
	return nil, errDamaged
}

// sevenUnpackHeader unpacks a header that h describes.
func (s *scan) sevenUnpackHeader(c *content, h *sevenReader) ([]byte, error) {
	folders := h.streams()
	if h.err != nil {
		return nil, h.err
	}
	if len(folders) != 1 || len(h.packedSizes) != 1 {
		return nil, errDamaged
	}
	f := &folders[0]
	switch {
	case f.refused != nil:
		return nil, f.refused
	case f.size > maxSevenHeader || f.size < 0:
		return nil, errMembers
	case len(f.coders) != 1:
		return nil, errMethod
	}
	data := &section{scan: s, at: c.at, off: sevenStart + h.packedAt, end: sevenStart + h.packedAt + h.packedSizes[0]}
	if data.off < 0 || data.end < data.off || data.end > c.size {
		return nil, errDamaged
	}
	var r io.Reader = data
	if f.coders[0].id != sevenCopy {
		if !s.spendDictionary(f.dictionary) {
			return nil, errBudget
		}
		var err error
		if r, err = lzmaReader(f, data); err != nil {
			return nil, err
		}
	}
	out := make([]byte, f.size)
	_, err := io.ReadFull(r, out)
	return out, err
}

// lzmaReader unpacks the stream of a folder with a single coder.
func lzmaReader(f *sevenFolder, data io.Reader) (io.Reader, error) {
	c := &f.coders[0]
	switch c.id {
	case sevenLZMA:
		head := le.AppendUint64(append([]byte(nil), c.props...), uint64(f.size))
		return lzma.ReaderConfig{DictCap: maxDictionary}.NewReader(io.MultiReader(bytes.NewReader(head), data))
	case sevenLZMA2:
		return lzma.Reader2Config{DictCap: int(max(f.dictionary, lzma.MinDictCap))}.NewReader2(data)
	}
	return nil, errMethod
}

// sevenReader reads a header. Behind the first thing that can't be, all that is
// read is zero and err says why.
type sevenReader struct {
	p           []byte
	err         error
	packedAt    int64   // where the packed streams begin, behind the signature header
	packedSizes []int64 // of them
}

func (h *sevenReader) fail(err error) {
	if h.err == nil {
		h.err = err
	}
	h.p = nil
}

func (h *sevenReader) take(n uint64) []byte {
	if n > uint64(len(h.p)) {
		h.fail(errDamaged)
		return nil
	}
	p := h.p[:n]
	h.p = h.p[n:]
	return p
}

func (h *sevenReader) byte() byte {
	if p := h.take(1); p != nil {
		return p[0]
	}
	return 0
}

// number reads a number whose first byte says how many follow.
func (h *sevenReader) number() uint64 {
	first := h.byte()
	more := bits.LeadingZeros8(^first)
	var v uint64
	for i, b := range h.take(uint64(more)) {
		v |= uint64(b) << (8 * i)
	}
	if more < 7 {
		v |= uint64(first&(1<<(7-more)-1)) << (8 * more)
	}
	return v
}

// count reads how many of something follow.
func (h *sevenReader) count(most int) int {
	n := h.number()
	if n > uint64(most) {
		h.fail(errMembers)
		return 0
	}
	return int(n)
}

// digests skips the checksums of n streams and returns which of them have one.
func (h *sevenReader) digests(n int) (defined []bool) {
	defined = make([]bool, n)
	set := 0
	all := h.byte() != 0
	var packed []byte
	if !all {
		packed = h.take(uint64(n+7) / 8)
	}
	for i := range defined {
		if defined[i] = all || i/8 < len(packed) && packed[i/8]>>(7-i%8)&1 == 1; defined[i] {
			set++
		}
	}
	h.take(4 * uint64(set))
	return defined
}

// header reads a header behind its id as far as the streams and the number of
// files.
func (h *sevenReader) header() ([]sevenFolder, error) {
	var folders []sevenFolder
	id := h.byte()
	if id == sevenMainStreams {
		folders = h.streams()
		id = h.byte()
	}
	if id == sevenFiles {
		h.files()
	}
	if h.err == nil && id != sevenFiles && id != sevenEnd {
		h.err = errMethod // archive properties, which no program makes
	}
	return folders, h.err
}

// files looks at the list of files: how many there are, and that no property of
// them announces more than the header has.
func (h *sevenReader) files() {
	if n := h.count(maxMembers); n == 0 {
		return
	}
	for h.err == nil {
		switch h.byte() {
		case sevenEnd:
			return
		case sevenStartPos:
			h.fail(errMethod)
		}
		h.take(h.number())
	}
}

// streams reads what is said about the streams.
func (h *sevenReader) streams() (folders []sevenFolder) {
	for h.err == nil {
		switch h.byte() {
		case sevenEnd:
			return folders
		case sevenPackInfo:
			h.packInfo()
		case sevenUnpackInfo:
			folders = h.unpackInfo()
		case sevenSubStreams:
			h.subStreams(folders)
		default:
			h.fail(errDamaged)
		}
	}
	return nil
}

func (h *sevenReader) packInfo() {
	at := h.number()
	n := h.count(maxMembers * maxSevenCoders)
	if at > 1<<62 {
		h.fail(errDamaged)
		return
	}
	h.packedAt = int64(at)
	for h.err == nil {
		switch h.byte() {
		case sevenEnd:
			return
		case sevenSize:
			h.packedSizes = h.packedSizes[:0]
			for range n {
				h.packedSizes = append(h.packedSizes, int64(h.number()&(1<<62-1)))
			}
		case sevenCRC:
			h.digests(n)
		default:
			h.fail(errDamaged)
		}
	}
}

func (h *sevenReader) unpackInfo() []sevenFolder {
	if h.byte() != sevenFolderID {
		h.fail(errDamaged)
		return nil
	}
	folders := make([]sevenFolder, h.count(maxMembers))
	if h.byte() != 0 {
		h.fail(errMethod) // described elsewhere
	}
	for i := range folders {
		folders[i] = h.folder()
	}
	if h.byte() != sevenUnpackSize {
		h.fail(errDamaged)
	}
	for i := range folders {
		for range folders[i].outs {
			folders[i].size = int64(h.number() & (1<<63 - 1))
		}
	}
	for h.err == nil {
		switch h.byte() {
		case sevenEnd:
			return folders
		case sevenCRC:
			for i, defined := range h.digests(len(folders)) {
				folders[i].summed = defined
			}
		default:
			h.fail(errDamaged)
		}
	}
	return nil
}

// folder reads how one stream is packed.
func (h *sevenReader) folder() (f sevenFolder) {
	ins := 0
	for range h.count(maxSevenCoders) {
		flags := h.byte()
		c := sevenCoder{id: string(h.take(uint64(flags & 15)))}
		in, out := 1, 1
		if flags&0x10 != 0 {
			in, out = h.count(maxSevenCoders), h.count(maxSevenCoders)
		}
		if flags&0x20 != 0 {
			c.props = h.take(uint64(h.count(maxSevenProps)))
		}
		ins += in
		f.outs += out
		f.add(c)
	}
	pairs := f.outs - 1
	f.packed = ins - pairs
	if f.outs == 0 || f.packed <= 0 {
		h.fail(errDamaged)
		return f
	}
	for range pairs {
		h.number()
		h.number()
	}
	if f.packed > 1 {
		for range f.packed {
			h.number()
		}
	}
	return f
}

// subStreams looks at how the folders are divided into files.
func (h *sevenReader) subStreams(folders []sevenFolder) {
	counts := make([]int, len(folders))
	total := 0
	for i := range counts {
		counts[i] = 1
	}
	id := h.byte()
	if id == sevenNumUnpack {
		for i := range counts {
			counts[i] = h.count(maxMembers)
		}
		id = h.byte()
	}
	for _, n := range counts {
		if total += n; total > maxMembers {
			h.fail(errMembers)
		}
	}
	if id == sevenSize {
		for _, n := range counts {
			for range n - 1 {
				h.number()
			}
		}
		id = h.byte()
	}
	if id == sevenCRC {
		unknown := 0
		for i, n := range counts {
			if n != 1 || !folders[i].summed {
				unknown += n
			}
		}
		h.digests(unknown)
		id = h.byte()
	}
	if h.err == nil && id != sevenEnd {
		h.fail(errDamaged)
	}
}
