package builtin

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wrappers put content into a container in every way a builder knows.
var wrappers = map[string]func(t *rapid.T, data []byte) []byte{
	"gzip": func(_ *rapid.T, data []byte) []byte { return samples.Gzip(data) },
	"zstd": func(_ *rapid.T, data []byte) []byte { return samples.Zstd(data) },
	"zip":  func(t *rapid.T, data []byte) []byte { return samples.Zip(siblings(t, data)...) },
	"stored zip": func(t *rapid.T, data []byte) []byte {
		return samples.StoredZip(siblings(t, data)...)
	},
	"zip behind a program": func(t *rapid.T, data []byte) []byte {
		return slices.Concat(noise(rapid.IntRange(1, 70_000).Draw(t, "prefix")), samples.Zip(siblings(t, data)...))
	},
	"tar":       func(t *rapid.T, data []byte) []byte { return samples.Tar(siblings(t, data)...) },
	"xz":        func(_ *rapid.T, data []byte) []byte { return samples.Xz(data) },
	"bzip2":     func(_ *rapid.T, data []byte) []byte { return samples.Bzip2(data) },
	"7z":        func(t *rapid.T, data []byte) []byte { return samples.SevenZip(siblings(t, data)...) },
	"stored 7z": func(t *rapid.T, data []byte) []byte { return samples.StoredSevenZip(siblings(t, data)...) },
	"rar":       func(t *rapid.T, data []byte) []byte { return samples.Rar(siblings(t, data)...) },
	"old rar":   func(t *rapid.T, data []byte) []byte { return samples.OldRar(siblings(t, data)...) },
}

func siblings(t *rapid.T, data []byte) []samples.File {
	files := []samples.File{{Name: "x", Data: data}}
	for range rapid.IntRange(0, 2).Draw(t, "before") {
		files = slices.Insert(files, 0, samples.File{Name: "b", Data: text(rapid.IntRange(0, 3000).Draw(t, "size"))})
	}
	for range rapid.IntRange(0, 2).Draw(t, "behind") {
		files = append(files, samples.File{Name: "a", Data: noise(rapid.IntRange(0, 3000).Draw(t, "size"))})
	}
	return files
}

var wrapperNames = []string{"gzip", "zstd", "zip", "stored zip", "zip behind a program", "tar", "xz", "bzip2", "7z", "stored 7z", "rar", "old rar"}

// TestAnyNestingIsSeenThrough: whatever is packed into whatever, the test file is
// found, and without it nothing is found wrong.
func TestAnyNestingIsSeenThrough(t *testing.T) {
	e := engine(t)
	rapid.Check(t, func(t *rapid.T) {
		infected := rapid.Bool().Draw(t, "infected")
		data := text(500)
		if infected {
			data = woven()
		}
		for _, w := range rapid.SliceOfN(rapid.SampledFrom(wrapperNames), 0, 7).Draw(t, "wrappers") {
			data = wrappers[w](t, data)
		}
		o := scanner.Object{Body: bytes.NewReader(data), Size: int64(len(data))}
		v, err := e.Scan(context.Background(), &o)
		if err != nil {
			t.Fatal(err)
		}
		want := scanner.Clean
		if infected {
			want = scanner.Virus
		}
		if v.Class != want || v.Findings != 0 {
			t.Fatalf("%+v", v)
		}
	})
}

// counting counts the bytes read from a body.
type counting struct {
	io.ReaderAt
	n atomic.Int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n.Add(int64(n))
	return n, err
}

func TestBombsStayWithinTheirWork(t *testing.T) {
	e := engine(t)
	for name, data := range bombs() {
		size := int64(len(data))
		body := &counting{ReaderAt: bytes.NewReader(data)}
		v, err := e.Scan(context.Background(), &scanner.Object{Body: body, Size: size})
		require.NoError(t, err)
		assert.True(t, v.Findings.Has(scanner.Oversize), name)
		assert.Less(t, body.n.Load(), size+workBudget(size, scanner.DefaultUncompressed)+chunkSize, name)
	}
}

var fuzzCodings = [][]string{nil, {"gzip"}, {"deflate"}, {"br"}, {"zstd"}, {"deflate", "gzip"}, {"nonsense"}}

