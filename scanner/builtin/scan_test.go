package builtin

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func engine(t testing.TB) *Engine {
	e, err := New()
	require.NoError(t, err)
	return e
}

// both scans an object from one piece and from a reader, which must agree.
func both(t testing.TB, e *Engine, o scanner.Object, data []byte) scanner.Verdict {
	t.Helper()
	flat, read := o, o
	flat.Flat, flat.Size = data, int64(len(data))
	read.Body, read.Size = bytes.NewReader(data), int64(len(data))
	v, err := e.Scan(context.Background(), &flat)
	require.NoError(t, err)
	w, err := e.Scan(context.Background(), &read)
	require.NoError(t, err)
	require.Equal(t, v, w)
	return v
}

func found(part string) scanner.Verdict {
	return scanner.Verdict{Class: scanner.Virus, Name: "EICAR_TEST_FILE", Engine: "builtin", Part: part}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func text(n int) []byte {
	const line = "The quick brown fox jumps over the lazy dog, <b>again</b> and again {0: 1}.\r\n"
	return []byte(strings.Repeat(line, n/len(line)+1)[:n])
}

// around is EICAR with n bytes before and behind it.
func around(n int) []byte { return slices.Concat(text(n), samples.EICAR(), text(n)) }

// woven is EICAR behind a part of itself, so that a compressor which copies
// incompressible data as it is does not copy all of EICAR in one piece.
func woven() []byte { return slices.Concat(samples.EICAR()[20:50], text(300), samples.EICAR()) }

func bzip2EICAR(t *testing.T) []byte {
	// Standard library: no writer for bzip2. This is the test file packed with bzip2 -9.
	b, err := base64.StdEncoding.DecodeString(bzip2Sample)
	require.NoError(t, err)
	return b
}

func TestEicarIsFound(t *testing.T) {
	e := engine(t)
	eicar := samples.EICAR()
	file := func(data []byte) samples.File { return samples.File{Name: "eicar.com", Data: data} }
	other := samples.File{Name: "readme.txt", Data: text(5000)}
	for _, c := range []struct {
		name string
		data []byte
		part string
	}{
		{"alone", eicar, ""},
		{"inside a page", around(100_000), ""},
		{"across chunks", slices.Concat(text(chunkSize-30), eicar), ""},
		{"gzip", samples.Gzip(eicar), "obj"},
		{"gzip in gzip", samples.Gzip(samples.Gzip(eicar)), "obj"},
		{"two gzip members", slices.Concat(samples.Gzip(text(100)), samples.Gzip(eicar)), "obj"},
		{"split over gzip members", slices.Concat(samples.Gzip(eicar[:30]), samples.Gzip(eicar[30:])), "obj"},
		{"gzip with bytes behind", slices.Concat(samples.Gzip(eicar), make([]byte, 700)), "obj"},
		{"gzip members with zeros between", slices.Concat(samples.Gzip(text(100)), make([]byte, 2*chunkSize), samples.Gzip(eicar)), "obj"},
		{"zstd", samples.Zstd(woven()), "obj"},
		{"zstd behind a skippable frame", slices.Concat([]byte("\x51\x2a\x4d\x18\x02\x00\x00\x00ab"), samples.Zstd(woven())), "obj"},
		{"bzip2", bzip2EICAR(t), "obj"},
		{"zip", samples.Zip(other, file(eicar)), "obj!eicar.com"},
		{"stored zip", samples.StoredZip(other, file(samples.Gzip(eicar))), "obj!eicar.com"},
		{"zip behind a program", slices.Concat(noise(100_000), samples.Zip(other, file(eicar))), "obj!eicar.com"},
		{"zip with bytes behind", slices.Concat(samples.Zip(file(eicar)), text(100_000)), "obj!eicar.com"},
		{"zip in zip", samples.Zip(other, samples.File{Name: "b.zip", Data: samples.Zip(other, file(eicar))}), "obj!b.zip!eicar.com"},
		{"program with zip in gzip", samples.Gzip(slices.Concat(noise(chunkSize-2), samples.Zip(file(eicar)))), "obj!eicar.com"},
		{"tar", samples.Tar(other, file(samples.Gzip(eicar))), "obj!eicar.com"},
		{"tar gz", samples.Gzip(samples.Tar(other, file(samples.Gzip(eicar)))), "obj!eicar.com"},
		{"zip in tar", samples.Tar(other, samples.File{Name: "b.zip", Data: samples.Zip(file(eicar))}), "obj!b.zip!eicar.com"},
		{"zip behind a tar", slices.Concat(samples.Tar(other), samples.Zip(file(eicar))), "obj!eicar.com"},
		{"zip behind a gzipped tar", samples.Gzip(slices.Concat(samples.Tar(other), samples.Zip(file(eicar)))), "obj!eicar.com"},
		{"zip behind what only looks like gzip", slices.Concat([]byte("\x1f\x8b\x08\x00"), noise(500), samples.Zip(file(eicar))), "obj!eicar.com"},
		{"the same inside zstd", samples.Zstd(slices.Concat([]byte("\x1f\x8b\x08\x00"), noise(500), samples.Zip(file(eicar)))), "obj!eicar.com"},
		{"zip behind a gzip file", slices.Concat(samples.Gzip(text(100)), samples.Zip(file(eicar))), "obj!eicar.com"},
		{"twelve deep", samples.Nested(12, file(eicar)), "obj!11.zip!10.zip!9.zip!8.zip!7.zip!6.zip!5.zip!4.zip!3.zip!2.zip!1.zip!eicar.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := both(t, e, scanner.Object{Name: "obj"}, c.data)
			v.Findings = 0
			assert.Equal(t, found(c.part), v)
		})
	}
}

