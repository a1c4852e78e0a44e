package builtin

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// selfExtracting opens the 7z and rar archives that stand somewhere in c, as their programs
// do: these search a file for the beginning of an archive. What lies from from to to was
// opened already.
func (s *scan) selfExtracting(c *content, from, to int64, l *layer) {
	if !s.mayOpen(l) {
		return
	}
	find := s.newFinder(c)
	defer find.release()
	for at := find.find(c.packAt, indexPacked); at >= 0; at = find.find(at+1, indexPacked) {
		if at >= from && at < to {
			at = to - 1
			continue
		}
		var head [headSize]byte
		n := min(c.size-at, headSize)
		if !s.readAt(c, head[:n], at) {
			return
		}
		rest := &behind{c.at, at}
		switch {
		case isSevenStart(head[:n]):
			if s.countMember() {
				s.sevenZip(&content{at: rest, size: c.size - at}, l)
			}
		case isRarStart(head[:n]):
			if s.countMember() {
				in := s.newRawInput(&section{scan: s, at: rest, end: c.size - at, step: firstStep})
				s.rar(in, l)
				in.release()
			}
		}
	}
}

// behind is content from a place on.
type behind struct {
	at   io.ReaderAt
	from int64
}

// ReadAt implements io.ReaderAt.
func (b *behind) ReadAt(p []byte, off int64) (int, error) { return b.at.ReadAt(p, b.from+off) }

// indexPacked looks for the first signatureSize bytes of both magics.
func indexPacked(p []byte) int {
	seven := bytes.Index(p, []byte(sevenMagic[:signatureSize]))
	if seven >= 0 {
		p = p[:seven]
	}
	if rar := bytes.Index(p, []byte(rarMagic[:signatureSize])); rar >= 0 {
		return rar
	}
	return seven
}

// isSevenStart tells that a 7z archive begins with p: the checksum is right of where it
// says that its header is.
func isSevenStart(p []byte) bool {
	return len(p) >= sevenStart && string(p[:len(sevenMagic)]) == sevenMagic && crc32.ChecksumIEEE(p[12:sevenStart]) == le.Uint32(p[8:])
}

// isRarStart tells that a rar archive begins with p: the magic of one of both formats,
// and behind it a header that can be the first.
func isRarStart(p []byte) bool {
	const old, current = "\x00", "\x01\x00"
	rest, ok := bytes.CutPrefix(p, []byte(rarMagic))
	if !ok {
		return false
	}
	if h, ok := bytes.CutPrefix(rest, []byte(old)); ok {
		const mainHeader = 0x73
		return len(h) > 2 && h[2] == mainHeader
	}
	h, ok := bytes.CutPrefix(rest, []byte(current))
	if !ok || len(h) < 6 {
		return false
	}
	size, n := binary.Uvarint(h[4:])
	return n > 0 && size <= uint64(len(h)-4-n) && crc32.ChecksumIEEE(h[4:4+n+int(size)]) == le.Uint32(h)
}