func FuzzScan(f *testing.F) {
	e := engine(f)
	file := samples.File{Name: "f", Data: text(300)}
	infected := samples.File{Name: "eicar.com", Data: samples.EICAR()}
	for i, data := range [][]byte{
		samples.EICAR(), samples.Gzip(file.Data), samples.Deflate(file.Data), samples.Brotli(file.Data),
		samples.Zstd(file.Data), samples.Gzip(samples.Zlib(file.Data)), text(100),
	} {
		f.Add(data, uint8(i))
	}
	for _, data := range [][]byte{
		samples.Zip(file, infected), samples.StoredZip(file, file), samples.Tar(file, infected), samples.Nested(3, file),
		samples.Gzip(samples.Tar(file)), encryptedZip(samples.Zip(file)), overlappingZip(5), bzip2Members(2),
		samples.Xz(file.Data), slices.Concat(samples.Xz(nil), samples.Xz(file.Data)), samples.Bzip2(file.Data),
		samples.SevenZip(file, infected), samples.StoredSevenZip(file), samples.LockedSevenZip(file), samples.Rar(file, infected),
		samples.LockedRar(file), samples.OldRar(file, infected), samples.LockedZip("lab", file),
		slices.Concat(text(50), samples.Zip(file)), slices.Concat(samples.Gzip(nil), samples.Gzip(file.Data)),
	} {
		f.Add(data, uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, coding uint8) {
		o := scanner.Object{Name: "o", Encodings: fuzzCodings[int(coding)%len(fuzzCodings)]}
		o.Limits = scanner.Limits{Uncompressed: 1 << 20, Nest: 4}
		v := both(t, e, o, data)
		if bytes.Contains(data, samples.EICAR()) {
			assert.Equal(t, found(""), v)
		}

		o.Flat = data
		s := e.newScan(context.Background(), &o)
		s.object(&o)
		assert.GreaterOrEqual(t, s.left, int64(0))
		if s.left == 0 || s.work < 0 || s.members < 0 {
			assert.True(t, s.verdict.Findings.Has(scanner.Oversize) || s.stop == errDetected || s.left == 0)
		}
		s.release()
	})
}

func TestSmallCleanObjectCostsNoAllocation(t *testing.T) {
	e := engine(t)
	o := scanner.Object{Name: "a.html", Flat: text(1024)}
	ctx := context.Background()
	scan := func() {
		if v, err := e.Scan(ctx, &o); err != nil || v.Class != scanner.Clean {
			t.Fatal(v, err)
		}
	}
	scan()
	if !raceEnabled {
		assert.Zero(t, testing.AllocsPerRun(100, scan))
	}
}

func BenchmarkScan(b *testing.B) {
	e := engine(b)
	for _, c := range []struct {
		name string
		body bool
		obj  scanner.Object
		data []byte
		of   int // bytes the rate is about
	}{
		{"plain 1KiB flat", false, scanner.Object{}, text(1 << 10), 1 << 10},
		{"plain 1MiB flat", false, scanner.Object{}, text(1 << 20), 1 << 20},
		{"noise 1MiB flat", false, scanner.Object{}, noise(1 << 20), 1 << 20},
		{"plain 1MiB body", true, scanner.Object{}, text(1 << 20), 1 << 20},
		{"gzip of 1MiB text", false, scanner.Object{}, samples.Gzip(mixed(1 << 20)), 1 << 20},
		{"gzip coding of 1MiB text", false, scanner.Object{Encodings: []string{"gzip"}}, samples.Gzip(mixed(1 << 20)), 1 << 20},
		{"br coding of 1MiB text", false, scanner.Object{Encodings: []string{"br"}}, samples.Brotli(mixed(1 << 20)), 1 << 20},
		{"zstd coding of 1MiB text", false, scanner.Object{Encodings: []string{"zstd"}}, samples.Zstd(mixed(1 << 20)), 1 << 20},
		{"zip of 16 x 64KiB text", false, scanner.Object{}, samples.Zip(sixteen()...), 1 << 20},
		{"stored zip of 16 x 64KiB text", false, scanner.Object{}, samples.StoredZip(sixteen()...), 1 << 20},
		{"gzip of 1KiB text", false, scanner.Object{}, samples.Gzip(text(1 << 10)), 1 << 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := c.obj
			o.Size = int64(len(c.data))
			if o.Flat = c.data; c.body {
				o.Flat, o.Body = nil, bytes.NewReader(c.data)
			}
			b.SetBytes(int64(c.of))
			b.ReportAllocs()
			for b.Loop() {
				if v, err := e.Scan(context.Background(), &o); err != nil || v.Class != scanner.Clean {
					b.Fatal(v, err)
				}
			}
		})
	}
}

// mixed is text that compresses about as well as a page does, some five to one.
func mixed(n int) []byte {
	b, r := text(n), noise(n)
	for i := range b {
		if r[i] < 20 {
			b[i] = 'a' + r[i]
		}
	}
	return b
}

func sixteen() []samples.File {
	files := make([]samples.File, 16)
	for i := range files {
		files[i] = samples.File{Name: "f", Data: mixed(64 << 10)}
	}
	return files
}