func TestCleanIsClean(t *testing.T) {
	e := engine(t)
	eicar := samples.EICAR()
	many := make([]samples.File, 3000)
	for i := range many {
		many[i] = samples.File{Name: fmt.Sprint(i), Data: text(i % 300)}
	}
	for name, data := range map[string][]byte{
		"empty":            nil,
		"text":             text(300_000),
		"noise":            noise(300_000),
		"zeros":            make([]byte, 300_000),
		"all but a byte":   eicar[:67],
		"halves apart":     slices.Concat(eicar[:34], []byte{0}, eicar[34:]),
		"gzip":             samples.Gzip(text(300_000)),
		"empty gzip":       samples.Gzip(nil),
		"zstd":             samples.Zstd(noise(300_000)),
		"empty zip":        samples.Zip(),
		"zip of empties":   samples.Zip(samples.File{Name: "a"}, samples.File{Name: "b/"}),
		"zip":              samples.Zip(many...),
		"stored zip":       samples.StoredZip(many...),
		"large stored":     samples.StoredZip(samples.File{Name: "a", Data: noise(500_000)}, samples.File{Name: "b", Data: noise(500_000)}),
		"nested stored":    samples.StoredZip(samples.File{Name: "a", Data: samples.StoredZip(samples.File{Name: "b", Data: samples.StoredZip(many...)})}),
		"tar":              samples.Tar(many...),
		"tar gz":           samples.Gzip(samples.Tar(many...)),
		"program with zip": slices.Concat(noise(100_000), samples.Zip(many...)),
		"nearly bzip2":     []byte("BZh is how it begins"),
		"zip magic alone":  slices.Concat(noise(1000), zipMagic, noise(1000)),
		"zip magics":       slices.Concat(text(10), bytes.Repeat(zipMagic, 10_000)),
		"page about zip":   slices.Concat(text(1000), zipMagic, []byte("\x14\x00\x00\x00\x08\x00")),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{Name: "obj"}, data))
		})
	}
}

