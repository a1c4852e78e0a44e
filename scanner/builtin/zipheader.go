package builtin

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"utmsim/scanner"
)

// Sizes of the fixed parts of zip headers (APPNOTE section 4.3).
const (
	localHeaderSize  = 30
	directoryItem    = 46
	directoryEnd     = 22
	directoryEnd64   = 56
	directoryLocator = 20
	maxZipComment    = 1<<16 - 1
	maxZipVersion    = 63 // "version needed to extract" of the current APPNOTE
)

var le = binary.LittleEndian

// local reads the local header at off and says whether there is one. listed says
// that something points to it; otherwise it must also be plausible.
func (a *archive) local(off int64, listed bool) (zipMember, bool) {
	var h [localHeaderSize]byte
	if !a.readAt(a.content, h[:], off) || !bytes.Equal(h[:4], zipMagic) {
		return zipMember{}, false
	}
	m := zipMember{
		offset: off, flags: le.Uint16(h[6:]), method: le.Uint16(h[8:]),
		packed: int64(le.Uint32(h[18:])), size: int64(le.Uint32(h[22:])),
	}
	nameLen, extraLen := int(le.Uint16(h[26:])), int(le.Uint16(h[28:]))
	if !listed && (h[4] > maxZipVersion || m.method > zipAES || nameLen == 0) {
		return zipMember{}, false
	}
	rest := make([]byte, nameLen+extraLen)
	if !a.spend(int64(len(rest))) || !a.readAt(a.content, rest, off+localHeaderSize) {
		return zipMember{}, false
	}
	m.setNames(rest, nameLen)
	m.dataAt = off + localHeaderSize + int64(len(rest))
	return m, true
}

// setNames takes the name and the large sizes from what follows the fixed part
// of a header (APPNOTE section 4.5.3), and returns the rest of the large fields.
func (m *zipMember) setNames(rest []byte, nameLen int) (large []byte) {
	m.name = string(rest[:nameLen])
	for extra := rest[nameLen:]; len(extra) >= 4; {
		id, n := le.Uint16(extra), int(le.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break
		}
		if id == 1 {
			large = extra[4 : 4+n]
		}
		extra = extra[4+n:]
	}
	large = widen(&m.size, large)
	return widen(&m.packed, large)
}

// widen replaces a field that says "too large for 32 bits" by its large form.
func widen(field *int64, large []byte) []byte {
	if *field != 1<<32-1 || len(large) < 8 {
		return large
	}
	*field = int64(le.Uint64(large) &^ (1 << 63))
	return large[8:]
}

// readDirectory reads the central directory into dir and says whether there is
// one. What it says about places outside the content is left out.
func (a *archive) readDirectory() bool {
	end, ok := a.findEnd()
	if !ok {
		return false
	}
	start, base := end.at-end.size, end.at-end.size-end.offset
	if !a.isItem(start) {
		start, base = end.offset, 0 // bytes stand between the directory and its end
		if !a.isItem(start) {
			return end.size == 0
		}
	}
	in := a.newRawInput(&section{scan: a.scan, at: a.at, off: start, end: a.content.size})
	defer in.release()
	for len(a.dir) <= maxMembers {
		m, ok := readItem(in.buf)
		if !ok {
			break
		}
		if m.offset += base; m.offset >= 0 && m.offset < a.content.size {
			a.dir = append(a.dir, m)
		}
	}
	slices.SortStableFunc(a.dir, func(x, y zipMember) int { return cmp.Compare(x.offset, y.offset) })
	return true
}

func (a *archive) isItem(off int64) bool {
	var sig [4]byte
	return a.readAt(a.content, sig[:], off) && string(sig[:]) == "PK\x01\x02"
}

// readItem reads one member's entry of the central directory.
func readItem(r *bufio.Reader) (zipMember, bool) {
	var h [directoryItem]byte
	if _, err := io.ReadFull(r, h[:]); err != nil || string(h[:4]) != "PK\x01\x02" {
		return zipMember{}, false
	}
	m := zipMember{
		flags: le.Uint16(h[8:]), method: le.Uint16(h[10:]),
		packed: int64(le.Uint32(h[20:])), size: int64(le.Uint32(h[24:])), offset: int64(le.Uint32(h[42:])),
	}
	nameLen := int(le.Uint16(h[28:]))
	rest := make([]byte, nameLen+int(le.Uint16(h[30:])))
	if _, err := io.ReadFull(r, rest); err != nil {
		return zipMember{}, false
	}
	large := m.setNames(rest, nameLen)
	widen(&m.offset, large)
	_, err := r.Discard(int(le.Uint16(h[32:]))) // its comment
	return m, err == nil
}

// zipEnd is the end record: where the directory is.
type zipEnd struct {
	at     int64 // of the record itself
	size   int64 // of the directory
	offset int64 // of the directory, as the archive counts
}

// findEnd looks for the last end record. Mostly it is what the archive ends
// with; otherwise a comment stands behind it.
func (a *archive) findEnd() (zipEnd, bool) {
	var last [directoryEnd]byte
	at := a.content.size - directoryEnd
	if !a.readAt(a.content, last[:], at) {
		return zipEnd{}, false
	}
	if string(last[:4]) == "PK\x05\x06" {
		return a.readEnd(last[:], at), true
	}
	tail := make([]byte, min(a.content.size, directoryEnd+maxZipComment))
	at = a.content.size - int64(len(tail))
	if !a.readAt(a.content, tail, at) {
		return zipEnd{}, false
	}
	i := bytes.LastIndex(tail[:len(tail)-directoryEnd+4], []byte("PK\x05\x06"))
	if i < 0 {
		return zipEnd{}, false
	}
	return a.readEnd(tail[i:], at+int64(i)), true
}

// readEnd reads the end record p, which stands at.
func (a *archive) readEnd(p []byte, at int64) zipEnd {
	if disk := le.Uint16(p[4:]); disk != 0 && disk != 1<<16-1 {
		a.note(scanner.Unhandled, a.layer, "part of a split zip archive")
	}
	end := zipEnd{at, int64(le.Uint32(p[12:])), int64(le.Uint32(p[16:]))}
	if end.size == 1<<32-1 || end.offset == 1<<32-1 {
		a.widenEnd(&end)
	}
	return end
}

// widenEnd takes the record for large archives that stands before the end record,
// if it does (APPNOTE sections 4.3.14 and 4.3.15).
func (a *archive) widenEnd(end *zipEnd) {
	var h [directoryEnd64]byte
	at := end.at - directoryLocator - directoryEnd64
	if a.readAt(a.content, h[:], at) && string(h[:4]) == "PK\x06\x06" {
		*end = zipEnd{at, int64(le.Uint64(h[40:]) &^ (1 << 63)), int64(le.Uint64(h[48:]) &^ (1 << 63))}
	}
}
