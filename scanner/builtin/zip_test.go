package builtin

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

const (
	bzip2Sample   = "QlpoOTFBWSZTWYZSy9MAAB8egCZ6BoBvZd9dAAIgAEiKaaAwg09IxqeieoRT1GhkZNGEwjT01N4ovxyQiAlQh+sHQQz7k5qim8zkxhLmdsm1AaIuqgzvsygDz1oZkBD3+LuSKcKEhDKWXpg="
	bzip2Harmless = "QlpoOTFBWSZTWb68r/0AAAEBgCJGGAAgADEMAQ0xqcylZ4u5IpwoSF9eV/6A"
)

// raw is a zip archive made by hand: what the headers say is up to the test.
type raw struct {
	out []byte
	dir []byte
	n   int

	large bool // the end record refers to the one for large archives
}

type rawMember struct {
	name          string
	data          []byte
	method, flags uint16
	packed, size  int // as the headers say
}

func (r *raw) local(m rawMember) int {
	at := len(r.out)
	r.out = append(r.out, zipMagic...)
	r.out = appendShorts(r.out, 20, m.flags, m.method, 0, 0)
	r.out = appendLongs(r.out, 0, uint32(m.packed), uint32(m.size))
	r.out = appendShorts(r.out, uint16(len(m.name)), 0)
	r.out = append(append(r.out, m.name...), m.data...)
	return at
}

func (r *raw) list(at int, m rawMember) {
	r.n++
	r.dir = append(r.dir, "PK\x01\x02"...)
	r.dir = appendShorts(r.dir, 20, 20, m.flags, m.method, 0, 0)
	r.dir = appendLongs(r.dir, 0, uint32(m.packed), uint32(m.size))
	r.dir = appendShorts(r.dir, uint16(len(m.name)), 0, 0, 0, 0)
	r.dir = appendLongs(r.dir, 0, uint32(at))
	r.dir = append(r.dir, m.name...)
}

func (r *raw) bytes() []byte {
	var end []byte
	size, offset := uint32(len(r.dir)), uint32(len(r.out))
	if r.large {
		end = appendShorts(appendLongs([]byte("PK\x06\x06"), 44, 0), 45, 45)
		end = appendLongs(end, 0, 0, uint32(r.n), 0, uint32(r.n), 0, size, 0, offset, 0)
		end = appendLongs(append(end, "PK\x06\x07"...), 0, offset+size, 0, 1)
		size, offset = 1<<32-1, 1<<32-1
	}
	end = appendShorts(append(end, "PK\x05\x06"...), 0, 0, uint16(r.n), uint16(r.n))
	end = appendLongs(end, size, offset)
	return slices.Concat(r.out, r.dir, appendShorts(end, 0))
}

func appendShorts(b []byte, list ...uint16) []byte {
	for _, v := range list {
		b = le.AppendUint16(b, v)
	}
	return b
}

