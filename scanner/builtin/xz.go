package builtin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// Why a container is not opened although it is in order.
var (
	errDictionary = errors.New("dictionary above the limit")
	errMethod     = errors.New("method not supported")
	errDamaged    = errors.New("damaged")
)

const (
	// maxDictionary bounds the memory of the decoders of xz, 7z and rar, in bytes. It
	// is what xz -9 uses.
	maxDictionary = 64 << 20
	// dictionaryShare is the part of a new dictionary that counts as bytes read: to
	// clear memory takes that much less time than to decode from it.
	dictionaryShare = 16
)

// xzDecoder is what a decoder of xz takes besides its dictionary, in bytes.
const xzDecoder = 32 << 10

// spendDictionary takes the making of a dictionary from the budget of work.
func (s *scan) spendDictionary(size int64) bool { return s.spend(size/dictionaryShare + 1) }

// xz decodes the streams of an xz file. The container is read here because its
// headers ask for dictionaries of up to 4 GB, which have to be looked at before
// they are made.
func (s *scan) xz(in *input, then func(io.Reader) error) error {
	x := &xzStreams{scan: s, in: in}
	if err := x.streamHeader(); err != nil {
		return err
	}
	return then(x)
}

// xzStreams is an io.Reader over what the blocks of all streams hold (the .xz file
// format 1.2.1).
type xzStreams struct {
	scan  *scan
	in    *input
	check byte      // kind of the check behind each block
	sum   hash.Hash // nil for a kind that is not known
	block io.Reader // nil between blocks
	cut   bool      // the dictionary of the block is smaller than it asks for
	begun int64     // offset of the block's data
	ended error     // what further reads return
}

const xzMagic = "\xfd7zXZ\x00"

// xzCheckSizes are by kind of check, in bytes.
var xzCheckSizes = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

var crc64Table = crc64.MakeTable(crc64.ECMA)

func (x *xzStreams) streamHeader() error {
	var h [12]byte
	if _, err := io.ReadFull(x.in.buf, h[:]); err != nil {
		return noEOF(err)
	}
	if string(h[:6]) != xzMagic || h[6] != 0 || h[7] > 15 || crc32.ChecksumIEEE(h[6:8]) != le.Uint32(h[8:]) {
		return errDamaged
	}
	x.check, x.sum = h[7], nil
	switch x.check {
	case 1:
		x.sum = crc32.NewIEEE()
	case 4:
		x.sum = crc64.New(crc64Table)
	case 10:
		x.sum = sha256.New()
	}
	return nil
}

// Read implements io.Reader.
func (x *xzStreams) Read(p []byte) (int, error) {
	for {
		if x.block == nil && x.ended == nil {
			x.ended = x.next()
		}
		if x.ended != nil {
			return 0, x.ended
		}
		n, err := x.block.Read(p)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if err == io.EOF {
			err = x.endBlock()
		}
		if err != nil && x.cut {
			err = errDictionary
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next begins the next block, of this stream or the next. At the end of the file
// its error is io.EOF.
func (x *xzStreams) next() error {
	for {
		size, err := x.in.buf.ReadByte()
		if err != nil {
			return noEOF(err)
		}
		if size != 0 {
			return x.beginBlock(size)
		}
		if err := x.endStream(); err != nil {
			return err
		}
		if !x.another() {
			return io.EOF
		}
		if !x.scan.countMember() {
			return errBudget
		}
		if err := x.streamHeader(); err != nil {
			return err
		}
	}
}

// beginBlock reads the block header whose first byte says how long it is.
func (x *xzStreams) beginBlock(size byte) error {
	h := make([]byte, 4*(int(size)+1))
	h[0] = size
	if _, err := io.ReadFull(x.in.buf, h[1:]); err != nil {
		return noEOF(err)
	}
	end := len(h) - 4
	if crc32.ChecksumIEEE(h[:end]) != le.Uint32(h[end:]) {
		return errDamaged
	}
	want, err := xzDictionary(h[1:end])
	if err != nil {
		return err
	}
	have := min(want, maxDictionary, max(x.scan.left, lzma.MinDictCap))
	if !x.scan.spendDictionary(have + xzDecoder) {
		return errBudget
	}
	x.cut, x.begun = have < want, x.in.offset()
	if x.sum != nil {
		x.sum.Reset()
	}
	x.block, err = lzma.Reader2Config{DictCap: int(have)}.NewReader2(x.in.buf)
	return err
}

// xzDictionary is the size of the dictionary that a block header asks for, which
// begins with its flags.
func xzDictionary(h []byte) (int64, error) {
	flags, r := h[0], bytes.NewReader(h[1:])
	if flags&3 != 0 {
		return 0, errMethod // further filters
	}
	for range int(flags>>6&1) + int(flags>>7) {
		if _, err := binary.ReadUvarint(r); err != nil {
			return 0, errDamaged // sizes of the block, packed and unpacked
		}
	}
	id, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, errDamaged
	}
	if id != 0x21 {
		return 0, errMethod
	}
	one, err := binary.ReadUvarint(r)
	if err != nil || one != 1 {
		return 0, errDamaged
	}
	code, err := r.ReadByte()
	if err != nil || code > 40 {
		return 0, errDamaged
	}
	return lzma2Dictionary(code), nil
}

// lzma2Dictionary is the size that a property of LZMA2 stands for, at most 40.
func lzma2Dictionary(code byte) int64 {
	if code == 40 {
		return 1<<32 - 1
	}
	return (2 | int64(code&1)) << (code/2 + 11)
}

// endBlock reads the padding and the check behind a block.
func (x *xzStreams) endBlock() error {
	x.block = nil
	pad := int(-(x.in.offset() - x.begun) & 3)
	rest := make([]byte, pad+xzCheckSizes[x.check])
	if _, err := io.ReadFull(x.in.buf, rest); err != nil {
		return noEOF(err)
	}
	if x.sum == nil {
		return nil
	}
	got := x.sum.Sum(nil)
	if x.check != 10 { // numbers are stored with their low byte first
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
	}
	if !bytes.Equal(got, rest[pad:]) {
		return errDamaged
	}
	return nil
}

// endStream reads the index, behind its first byte, and the footer. The index
// repeats what was read already.
func (x *xzStreams) endStream() error {
	from := x.in.offset() - 1
	records, err := binary.ReadUvarint(x.in.buf)
	if err != nil {
		return noEOF(err)
	}
	for range records {
		for range 2 {
			if _, err := binary.ReadUvarint(x.in.buf); err != nil {
				return noEOF(err)
			}
		}
		if !x.scan.alive() {
			return x.scan.stop
		}
	}
	pad := -(x.in.offset() - from) & 3
	rest := make([]byte, pad+4+12) // and a checksum
	if _, err := io.ReadFull(x.in.buf, rest); err != nil {
		return noEOF(err)
	}
	if string(rest[len(rest)-2:]) != "YZ" {
		return errDamaged
	}
	return nil
}

// another skips what may stand between two streams and says whether there is one
// more.
func (x *xzStreams) another() bool {
	for string(x.in.peek(4)) == "\x00\x00\x00\x00" {
		x.in.buf.Discard(4)
	}
	return string(x.in.peek(len(xzMagic))) == xzMagic
}
