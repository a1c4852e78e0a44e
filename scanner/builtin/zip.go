package builtin

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"

	"utmsim/scanner"
)

// Compression methods of zip members (APPNOTE section 4.4.5).
const (
	zipStored  = 0
	zipDeflate = 8
	zipBzip2   = 12
	zipZstd    = 93
	zipAES     = 99 // encrypted; the true method is elsewhere
)

// zipMember is what one header says about a member.
type zipMember struct {
	offset int64 // of the local header
	flags  uint16
	method uint16
	packed int64 // bytes of its data; 0 may mean unknown
	size   int64 // bytes when unpacked; 0 may mean unknown
	name   string
	dataAt int64 // of its data; from the local header alone
	seen   bool  // opened, if it is one of the directory
}

func (m *zipMember) encrypted() bool { return m.flags&1 != 0 || m.method == zipAES }

// opens says that the method is one that is opened.
func (m *zipMember) opens() bool {
	switch m.method {
	case zipStored, zipDeflate, zipBzip2, zipZstd:
		return true
	}
	return false
}

// streamed says that the sizes stand behind the data and not in the header.
func (m *zipMember) streamed() bool { return m.flags&8 != 0 }

// archive is one zip archive being scanned.
type archive struct {
	*scan
	*content
	layer  *layer
	finder *finder
	dir    []zipMember // what the central directory says, by offset
	end    int64       // behind the last end record of a directory
	split  bool        // an end record says that it is one of several files
	sure   bool        // it is an archive, and not perhaps one by accident
}

// zip scans the members of the archive in c. Two programs need not agree on what
// a zip archive holds: some believe the central directory at the end, some the
// headers before the data, and either can be missing or lie. So every member is
// opened that any header announces, in each way in which its headers describe
// it. from is where the first header stands; embedded says that something else
// precedes it. end is where the archive ends, from when it is none.
func (s *scan) zip(c *content, from int64, embedded bool, l *layer) (end int64) {
	if !s.mayOpen(l) {
		return from
	}
	a := &archive{scan: s, content: c, layer: l, finder: s.newFinder(c)}
	defer a.finder.release()
	found := a.readDirectories()
	a.sure = found || !embedded
	if a.split {
		a.report(scanner.Unhandled, l, "part of a split zip archive")
	}
	if !found {
		a.report(scanner.Corrupt, l, "zip archive without directory")
	}
	a.walk(from)
	for i := 0; i < len(a.dir) && s.stop == nil; i++ {
		if a.dir[i].seen {
			continue
		}
		a.listed(a.dir[i].offset)
	}
	if !found {
		return from
	}
	return a.end
}

// report notes an archive verdict if this is surely an archive.
func (a *archive) report(c scanner.Class, l *layer, reason string) {
	if a.sure && a.stop == nil {
		a.note(c, l, reason)
	}
}

// walk opens the members whose local headers stand one after the other.
func (a *archive) walk(from int64) {
	for pos := from; pos >= 0 && a.alive(); {
		listed := a.take(pos)
		local, ok := a.local(pos, len(listed) > 0)
		if ok {
			pos = a.member(local, listed)
			continue
		}
		if len(listed) > 0 {
			a.report(scanner.Corrupt, a.layer, "zip directory points nowhere")
		}
		pos = a.finder.find(pos+1, indexZip)
	}
}

// listed opens a member that only the directory knows.
func (a *archive) listed(offset int64) {
	listed := a.take(offset)
	local, ok := a.local(offset, true)
	if !ok {
		a.report(scanner.Corrupt, a.layer, "zip directory points nowhere")
		return
	}
	a.member(local, listed)
}

// take returns what the directory says about the member at offset, once.
func (a *archive) take(offset int64) []zipMember {
	at, _ := slices.BinarySearchFunc(a.dir, offset, func(m zipMember, o int64) int { return cmp.Compare(m.offset, o) })
	end := at
	for end < len(a.dir) && a.dir[end].offset == offset && !a.dir[end].seen {
		a.dir[end].seen = true
		end++
	}
	return a.dir[at:end]
}

// member opens one member and returns where to look for the next header.
func (a *archive) member(local zipMember, listed []zipMember) int64 {
	readings := []zipMember{local}
	for _, m := range listed {
		if m.method == local.method && m.encrypted() == local.encrypted() {
			readings[0].packed = max(readings[0].packed, m.packed)
			readings[0].size = max(readings[0].size, m.size)
			continue
		}
		m.dataAt = local.dataAt
		m.packed, m.size = max(m.packed, local.packed), max(m.size, local.size)
		readings = append(readings, m)
	}
	end := int64(0)
	for i := range readings {
		if !a.countMember() {
			return a.size
		}
		end = a.extract(&readings[i])
	}
	if len(readings) > 1 {
		a.report(scanner.Corrupt, a.layer, "zip headers contradict each other")
		return local.dataAt
	}
	return end
}