func TestContentCodings(t *testing.T) {
	e := engine(t)
	page := slices.Concat(text(40_000), woven(), text(40_000))
	for _, c := range []struct {
		codings []string
		data    []byte
	}{
		{[]string{"gzip"}, samples.Gzip(page)},
		{[]string{"X-GZIP "}, samples.Gzip(page)},
		{[]string{"identity", "gzip", ""}, samples.Gzip(page)},
		{[]string{"deflate"}, samples.Zlib(page)},
		{[]string{"deflate"}, samples.Deflate(page)},
		{[]string{"br"}, samples.Brotli(page)},
		{[]string{"zstd"}, samples.Zstd(page)},
		{[]string{"gzip", "br"}, samples.Brotli(samples.Gzip(page))},
		{[]string{"deflate", "zstd"}, samples.Zstd(samples.Deflate(page))},
		{[]string{"deflate", "deflate", "gzip"}, samples.Gzip(samples.Zlib(samples.Deflate(page)))},
	} {
		t.Run(strings.Join(c.codings, ","), func(t *testing.T) {
			require.False(t, bytes.Contains(c.data, samples.EICAR()))
			assert.Equal(t, found(""), both(t, e, scanner.Object{Name: "obj", Encodings: c.codings}, c.data))
		})
	}
}

func TestTooManyContentCodings(t *testing.T) {
	codings := make([]string, maxCodings)
	data := woven()
	for i := range codings {
		codings[i] = "gzip"
		data = samples.Gzip(data)
	}
	e := engine(t)
	assert.Equal(t, found(""), both(t, e, scanner.Object{Encodings: codings}, data))
	v := both(t, e, scanner.Object{Encodings: append(codings, "gzip")}, samples.Gzip(data))
	assert.Equal(t, scanner.Nested, v.Class)
}

func TestArchiveUnderContentCoding(t *testing.T) {
	e := engine(t)
	zip := samples.Zip(samples.File{Name: "eicar.com", Data: samples.EICAR()})
	o := scanner.Object{Name: "a.zip", Encodings: []string{"gzip"}, Limits: scanner.Limits{Nest: 1}}
	assert.Equal(t, found("a.zip!eicar.com"), both(t, e, o, samples.Gzip(zip)))
}

func TestUntrueContentCoding(t *testing.T) {
	e := engine(t)
	zip := samples.Zip(samples.File{Name: "eicar.com", Data: samples.EICAR()})
	for _, coding := range []string{"gzip", "br", "deflate", "zstd", "compress"} {
		v := both(t, e, scanner.Object{Name: "a.zip", Encodings: []string{coding}}, zip)
		assert.Equal(t, "a.zip!eicar.com", v.Part, coding)
		v = both(t, e, scanner.Object{Encodings: []string{coding}}, samples.EICAR())
		assert.Equal(t, found(""), v, coding)
		v = both(t, e, scanner.Object{Encodings: []string{coding}}, text(1000))
		want := scanner.Corrupt
		if coding == "compress" {
			want = scanner.Unhandled
		}
		assert.Equal(t, want, v.Class, coding)
		assert.Contains(t, v.Name, "content coding", coding)
		assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{Encodings: []string{coding}}, nil), coding)
	}
}

// TestPartlyUntrueContentCodings: of several codings a client may mind but one.
func TestPartlyUntrueContentCodings(t *testing.T) {
	e := engine(t)
	for coding, pack := range map[string]func([]byte) []byte{"br": samples.Brotli, "deflate": samples.Deflate} {
		for _, untrue := range []string{"gzip", "compress"} {
			v := both(t, e, scanner.Object{Encodings: []string{coding, untrue}}, pack(woven()))
			assert.Equal(t, scanner.Virus, v.Class, "%s, %s", coding, untrue)
		}
	}
}

func TestCutContentIsScannedAsFarAsItGoes(t *testing.T) {
	e := engine(t)
	for coding, pack := range map[string]func([]byte) []byte{
		"gzip": samples.Gzip, "deflate": samples.Zlib, "br": samples.Brotli, "zstd": samples.Zstd,
	} {
		whole := pack(slices.Concat(woven(), noise(200_000)))
		cut := whole[:len(whole)-1000]
		assert.Equal(t, found(""), both(t, e, scanner.Object{Encodings: []string{coding}}, cut), coding)
		whole = pack(noise(200_000))
		v := both(t, e, scanner.Object{Encodings: []string{coding}}, whole[:len(whole)-1000])
		assert.Equal(t, scanner.Corrupt, v.Class, coding)
	}
}

