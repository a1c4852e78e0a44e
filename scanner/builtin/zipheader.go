package builtin

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"
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
	zipEndMagic      = "PK\x05\x06"
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
	if !listed && !m.opens() && (h[4] > maxZipVersion || m.method > zipAES || nameLen == 0) {
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

// readDirectories reads what may be taken for the central directory into dir and says
// whether there is one: programs differ in which end record counts and in whether the
// directory is where the record says or right before it. What a directory says about
// places outside the content is left out.
func (a *archive) readDirectories() (found bool) {
	for _, end := range a.findEnds() {
		before := a.isItem(end.at - end.size)
		if before {
			a.readDirectory(end.at-end.size, end.at-end.size-end.offset)
		}
		said := end.offset != end.at-end.size && a.isItem(end.offset)
		if said {
			a.readDirectory(end.offset, 0)
		}
		if before || said || end.size == 0 {
			found, a.end = true, max(a.end, end.at+directoryEnd)
		}
	}
	slices.SortStableFunc(a.dir, func(x, y zipMember) int {
		return cmp.Or(cmp.Compare(x.offset, y.offset), cmp.Compare(x.method, y.method))
	})
	a.dir = slices.Compact(a.dir)
	return found
}

// readDirectory reads the directory that begins at start; its offsets count from base.
func (a *archive) readDirectory(start, base int64) {
	in := a.newRawInput(&section{scan: a.scan, at: a.at, off: start, end: a.content.size})
	defer in.release()
	for len(a.dir) <= maxMembers {
		m, ok := readItem(in.buf)
		if !ok {
			return
		}
		if m.offset += base; m.offset >= 0 && m.offset < a.content.size {
			a.dir = append(a.dir, m)
		}
	}
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

// maxEnds is how many end records are looked at.
const maxEnds = 8

// findEnds looks for end records, the last one first. Mostly it is what the archive
// ends with; otherwise a comment stands behind it, which may have others in it.
func (a *archive) findEnds() (ends []zipEnd) {
	var last [directoryEnd]byte
	at := a.content.size - directoryEnd
	if !a.readAt(a.content, last[:], at) {
		return nil
	}
	if string(last[:4]) == zipEndMagic && le.Uint16(last[20:]) == 0 {
		return a.readEnd(nil, last[:], at)
	}
	tail := make([]byte, min(a.content.size, directoryEnd+maxZipComment))
	at = a.content.size - int64(len(tail))
	if !a.readAt(a.content, tail, at) {
		return nil
	}
	for i := len(tail) - directoryEnd; len(ends) < maxEnds; i-- {
		if i = bytes.LastIndex(tail[:i+4], []byte(zipEndMagic)); i < 0 {
			break
		}
		ends = a.readEnd(ends, tail[i:], at+int64(i))
	}
	return ends
}

// readEnd appends the end record p, which stands at, and the one for large archives
// that belongs to it, if there is one: some programs take it whatever p says.
func (a *archive) readEnd(ends []zipEnd, p []byte, at int64) []zipEnd {
	if disk := le.Uint16(p[4:]); disk != 0 && disk != 1<<16-1 {
		a.split = true
	}
	if large, ok := a.largeEnd(at); ok {
		ends = append(ends, large)
	}
	if end := (zipEnd{at, int64(le.Uint32(p[12:])), int64(le.Uint32(p[16:]))}); end.size != 1<<32-1 && end.offset != 1<<32-1 {
		ends = append(ends, end)
	}
	return ends
}

// largeEnd is the record for large archives that belongs to the end record at at: where
// the locator before that says, or right before the locator (APPNOTE sections 4.3.14
// and 4.3.15).
func (a *archive) largeEnd(at int64) (zipEnd, bool) {
	var locator [directoryLocator]byte
	at -= directoryLocator
	if !a.readAt(a.content, locator[:], at) || string(locator[:4]) != "PK\x06\x07" {
		return zipEnd{}, false
	}
	for _, at := range []int64{at - directoryEnd64, int64(le.Uint64(locator[8:]) &^ (1 << 63))} {
		var h [directoryEnd64]byte
		if a.readAt(a.content, h[:], at) && string(h[:4]) == "PK\x06\x06" {
			return zipEnd{at, int64(le.Uint64(h[40:]) &^ (1 << 63)), int64(le.Uint64(h[48:]) &^ (1 << 63))}, true
		}
	}
	return zipEnd{}, false
}