func appendLongs(b []byte, list ...uint32) []byte {
	for _, v := range list {
		b = le.AppendUint32(b, v)
	}
	return b
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 0xff
	return b
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

// encryptedZip sets the flag in every header of an archive of one member.
func encryptedZip(zip []byte) []byte {
	zip = slices.Clone(zip)
	zip[6] |= 1
	zip[bytes.Index(zip, []byte("PK\x01\x02"))+8] |= 1
	return zip
}

func zipWithMethod(zip []byte, method byte) []byte {
	zip = slices.Clone(zip)
	zip[8] = method
	zip[bytes.Index(zip, []byte("PK\x01\x02"))+10] = method
	return zip
}

// lastPart is a zip archive that says it is the second of two parts.
func lastPart(zip []byte) []byte {
	zip = slices.Clone(zip)
	zip[len(zip)-18] = 1
	return zip
}

// overlappingZip lists one large member n times.
func overlappingZip(n int) []byte {
	var r raw
	data := samples.Deflate(make([]byte, 1<<20))
	m := rawMember{name: "m", data: data, method: zipDeflate, packed: len(data), size: 1 << 20}
	at := r.local(m)
	for i := range n {
		m.method = zipDeflate
		m.flags = uint16(i) << 1 & 6
		if i%2 == 1 {
			m.method = zipStored
		}
		r.list(at, m)
	}
	return r.bytes()
}

// bzip2Members is an archive of n members for each of which a decoder has to be
// made.
func bzip2Members(n int) []byte {
	var r raw
	data, err := base64.StdEncoding.DecodeString(bzip2Harmless)
	if err != nil {
		panic(err)
	}
	for range n {
		m := rawMember{name: "m", data: data, method: zipBzip2, packed: len(data), size: 8}
		r.list(r.local(m), m)
	}
	return r.bytes()
}

// TestContradictoryZip: some program would unpack the test file from each.
func TestContradictoryZip(t *testing.T) {
	e := engine(t)
	eicar := samples.EICAR()
	packed := samples.Deflate(eicar)
	good := rawMember{name: "eicar.com", data: packed, method: zipDeflate, packed: len(packed), size: 68}
	other := rawMember{name: "other", data: text(100), packed: 100, size: 100}
	with := func(change func(*rawMember)) rawMember {
		m := good
		change(&m)
		return m
	}
	for name, build := range map[string]func(r *raw){
		"as it should be": func(r *raw) { r.list(r.local(other), other); r.list(r.local(good), good) },
		"no directory":    func(r *raw) { r.local(other); r.local(good) },
		"not listed":      func(r *raw) { r.list(r.local(other), other); r.local(good) },
		"not listed, of a version to come": func(r *raw) {
			r.list(r.local(other), other)
			r.out[r.local(good)+4] = 200
		},
		"listed as stored": func(r *raw) {
			r.list(r.local(good), with(func(m *rawMember) { m.method = zipStored }))
		},
		"stored by its header": func(r *raw) {
			at := r.local(with(func(m *rawMember) { m.method = zipStored }))
			r.list(at, good)
		},
		"encrypted by its header": func(r *raw) {
			at := r.local(with(func(m *rawMember) { m.flags = 1 }))
			r.list(at, good)
		},
		"encrypted by the directory": func(r *raw) {
			r.list(r.local(good), with(func(m *rawMember) { m.flags = 1 }))
		},
		"sizes too small": func(r *raw) {
			small := with(func(m *rawMember) { m.packed, m.size = 3, 3 })
			r.list(r.local(small), small)
		},
		"sizes too large": func(r *raw) {
			large := with(func(m *rawMember) { m.packed, m.size = 1<<31, 1<<31 })
			r.list(r.local(large), large)
		},
		"hidden behind a wrong size": func(r *raw) {
			hiding := rawMember{name: "readme", data: text(50), packed: 50 + 39 + len(packed), size: 50}
			r.list(r.local(hiding), hiding)
			r.local(good)
		},
		"hidden, listed alone": func(r *raw) {
			hiding := rawMember{name: "readme", data: text(50), packed: 50 + 39 + len(packed), size: 50 + 39 + len(packed)}
			r.local(hiding)
			r.list(r.local(good), good)
		},
		"hidden, listed alone, in a large archive": func(r *raw) {
			r.large = true
			hiding := rawMember{name: "readme", data: text(50), packed: 50 + 39 + len(packed), size: 50 + 39 + len(packed)}
			r.local(hiding)
			r.list(r.local(good), good)
		},
		"streamed": func(r *raw) {
			m := with(func(m *rawMember) { m.flags, m.packed, m.size = 8, 0, 0 })
			at := r.local(m)
			r.out = append(r.out, "PK\x07\x08............"...)
			r.list(at, good)
			r.list(r.local(other), other)
		},
		"streamed, stored, gzip inside, not listed": func(r *raw) {
			r.local(rawMember{name: "eicar.com", data: samples.Gzip(eicar), flags: 8})
			r.out = append(r.out, "PK\x07\x08............"...)
		},
		"listed twice": func(r *raw) {
			at := r.local(good)
			r.list(at, with(func(m *rawMember) { m.method = zipZstd }))
			r.list(at, with(func(m *rawMember) { m.method = zipStored }))
		},
		"bzip2 method": func(r *raw) {
			b := bzip2EICAR(t)
			m := rawMember{name: "eicar.com", data: b, method: zipBzip2, packed: len(b), size: 68}
			r.list(r.local(m), m)
		},
		"zstd method": func(r *raw) {
			b := samples.Zstd(woven())
			m := rawMember{name: "eicar.com", data: b, method: zipZstd, packed: len(b), size: len(woven())}
			r.list(r.local(m), m)
		},
		"zstd method, nothing known": func(r *raw) {
			r.local(rawMember{name: "eicar.com", data: samples.Zstd(woven()), method: zipZstd, flags: 8})
			r.local(other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var r raw
			build(&r)
			for place, data := range map[string][]byte{
				"alone": r.bytes(), "behind a program": slices.Concat(noise(3000), r.bytes()),
				"without an end": r.out,
			} {
				if place == "without an end" && (name != "no directory" && name != "as it should be" && name != "not listed") {
					continue
				}
				v := both(t, e, scanner.Object{Name: "a.zip"}, data)
				require.Equal(t, scanner.Virus, v.Class, "%s: %+v", place, v)
				assert.Regexp(t, `^a\.zip!(readme!)?eicar\.com$`, v.Part, place)
				inGzip := both(t, e, scanner.Object{Name: "a.zip"}, samples.Gzip(data))
				assert.Equal(t, scanner.Virus, inGzip.Class, "%s in gzip: %+v", place, inGzip)
			}
		})
	}
}

func TestContradictionsAreNoted(t *testing.T) {
	e := engine(t)
	m := rawMember{name: "f", data: text(100), packed: 100, size: 100}
	for name, c := range map[string]struct {
		build func(r *raw)
		want  scanner.ClassSet
	}{
		"methods differ": {func(r *raw) {
			at := r.local(m)
			m := m
			m.method = zipDeflate
			r.list(at, m)
		}, scanner.SetOf(scanner.Corrupt)},
		"one says encrypted": {func(r *raw) {
			at := r.local(m)
			m := m
			m.flags = 1
			r.list(at, m)
		}, scanner.SetOf(scanner.Corrupt, scanner.Encrypted)},
		"good and large":  {func(r *raw) { r.large = true; r.list(r.local(m), m) }, 0},
		"points nowhere":  {func(r *raw) { r.list(r.local(m), m); r.list(7, m) }, scanner.SetOf(scanner.Corrupt)},
		"empty directory": {func(r *raw) { r.local(m); r.out = append(r.out, 0) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var r raw
			c.build(&r)
			assert.Equal(t, c.want, both(t, e, scanner.Object{}, r.bytes()).Findings)
		})
	}
}

func TestLargeZipFields(t *testing.T) {
	var m zipMember
	m.size, m.packed, m.offset = 1<<32-1, 1<<32-1, 1<<32-1
	large := appendShorts(nil, 0x7777, 2, 0, 1, 24)
	for _, v := range []uint64{5 << 32, 6 << 32, 7 << 32} {
		large = le.AppendUint64(large, v)
	}
	rest := m.setNames(append([]byte("name"), large...), 4)
	widen(&m.offset, rest)
	assert.Equal(t, zipMember{name: "name", size: 5 << 32, packed: 6 << 32, offset: 7 << 32}, m)

	var cutShort zipMember
	cutShort.size = 1<<32 - 1
	cutShort.setNames(appendShorts([]byte("n"), 1, 200), 1)
	assert.EqualValues(t, 1<<32-1, cutShort.size)
}