func TestArchiveVerdicts(t *testing.T) {
	e := engine(t)
	file := samples.File{Name: "f", Data: text(5000)}
	zip := samples.Zip(file)
	gz := samples.Gzip(noise(50_000))
	tar := samples.Tar(file, file)
	badTar := slices.Clone(tar)
	badTar[5632+100] ^= 0xff // in the second header
	for _, c := range []struct {
		name   string
		data   []byte
		limits scanner.Limits
		class  scanner.Class
		part   string
	}{
		{"cut gzip", gz[:len(gz)-4000], scanner.Limits{}, scanner.Corrupt, ""},
		{"wrong checksum", flip(gz, len(gz)-6), scanner.Limits{}, scanner.Corrupt, ""},
		{"cut zip", zip[:len(zip)/2], scanner.Limits{}, scanner.Corrupt, ""},
		{"damaged tar", badTar, scanner.Limits{}, scanner.Corrupt, ""},
		{"cut gzip of a tar", cut(samples.Gzip(samples.Tar(samples.File{Name: "x", Data: noise(9000)})), 2000), scanner.Limits{}, scanner.Corrupt, ""},
		{"encrypted", encryptedZip(zip), scanner.Limits{}, scanner.Encrypted, "obj!f"},
		{"nested", samples.Nested(3, file), scanner.Limits{Nest: 2}, scanner.Nested, "obj!2.zip!1.zip"},
		{"not nested", samples.Nested(3, file), scanner.Limits{Nest: 3}, scanner.Clean, ""},
		{"nested gzip", samples.Gzip(samples.Gzip(text(10))), scanner.Limits{Nest: 1}, scanner.Nested, "obj"},
		{"just enough", samples.Gzip(text(1000)), scanner.Limits{Uncompressed: 1000}, scanner.Clean, ""},
		{"oversize", samples.Gzip(text(1001)), scanner.Limits{Uncompressed: 1000}, scanner.Oversize, "obj"},
		{"oversize together", samples.Zip(file, file), scanner.Limits{Uncompressed: 9999}, scanner.Oversize, "obj!f"},
		{"no xz", []byte("\xfd7zXZ\x00..."), scanner.Limits{}, scanner.Corrupt, ""},
		{"cut xz", cut(samples.Xz(noise(5000)), 1000), scanner.Limits{}, scanner.Corrupt, ""},
		{"wrong checksum in xz", flip(samples.Xz(noise(5000)), 5020), scanner.Limits{}, scanner.Corrupt, ""},
		{"cut bzip2", cut(samples.Bzip2(noise(5000)), 1000), scanner.Limits{}, scanner.Corrupt, ""},
		{"no 7z inside", samples.Zip(samples.File{Name: "x.7z", Data: []byte("7z\xbc\xaf\x27\x1c...")}), scanner.Limits{}, scanner.Corrupt, "obj!x.7z"},
		{"cut 7z", cut(samples.SevenZip(file), 10), scanner.Limits{}, scanner.Corrupt, ""},
		{"damaged 7z", flip(samples.StoredSevenZip(file), 40), scanner.Limits{}, scanner.Corrupt, "obj!f"},
		{"encrypted 7z", samples.LockedSevenZip(file), scanner.Limits{}, scanner.Encrypted, "obj!f"},
		{"encrypted 7z in a tar", samples.Tar(samples.File{Name: "x.7z", Data: samples.LockedSevenZip(file)}), scanner.Limits{}, scanner.Encrypted, "obj!x.7z!f"},
		{"nested 7z", samples.SevenZip(samples.File{Name: "i.7z", Data: samples.SevenZip(file)}), scanner.Limits{Nest: 1}, scanner.Nested, "obj!i.7z"},
		{"damaged rar", flip(samples.Rar(file), 60), scanner.Limits{}, scanner.Corrupt, "obj!f"},
		{"cut rar", cut(samples.Rar(file), 1000), scanner.Limits{}, scanner.Corrupt, "obj!f"},
		{"damaged old rar", flip(samples.OldRar(file), 80), scanner.Limits{}, scanner.Corrupt, "obj!f"},
		{"encrypted rar", samples.LockedRar(file), scanner.Limits{}, scanner.Encrypted, "obj!f"},
		{"nested rar", samples.Rar(samples.File{Name: "i.rar", Data: samples.OldRar(file)}), scanner.Limits{Nest: 1}, scanner.Nested, "obj!i.rar"},
		{"locked zip", samples.LockedZip("lab", file), scanner.Limits{}, scanner.Encrypted, "obj!f"},
		{"corrupt zip", samples.CorruptZip(file), scanner.Limits{}, scanner.Corrupt, "obj!f"},
		{"thirteen levels", samples.Nested(13, file), scanner.Limits{}, scanner.Nested, "obj" + levels(12, 1)},
		{"twelve levels", samples.Nested(12, file), scanner.Limits{}, scanner.Clean, ""},
		{"first part of a split zip", slices.Concat([]byte("PK\x07\x08"), zip[:len(zip)/2]), scanner.Limits{}, scanner.Unhandled, ""},
		{"last part of a split zip", lastPart(zip), scanner.Limits{}, scanner.Unhandled, ""},
		{"lzma member", zipWithMethod(zip, 14), scanner.Limits{}, scanner.Unhandled, "obj!f"},
		{"zstd with a huge window", []byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"), scanner.Limits{}, scanner.Oversize, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := both(t, e, scanner.Object{Name: "obj", Limits: c.limits}, c.data)
			assert.Equal(t, c.class.String(), v.Class.String(), v.Name)
			assert.Equal(t, c.part, v.Part)
			if c.class != scanner.Clean {
				assert.True(t, v.Findings.Has(c.class))
				assert.NotEmpty(t, v.Name)
				assert.Equal(t, "builtin", v.Engine)
			}
		})
	}
}

