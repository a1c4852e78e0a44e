package builtin

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

// with is an engine that knows the lines of files, by name.
func with(t require.TestingT, files map[string]string) *Engine {
	db := new(Database)
	for name, text := range files {
		require.NoError(t, db.Read(name, strings.NewReader(text)))
	}
	e, err := With(db)
	require.NoError(t, err)
	return e
}

func TestOwnSignatures(t *testing.T) {
	e := engine(t)
	for want, data := range map[scanner.Verdict][]byte{
		{Class: scanner.Virus, Name: "EICAR_TEST_FILE", Engine: Name}:             samples.EICAR(),
		{Class: scanner.Worm, Name: "Worm.Utmsim.Test", Engine: Name}:             samples.Worm(),
		{Class: scanner.Suspicious, Name: "Suspicious.Utmsim.Test", Engine: Name}: samples.Suspicious(),
	} {
		assert.Equal(t, want, both(t, e, scanner.Object{}, data))
		assert.Equal(t, want.Class, both(t, e, scanner.Object{}, samples.Gzip(data)).Class)
	}
	assert.Equal(t, "builtin own", e.Version())
}

func TestClassFromName(t *testing.T) {
	e := with(t, map[string]string{"a.ndb": "Worm.A:0:*:" + hex.EncodeToString([]byte("wriggles")) + "\nHeuristics.B:0:*:" + hex.EncodeToString([]byte("guesses"))})
	assert.Equal(t, scanner.Worm, both(t, e, scanner.Object{}, []byte("it wriggles")).Class)
	assert.Equal(t, scanner.Suspicious, both(t, e, scanner.Object{}, []byte("it guesses")).Class)
}

func TestBodySignatures(t *testing.T) {
	x := func(s string) string { return hex.EncodeToString([]byte(s)) }
	long := strings.Repeat("-", 3*chunkSize)
	for _, c := range []struct {
		name, offset, content string
		hits, misses          []string
	}{
		{"anywhere", "*", x("needle"), []string{"needle", "a needle.", long + "needle" + long}, []string{"needl", "Needle", ""}},
		{"upper case digits", "*", strings.ToUpper(x("needle\xab")), []string{"needle\xab"}, []string{"needle"}},
		{"at the start", "0", x("needle"), []string{"needle", "needle needle"}, []string{" needle"}},
		{"at a place", "3", x("needle"), []string{"a: needle"}, []string{"needle", "a needle", "ab: needle"}},
		{"at the end", "EOF-6", x("needle"), []string{"needle", long + "needle", "needle needle"}, []string{"needle ", "needles", "needl"}},
		{"before the end", "EOF-100", x("needle"), []string{"ab needle" + long[:94], long + "needle" + long[:94]}, []string{long + "needle" + long[:93], "needle"}},
		{"any byte", "*", x("need") + "??" + x("e"), []string{"needle", "need\x00e", "a need\nen"}, []string{"neede", "nee", "need"}},
		{"any bytes around", "*", "??" + x("need") + "????", []string{"xneedle", long + "needle"}, []string{"needle", "xneedl"}},
		{"gap", "*", x("first") + "*" + x("second"), []string{"first second", "firstsecond", "first" + long + "second", "second first second"}, []string{"second first", "firsecond"}},
		{"two gaps", "*", x("one.") + "*" + x("two.") + "*" + x("three"), []string{"one.two.three", "three two.one." + long + "two." + long + "three"}, []string{"one. three two.", "two. three"}},
		{"gaps do not overlap", "*", x("abcd") + "*" + x("cdef"), []string{"abcdcdef"}, []string{"abcdef"}},
		{"the same twice", "*", x("same") + "*" + x("same"), []string{"samesame", "same" + long + "same"}, []string{"same"}},
		{"gap from the start", "0", x("first") + "*" + x("second"), []string{"first" + long + "second"}, []string{" first second"}},
		{"gap and any byte", "*", x("fi") + "??" + x("st..") + "*" + x("second"), []string{"fast.. first.. second"}, []string{"fast.. second"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := with(t, map[string]string{"lab.ndb": fmt.Sprintf("# a comment\n\nLab.Test:0:%s:%s\n", c.offset, c.content)})
			for _, text := range c.hits {
				v := both(t, e, scanner.Object{}, []byte(text))
				assert.Equal(t, "Lab.Test", v.Name, "in %.40q", text)
				v = both(t, e, scanner.Object{}, samples.Zip(samples.File{Name: "f", Data: []byte(text)}))
				assert.Equal(t, "Lab.Test", v.Name, "in %.40q, zipped", text)
			}
			for _, text := range c.misses {
				v := both(t, e, scanner.Object{}, []byte(text))
				assert.Equal(t, scanner.Clean, v.Class, "in %.40q: %+v", text, v)
			}
		})
	}
}

