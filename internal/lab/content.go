package lab

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Content is a file of any size that exists only as a formula, so that both
// ends of a transfer can compare checksums without storing anything.
//
// The bytes are the outputs of SplitMix64 (Steele, Lea, Flood 2014) seeded with
// 0, each written as eight bytes, least significant first, and cut at size. The
// stream has no period a transfer could hide in: a lost, doubled or swapped
// piece of any length changes the checksum. It doesn't compress.
//
// Content implements io.Reader and io.Seeker; one goroutine at a time.
type Content struct {
	size, offset int64
}

// NewContent returns the first size bytes of the stream. A negative size is an
// empty file.
func NewContent(size int64) *Content {
	return &Content{size: max(size, 0)}
}

// ContentSHA256 returns the SHA-256 of the first size bytes of the stream, in
// hexadecimal. It computes them: about 1 s per 300 MiB.
func ContentSHA256(size int64) string {
	sum := sha256.New()
	if _, err := io.Copy(sum, NewContent(size)); err != nil {
		panic(fmt.Sprintf("lab: hashing generated content: %v", err)) // neither side can fail
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Read fills p from the current offset.
func (c *Content) Read(p []byte) (int, error) {
	if c.offset >= c.size {
		return 0, io.EOF
	}
	if left := c.size - c.offset; int64(len(p)) > left {
		p = p[:left]
	}
	fillContent(p, c.offset)
	c.offset += int64(len(p))
	return len(p), nil
}

// Seek sets the offset of the next Read. Offsets beyond the end are allowed, as
// io.Seeker says.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("seeking in content: negative position")
	}
	c.offset = offset
	return offset, nil
}

// fillContent writes the bytes of the stream that start at offset into p.
func fillContent(p []byte, offset int64) {
	word := uint64(offset) / 8
	if skip := int(offset % 8); skip != 0 {
		var edge [8]byte
		binary.LittleEndian.PutUint64(edge[:], contentWord(word))
		p = p[copy(p, edge[skip:]):]
		word++
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, contentWord(word))
		p = p[8:]
		word++
	}
	if len(p) > 0 {
		var edge [8]byte
		binary.LittleEndian.PutUint64(edge[:], contentWord(word))
		copy(p, edge[:])
	}
}

// contentWord is output number i, counted from 0, of SplitMix64 seeded with 0.
func contentWord(i uint64) uint64 {
	z := (i + 1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