// levels is the path through the archives of samples.Nested from one to another.
func levels(from, to int) (path string) {
	for i := from; i >= to; i-- {
		path += fmt.Sprintf("!%d.zip", i)
	}
	return path
}

func TestFindingsAreAllKept(t *testing.T) {
	e := engine(t)
	data := samples.Zip(
		samples.File{Name: "locked.zip", Data: encryptedZip(samples.Zip(samples.File{Name: "f", Data: text(10)}))},
		samples.File{Name: "bomb.gz", Data: samples.Bomb(20 << 20)},
	)
	v := both(t, e, scanner.Object{}, data)
	assert.Equal(t, scanner.Encrypted, v.Class)
	assert.Equal(t, "locked.zip!f", v.Part)
	assert.Equal(t, scanner.SetOf(scanner.Encrypted, scanner.Oversize), v.Findings)
}

func TestDetectionBeatsWhatWasNotedBefore(t *testing.T) {
	e := engine(t)
	data := samples.Tar(
		samples.File{Name: "locked.zip", Data: encryptedZip(samples.Zip(samples.File{Name: "f", Data: text(10)}))},
		samples.File{Name: "eicar.gz", Data: samples.Gzip(samples.EICAR())},
		samples.File{Name: "bomb.gz", Data: samples.Bomb(20 << 20)},
	)
	v := both(t, e, scanner.Object{}, data)
	assert.Equal(t, scanner.Virus, v.Class)
	assert.Equal(t, "eicar.gz", v.Part)
	assert.True(t, v.Findings.Has(scanner.Encrypted))
}

func TestNamesAreFitForLogs(t *testing.T) {
	e := engine(t)
	name := "a\n\x1b[31m\xff" + strings.Repeat("é", 200)
	v := both(t, e, scanner.Object{}, samples.Zip(samples.File{Name: name, Data: samples.EICAR()}))
	assert.Equal(t, "a__[31m_"+strings.Repeat("é", 96), v.Part)
}