// TestGapsAreFoundAnywhere compares signatures with gaps with a plain search,
// however the content is cut.
func TestGapsAreFoundAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]byte("ab"))
		var content []string
		var parts [][]byte
		for range rapid.IntRange(2, 4).Draw(t, "parts") {
			p := rapid.SliceOfN(letters, 4, 5).Draw(t, "part")
			parts, content = append(parts, p), append(content, hex.EncodeToString(p))
		}
		data := rapid.SliceOfN(letters, 0, 60).Draw(t, "data")
		want, rest := true, data
		for _, p := range parts {
			i := bytes.Index(rest, p)
			if want = i >= 0; !want {
				break
			}
			rest = rest[i+len(p):]
		}
		e := with(t, map[string]string{"x.ndb": "X:0:*:" + strings.Join(content, "*")})
		s := e.newScan(t.Context(), &scanner.Object{})
		defer s.release()
		for len(data) > 0 && s.stop == nil {
			n := rapid.IntRange(1, len(data)).Draw(t, "cut")
			s.sieve.feed(data[:n])
			data = data[n:]
		}
		if got := s.stop == errDetected; got != want {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}

func TestHashSignatures(t *testing.T) {
	data := text(100_000)
	m, s1, s2 := md5.Sum(data), sha1.Sum(data), sha256.Sum256(data)
	for name, lines := range map[string]string{
		"lab.hdb":   fmt.Sprintf("%x:%d:Lab.Hash\n", m, len(data)),
		"sha1.hsb":  fmt.Sprintf("%x:%d:Lab.Hash\n", s1, len(data)),
		"sha2.hsb":  fmt.Sprintf("%X:%d:Lab.Hash:51:255\n", s2, len(data)),
		"any.hsb":   fmt.Sprintf("%x:*:Lab.Hash:73\n", s2),
		"two.hsb":   fmt.Sprintf("%x:5:Lab.Hash\n%x:%d:Lab.Hash", s2, s2, len(data)),
		"mixed.hdb": fmt.Sprintf("%x:5:Other\n%x:%d:Lab.Hash\n", md5.Sum(nil), s2, len(data)),
	} {
		t.Run(name, func(t *testing.T) {
			e := with(t, map[string]string{name: lines})
			for place, inside := range map[string][]byte{
				"plain": data, "gzip": samples.Gzip(data), "zip": samples.Zip(samples.File{Name: "f", Data: data}),
				"stored": samples.StoredZip(samples.File{Name: "g", Data: text(10)}, samples.File{Name: "f", Data: data}),
			} {
				assert.Equal(t, "Lab.Hash", both(t, e, scanner.Object{}, inside).Name, place)
			}
			for _, other := range [][]byte{data[:len(data)-1], append(slices.Clone(data), ' '), flip(data, 7)} {
				assert.Equal(t, scanner.Clean, both(t, e, scanner.Object{}, other).Class)
				assert.Equal(t, scanner.Clean, both(t, e, scanner.Object{}, samples.Gzip(other)).Class)
			}
			assert.Equal(t, "Lab.Hash", both(t, e, scanner.Object{Encodings: []string{"gzip"}}, samples.Gzip(data)).Name)
			assert.Equal(t, "Lab.Hash", both(t, e, scanner.Object{Encodings: []string{"gzip", "zstd"}}, samples.Zstd(samples.Gzip(data))).Name)
		})
	}
	e := with(t, map[string]string{"x.hdb": fmt.Sprintf("%x:7:Lab.Hash", m)})
	assert.Equal(t, scanner.Clean, both(t, e, scanner.Object{}, data).Class, "of another size")
}