// extract scans the data of a member and returns where it ends, or where it
// begins when its end is not certain.
func (a *archive) extract(m *zipMember) int64 {
	child := a.layer.child(m.name)
	if m.encrypted() {
		a.report(scanner.Encrypted, child, "zip member encrypted")
		return a.endOf(m)
	}
	switch m.method {
	case zipStored:
		return a.stored(m, child)
	case zipDeflate:
		return a.packed(m, child, (*scan).inflate)
	case zipBzip2:
		return a.packed(m, child, (*scan).bzip2)
	case zipZstd:
		return a.packed(m, child, (*scan).zstd)
	default:
		a.report(scanner.Unhandled, child, "zip method not supported")
		return a.endOf(m)
	}
}

// stored scans a member that is not compressed. Of several sizes the largest is
// taken: whoever reads less sees the beginning of the same.
func (a *archive) stored(m *zipMember, child *layer) int64 {
	size := max(m.packed, m.size)
	if size == 0 && m.streamed() {
		size = a.untilHeader(m.dataAt) - m.dataAt
	}
	end := m.dataAt + size
	if end > a.content.size || end < m.dataAt {
		a.report(scanner.Corrupt, child, "zip member cut short")
		end = a.content.size
	}
	if end > m.dataAt {
		a.stream(&section{scan: a.scan, at: a.at, off: m.dataAt, end: end}, child)
	}
	return a.certain(m, end)
}

// packed scans a compressed member. Deflate data says itself where it ends,
// whatever the headers claim; the others take what follows for more of the same
// and are given what the headers say, if that can be.
func (a *archive) packed(m *zipMember, child *layer, decode decoder) int64 {
	data := &section{scan: a.scan, at: a.at, off: m.dataAt, end: a.content.size, step: firstStep}
	end := a.endOf(m)
	if end > m.dataAt && m.method != zipDeflate {
		data.end = end
	}
	in := a.newRawInput(data)
	defer in.release()
	var size int64
	err := decode(a.scan, in, func(r io.Reader) error {
		var err error
		size, err = a.stream(r, child)
		return err
	})
	if err != nil {
		if a.sure {
			a.refuse(err, child, "zip member damaged")
		}
		return m.dataAt
	}
	if m.size != 0 && m.size != size {
		a.report(scanner.Corrupt, child, "zip member of another size than announced")
	}
	if m.method == zipDeflate {
		return m.dataAt + in.offset()
	}
	return end
}

// endOf is where the data of m ends by its header, or where it begins when no
// header follows there.
func (a *archive) endOf(m *zipMember) int64 {
	end := m.dataAt + m.packed
	if end < m.dataAt || end > a.content.size {
		return m.dataAt
	}
	return a.certain(m, end)
}

// certain is end if the archive ends or goes on there, otherwise the beginning
// of m's data, so that nothing can be hidden behind a wrong size.
func (a *archive) certain(m *zipMember, end int64) int64 {
	if end == a.content.size {
		return end
	}
	var behind [28]byte // a data descriptor without signature, and the next header
	n := min(a.content.size-end, int64(len(behind)))
	if !a.readAt(a.content, behind[:n], end) {
		return m.dataAt
	}
	next := nextHeader(behind[:n])
	if next == 0 || next > 0 && m.streamed() {
		return end
	}
	return m.dataAt
}

// nextHeader is where in p the first signature of any part of a zip archive
// stands, -1 when there is none.
func nextHeader(p []byte) int {
	for at := 0; ; at++ {
		n := bytes.Index(p[at:], zipMagic[:2])
		if n < 0 || at+n+4 > len(p) {
			return -1
		}
		at += n
		switch binary.BigEndian.Uint16(p[at+2:]) {
		case 0x0102, 0x0304, 0x0506, 0x0606, 0x0607, 0x0708:
			return at
		}
	}
}

// untilHeader is where the next signature stands behind from, the end of the
// content when there is none.
func (a *archive) untilHeader(from int64) int64 {
	if at := a.finder.find(from, nextHeader); at >= 0 {
		return at
	}
	return a.content.size
}