// bombs are objects that would cost far more than they weigh.
var bombs = sync.OnceValue(func() map[string][]byte {
	const size = 12 << 20 // more than the default limit of 10 MB
	zero := samples.Bomb(size)
	members := make([]samples.File, 10_500)
	for i := range members {
		members[i].Name = fmt.Sprint(i)
	}
	return map[string][]byte{
		"gzip":            zero,
		"gzip of gzip":    samples.Gzip(zero),
		"zip":             samples.Zip(samples.File{Name: "z", Data: make([]byte, size)}),
		"zstd":            samples.Zstd(make([]byte, size)),
		"many members":    samples.Zip(members...),
		"many tar files":  samples.Tar(members...),
		"many gzips":      bytes.Repeat(samples.Gzip(nil), 10_500),
		"overlapping zip": overlappingZip(9000),
		"bzip2 members":   bzip2Members(2000),
		"bzip2":           samples.Bzip2(make([]byte, size)),
		"xz":              samples.Xz(make([]byte, size)),
		"xz streams":      bytes.Repeat(samples.Xz([]byte("x")), 10_500),
		"7z":              samples.SevenZip(samples.File{Name: "z", Data: make([]byte, size)}),
		"7z of 7z":        samples.SevenZip(samples.File{Name: "z", Data: samples.SevenZip(samples.File{Name: "z", Data: make([]byte, size)})}),
		"7z files":        samples.StoredSevenZip(members...),
		"7z dictionaries": samples.Tar(slices.Repeat([]samples.File{{Name: "z", Data: sevenWithDictionary(maxDictionary)}}, 1000)...),
		"rar files":       samples.Rar(members...),
		"7z starts":       sevenStarts(20_000, 1<<18),
		"rar starts":      rarStarts(20_000),
		"header after header": slices.Concat(zipMagic, bytes.Repeat(
			[]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), 30_000)),
	}
})

func TestBombsEndSoon(t *testing.T) {
	e := engine(t)
	for name, data := range bombs() {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			v, err := e.Scan(context.Background(), &scanner.Object{Flat: data, Size: int64(len(data))})
			t.Logf("%d bytes, %s: %s in %s", len(data), v.Class, v.Name, time.Since(start))
			require.NoError(t, err)
			assert.True(t, v.Findings.Has(scanner.Oversize), "%+v", v)
		})
	}
}

func BenchmarkBombs(b *testing.B) {
	e := engine(b)
	for name, data := range bombs() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Scan(context.Background(), &scanner.Object{Flat: data}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endingReader cancels a context after some reads.
type endingReader struct {
	io.ReaderAt
	left   int
	cancel func()
}

func (r *endingReader) ReadAt(p []byte, off int64) (int, error) {
	if r.left--; r.left == 0 {
		r.cancel()
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestScanEndsWithItsContext(t *testing.T) {
	e := engine(t)
	for name, data := range map[string][]byte{"plain": text(10 << 20), "gzip": samples.Gzip(noise(5 << 20))} {
		for _, reads := range []int{1, 3, 100} {
			ctx, cancel := context.WithCancel(context.Background())
			r := &endingReader{bytes.NewReader(data), reads, cancel}
			_, err := e.Scan(ctx, &scanner.Object{Body: r, Size: int64(len(data))})
			assert.ErrorIs(t, err, context.Canceled, name)
			assert.GreaterOrEqual(t, r.left, -1, "%s: reads went on", name)
			cancel()
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := e.Scan(ctx, &scanner.Object{Flat: text(10)})
	assert.ErrorIs(t, err, context.Canceled)
}

type brokenReader struct {
	io.ReaderAt
	from int64
	err  error
}

func (r brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.from {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(p, off)
}

func TestABodyThatCanNotBeReadHasNoVerdict(t *testing.T) {
	e := engine(t)
	broken := errors.New("spool gone")
	data := text(200_000)
	_, err := e.Scan(context.Background(), &scanner.Object{Body: brokenReader{bytes.NewReader(data), chunkSize, broken}, Size: 200_000})
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "reading the object")
	_, err = e.Scan(context.Background(), &scanner.Object{Body: bytes.NewReader(data), Size: 200_001})
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}