func TestRefusedSignatures(t *testing.T) {
	for _, c := range []struct{ file, line, want string }{
		{"a.ndb", "Name:0:*", "want name:target:offset:hex"},
		{"a.ndb", ":0:*:6e6565646c65", `signature name ""`},
		{"a.ndb", "a b:0:*:6e6565646c65", `signature name "a b"`},
		{"a.ndb", "N:1:*:6e6565646c65", `target type "1" is not supported`},
		{"a.ndb", "N:0:EP+0:6e6565646c65", `offset "EP+0" is not supported: want *, a number or EOF-n`},
		{"a.ndb", "N:0:SL+0:6e6565646c65", `offset "SL+0" is not supported`},
		{"a.ndb", "N:0:10,20:6e6565646c65", `offset "10,20" is not supported`},
		{"a.ndb", "N:0:VI:6e6565646c65", `offset "VI" is not supported`},
		{"a.ndb", "N:0:EOF-99999999:6e6565646c65", "n may be 1048576 at most"},
		{"a.ndb", "N:0:EOF-20:6e6565646c*6e6565646c65", "offset EOF-20 is not supported together with *"},
		{"a.ndb", "N:0:*:6e65", "pattern 0 has 2 bytes"},
		{"a.ndb", "N:0:*:6e6565??6c65", "no 4 bytes in a row without a wildcard"},
		{"a.ndb", "N:0:*:6e65656465*", "part 2 of the content is not supported"},
		{"a.ndb", "N:0:*:6e65656465{5-10}6e65656465", `content "{5" is not supported: want pairs of hex digits, ?? or *`},
		{"a.ndb", "N:0:*:6e65656465(aa|bb)6e65656465", "is not supported"},
		{"a.ndb", "N:0:*:6e65656465a?6e65656465", `content "a?" is not supported`},
		{"a.ndb", "N:0:*:6e65656465!(aa)", "is not supported"},
		{"a.ndb", "N:0:*:6e656564650", "is not supported"},
		{"a.ndb", "N:0:*:6e65656465:x", `functionality level "x"`},
		{"a.ndb", "N:0:*:6e65656465:1:2:3", "1 fields too many"},
		{"a.ndb", "N:0:*:" + strings.Repeat("6e", 5000), "has 5000 bytes: want 4 to 4096"},
		{"a.hdb", "zz:1:N", `digest "zz"`},
		{"a.hdb", "aabb:1:N", "digest of 2 bytes"},
		{"a.hsb", "44d88612fea8a8f36de82e1278abb02f:-1:N", `size "-1"`},
		{"a.hsb", "44d88612fea8a8f36de82e1278abb02f:1", "want digest:size:name"},
		{"a.hsb", "44d88612fea8a8f36de82e1278abb02f:1:", `signature name ""`},
	} {
		err := new(Database).Read(c.file, strings.NewReader("# first\n"+c.line+"\n"))
		require.Error(t, err, c.line)
		assert.True(t, strings.HasPrefix(err.Error(), c.file+":2: "), err.Error())
		assert.ErrorContains(t, err, c.want)
	}
	assert.ErrorContains(t, new(Database).Read("a.ldb", nil), "signature files end in .hdb, .hsb or .ndb")
	long := strings.NewReader("#\n" + strings.Repeat("6e", maxLine))
	assert.ErrorContains(t, new(Database).Read("a.ndb", long), "a.ndb:2: ")
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	ndb, hdb := filepath.Join(dir, "x.ndb"), filepath.Join(dir, "y.hdb")
	require.NoError(t, os.WriteFile(ndb, []byte("A:0:*:6e6565646c65\r\nB:0:*:6e6565646c6565"), 0o600))
	require.NoError(t, os.WriteFile(hdb, []byte("44d88612fea8a8f36de82e1278abb02f:68:C"), 0o600))
	db, err := Open(ndb, hdb)
	require.NoError(t, err)
	assert.Equal(t, 3, db.Len())
	again, err := Open(ndb, hdb)
	require.NoError(t, err)
	assert.Equal(t, db.Version(), again.Version())
	one, err := Open(ndb)
	require.NoError(t, err)
	assert.NotEqual(t, db.Version(), one.Version())
	_, err = Open(ndb, filepath.Join(dir, "missing.ndb"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	e, err := With(db)
	require.NoError(t, err)
	assert.Equal(t, scanner.Virus, both(t, e, scanner.Object{}, samples.EICAR()).Class)
}

func FuzzDatabase(f *testing.F) {
	f.Add("A:0:*:6e6565646c65*??6e6565646c65", []byte("needle needle"))
	f.Add("A:0:EOF-6:6e6565646c65:1:2", []byte("needle"))
	f.Add("44d88612fea8a8f36de82e1278abb02f:*:N:73", []byte("x"))
	f.Fuzz(func(t *testing.T, line string, data []byte) {
		for _, name := range []string{"f.ndb", "f.hdb"} {
			db := new(Database)
			if db.Read(name, strings.NewReader(line)) != nil {
				continue
			}
			e, err := With(db)
			require.NoError(t, err, "accepted and then refused")
			both(t, e, scanner.Object{}, data)
		}
	})
}
