package builtin

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

// TestBehindOtherContent: 7-Zip and unrar look for their archives in whatever they are
// given, as in programs that extract themselves.
func TestBehindOtherContent(t *testing.T) {
	e := engine(t)
	file := samples.File{Name: "eicar.com", Data: samples.Gzip(woven())}
	for kind, archive := range map[string][]byte{
		"7z": samples.SevenZip(file), "stored 7z": samples.StoredSevenZip(file), "rar": samples.Rar(file), "old rar": samples.OldRar(file),
	} {
		for name, front := range map[string][]byte{
			"a byte": []byte("M"), "a program": slices.Concat([]byte("MZ"), noise(100_000)),
			"what only begins so": slices.Concat([]byte("MZ 7z\xbc\xaf\x27\x1c"), noise(100), []byte("Rar!\x1a\x07\x00"), noise(100)),
			"the end of a chunk":  noise(chunkSize - 3), "what is no gzip": slices.Concat([]byte("\x1f\x8b\x08\x00"), noise(100)),
			"zeros": make([]byte, 5000), "a zip": slices.Concat(noise(100), samples.Zip(samples.File{Name: "a", Data: text(100)})),
		} {
			data := slices.Concat(front, archive)
			assert.Equal(t, "obj!eicar.com", both(t, e, scanner.Object{Name: "obj"}, data).Part, "%s behind %s", kind, name)
			assert.Equal(t, "obj!eicar.com", both(t, e, scanner.Object{Name: "obj"}, samples.Gzip(data)).Part, "%s behind %s, in gzip", kind, name)
			coded := scanner.Object{Name: "obj", Encodings: []string{"br", "gzip"}}
			assert.Equal(t, "obj!eicar.com", both(t, e, coded, samples.Gzip(samples.Brotli(data))).Part, "%s behind %s, encoded twice", kind, name)
		}
	}
}

// TestMagicsAloneAreClean: what only looks like an archive says nothing about content.
func TestMagicsAloneAreClean(t *testing.T) {
	e := engine(t)
	for _, magic := range []string{sevenMagic, rarMagic + "\x00", rarMagic + "\x01\x00"} {
		data := slices.Concat(text(100), bytes.Repeat(slices.Concat([]byte(magic), noise(50)), 2000))
		assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{}, data), "%q", magic)
	}
}

// sevenStarts are n beginnings of 7z archives with headers of size bytes.
func sevenStarts(n int, size uint64) []byte {
	h := le.AppendUint64(le.AppendUint64(nil, 0), size)
	h = le.AppendUint32(h, 0)
	start := slices.Concat([]byte(sevenMagic+"\x00\x04"), le.AppendUint32(nil, crc32.ChecksumIEEE(h)), h)
	return slices.Concat([]byte("x"), bytes.Repeat(start, n))
}

func rarStarts(n int) []byte {
	start := samples.OldRar()
	return slices.Concat([]byte("x"), bytes.Repeat(start[:min(len(start), 20)], n))
}

// TestDirectoriesOfZip: which directory of several counts, and so how a member is
// packed, depends on the program.
func TestDirectoriesOfZip(t *testing.T) {
	e := engine(t)
	packed := samples.Deflate(woven())
	good := rawMember{name: "eicar.com", data: packed, method: zipDeflate, packed: len(packed), size: len(woven())}
	other := rawMember{name: "other", data: text(100), packed: 100, size: 100}
	lying := good
	lying.method = zipStored
	var r, decoy raw
	first, second := r.local(other), r.local(lying)
	r.list(second, good)
	decoy.list(first, other)
	out, dir := len(r.out), len(r.dir)
	end := func(dir []byte, at, comment int) []byte {
		b := appendShorts([]byte(zipEndMagic), 0, 0, 1, 1)
		return appendShorts(appendLongs(b, uint32(len(dir)), uint32(at)), uint16(comment))
	}
	large := appendShorts(appendLongs([]byte("PK\x06\x06"), 44, 0), 45, 45)
	large = appendLongs(large, 0, 0, 1, 0, 1, 0, uint32(dir), 0, uint32(out), 0)
	locator := appendLongs([]byte("PK\x06\x07"), 0, uint32(out+dir+len(decoy.dir)), 0, 1)
	for name, data := range map[string][]byte{
		"where the record says, not right before it": slices.Concat(r.out, r.dir, decoy.dir, end(decoy.dir, out, 0)),
		"right before the record":                    slices.Concat(r.out, decoy.dir, r.dir, end(r.dir, out, 0)),
		"the record has another in its comment":      slices.Concat(r.out, r.dir, end(r.dir, out, 22), end(decoy.dir, out+dir, 7)),
		"the record for large archives": slices.Concat(r.out, r.dir, decoy.dir, large, locator,
			end(decoy.dir, out+dir, 0)),
		"the record for large archives, elsewhere": slices.Concat(r.out, r.dir, decoy.dir, large, text(30), locator,
			end(decoy.dir, out+dir, 0)),
	} {
		v := both(t, e, scanner.Object{Name: "a.zip"}, data)
		assert.Equal(t, "a.zip!eicar.com", v.Part, "%s: %+v", name, v)
	}
}

func TestZipMemberWithoutName(t *testing.T) {
	packed := samples.Deflate(woven())
	var r raw
	other := rawMember{name: "other", data: text(100), packed: 100, size: 100}
	r.list(r.local(other), other)
	r.local(rawMember{data: packed, method: zipDeflate, packed: len(packed), size: len(woven())})
	assert.Equal(t, found("a.zip"), both(t, engine(t), scanner.Object{Name: "a.zip"}, r.bytes()))
}

// TestTarGoesOn: behind damage and behind its end tar reads on, or can be told to.
func TestTarGoesOn(t *testing.T) {
	e := engine(t)
	evil := samples.Tar(samples.File{Name: "eicar.gz", Data: samples.Gzip(woven())})
	good := samples.Tar(samples.File{Name: "a", Data: text(100)})
	first := good[:2*tarBlock]
	for name, c := range map[string]struct {
		data []byte
		want scanner.Class
	}{
		"two archives":            {slices.Concat(good, evil), scanner.Clean},
		"zeros in front":          {slices.Concat(make([]byte, 3*tarBlock), evil), scanner.Clean},
		"a bad sum in front":      {slices.Concat(flip(first, 1), evil), scanner.Corrupt},
		"a bad sum in the middle": {slices.Concat(first, flip(first, 1), evil), scanner.Corrupt},
		"text in the middle":      {slices.Concat(first, text(tarBlock), evil), scanner.Corrupt},
		"two archives in gzip":    {samples.Gzip(slices.Concat(good, evil)), scanner.Clean},
	} {
		v := both(t, e, scanner.Object{Name: "a.tar"}, c.data)
		assert.Equal(t, "a.tar!eicar.gz", v.Part, name)
		assert.Equal(t, c.want == scanner.Corrupt, v.Findings.Has(scanner.Corrupt), name)
	}
	for n := range 4 {
		data := slices.Concat(make([]byte, n*tarBlock), text(3000))
		assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{}, data), fmt.Sprint(n, " blocks of zeros before text"))
	}
}
