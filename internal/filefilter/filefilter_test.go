package filefilter

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustCompile(t testing.TB, rules ...Rule) *List {
	t.Helper()
	l, err := Compile(rules)
	require.NoError(t, err)
	return l
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.exe", "setup.exe", true},
		{"*.exe", "SETUP.EXE", true},
		{"*.exe", "setup.exe.txt", false},
		{"*.exe", "setup.exe. .", true},
		{"*.exe", "exe", false},
		{"*.e?e", "a.eée", true},
		{"*.*", "README", true},
		{"*", "README", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"eicar.com", "eicar.com", true},
		{"eicar.com", "my eicar.com", false},
		{"*.ДОК", "письмо.док", true},
		{"**", "x", true},
		{"?", "", false},
	} {
		d, ok := mustCompile(t, Rule{Pattern: c.pattern}).ByName([]string{c.name})
		assert.Equal(t, c.want, ok, "%q fits %q", c.pattern, c.name)
		if ok {
			assert.Equal(t, Decision{Block, c.pattern}, d)
		}
	}
}

func TestFirstRuleCounts(t *testing.T) {
	l := mustCompile(t, Rule{Pattern: "readme*", Action: Allow}, Rule{Pattern: "*.log", Action: Exempt},
		Rule{Type: EXE}, Rule{Pattern: "*.txt"}, Rule{Type: Zip, Action: Exempt})
	assert.True(t, l.NeedsType())
	for _, c := range []struct {
		names []string
		typ   Type
		want  Decision
		early bool // the name is enough
	}{
		{[]string{"readme.txt"}, EXE, Decision{Allow, "readme*"}, true},
		{[]string{"a.log"}, EXE, Decision{Exempt, "*.log"}, true},
		{[]string{"a.txt"}, Unknown, Decision{Block, "*.txt"}, false},
		{[]string{"a.txt"}, EXE, Decision{Block, "exe"}, false},
		{[]string{"a.bin"}, Zip, Decision{Exempt, "zip"}, false},
		{nil, EXE, Decision{Block, "exe"}, false},
		{nil, Unknown, Decision{Allow, ""}, false},
		{[]string{"a.bin"}, Unknown, Decision{Allow, ""}, false},
		{[]string{"a.log", "a.exe"}, Zip, Decision{Exempt, "zip"}, false},
		{[]string{"a.bin", "a.txt"}, Zip, Decision{Block, "*.txt"}, false},
	} {
		assert.Equal(t, c.want, l.Decide(c.names, c.typ), "%v %v", c.names, c.typ)
		d, ok := l.ByName(c.names)
		assert.Equal(t, c.early, ok, "%v", c.names)
		if ok {
			assert.Equal(t, c.want, d)
		}
	}
	assert.False(t, mustCompile(t, Rule{Pattern: "*"}).NeedsType())
}

func TestWrongRules(t *testing.T) {
	_, err := Compile([]Rule{{Pattern: "*"}, {}})
	assert.EqualError(t, err, "rule 2: the pattern is empty")
	_, err = Compile([]Rule{{Type: types}})
	assert.EqualError(t, err, "rule 1: there is no such type")
}

func TestPatternIsItsExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[abÄ*?]{1,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abäB]{0,12}`).Draw(t, "name")
		l, err := Compile([]Rule{{Pattern: pattern}})
		require.NoError(t, err)
		_, got := l.ByName([]string{name})
		expr := strings.NewReplacer("*", ".*", "?", ".").Replace(pattern)
		assert.Equal(t, regexp.MustCompile("(?i:^"+expr+"$)").MatchString(name), got)
	})
}

// archive writes a zip file with these names.
func archive(t *testing.T, names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		f, err := w.Create(n)
		require.NoError(t, err)
		_, err = io.WriteString(f, "content")
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func written(t *testing.T, write func(io.Writer) error) []byte {
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.Bytes()
}

// Contents of the types, made by others or as their formats say.
func TestTypes(t *testing.T) {
	picture := image.NewRGBA(image.Rect(0, 0, 2, 2))
	pe := append([]byte("MZ"), make([]byte, 200)...)
	pe[0x3c] = 0x80
	copy(pe[0x80:], "PE\x00\x00")
	samples := map[Type][]byte{
		SevenZip:  []byte("7z\xbc\xaf\x27\x1c\x00\x04"),
		AVI:       []byte("RIFF\x00\x00\x00\x00AVI LIST\x00\x00\x00\x00"),
		BMP:       []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"),
		Bzip2:     []byte("BZh91AY&SY"),
		Cab:       []byte("MSCF\x00\x00\x00\x00"),
		CHM:       []byte("ITSF\x03\x00\x00\x00\x60\x00\x00\x00"),
		Class:     []byte("\xca\xfe\xba\xbe\x00\x00\x00\x37"),
		EXE:       pe,
		FLAC:      []byte("fLaC\x00\x00\x00\x22"),
		HTML:      []byte("<!DOCTYPE html><html>"),
		MachO:     []byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"),
		MOV:       []byte("\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00"),
		MP3:       []byte("ID3\x03\x00\x00\x00\x00\x00\x0bTIT2\x00\x00\x00\x01\x00\x00a"),
		MPEG:      []byte("\x00\x00\x01\xba\x21\x00"),
		MSOffice:  append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 600)...),
		MSOfficeX: archive(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml"),
		PDF:       []byte("%PDF-1.7\n"),
		RAR:       []byte("Rar!\x1a\x07\x01\x00"),
		RM:        []byte(".RMF\x00\x00\x00\x12"),
		TIFF:      []byte("II*\x00\x08\x00\x00\x00"),
		Torrent:   []byte("d8:announce35:http://tracker.example/announce"),
		WAV:       []byte("RIFF\x00\x00\x00\x00WAVEfmt "),
		WMA:       []byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
		XAR:       []byte("xar!\x00\x1c\x00\x01"),
		XZ:        []byte("\xfd7zXZ\x00\x00\x04"),
		Zip:       archive(t, "a.txt"),
		Unknown:   []byte("some text"),
		JPEG:      written(t, func(w io.Writer) error { return jpeg.Encode(w, picture, nil) }),
		PNG:       written(t, func(w io.Writer) error { return png.Encode(w, picture) }),
		GIF:       written(t, func(w io.Writer) error { return gif.Encode(w, picture, nil) }),
		Gzip: written(t, func(w io.Writer) error {
			z := gzip.NewWriter(w)
			if _, err := io.WriteString(z, "x"); err != nil {
				return err
			}
			return z.Close()
		}),
		Tar: written(t, func(w io.Writer) error {
			z := tar.NewWriter(w)
			if err := z.WriteHeader(&tar.Header{Name: "a", Size: 0, Mode: 0o600}); err != nil {
				return err
			}
			return z.Close()
		}),
		ELF: append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...),
	}
	for typ := Unknown; typ < types; typ++ {
		head, ok := samples[typ]
		require.True(t, ok, "no sample of %s", typ)
		assert.Equal(t, typ, Detect(head), "%s", typ)
		named, ok := Named(typ.String())
		assert.True(t, ok)
		assert.Equal(t, typ, named)
	}
	assert.Equal(t, Unknown, Detect(nil))
	assert.Equal(t, Zip, Detect(archive(t, "META-INF/MANIFEST.MF", "A.class")), "a program for Java is a zip file")
	_, ok := Named("none")
	assert.False(t, ok)
}

// The program that runs this test, as this machine has it.
func TestOwnProgram(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	f, err := os.Open(filepath.Clean(path))
	require.NoError(t, err)
	defer f.Close()
	head := make([]byte, HeadLength)
	_, err = io.ReadFull(f, head)
	require.NoError(t, err)
	assert.Contains(t, []Type{ELF, EXE, MachO}, Detect(head))
}

func FuzzDecide(f *testing.F) {
	f.Add("*.exe", "a.exe", []byte("MZ"))
	f.Add("a*b?c", "aXb.c. ", []byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, pattern, name string, head []byte) {
		typ := Detect(head)
		assert.Less(t, typ, types)
		l, err := Compile([]Rule{{Pattern: pattern}, {Type: typ, Action: Exempt}})
		if err != nil {
			return
		}
		d := l.Decide([]string{name}, typ)
		early, ok := l.ByName([]string{name})
		if ok {
			assert.Equal(t, d, early)
		}
		assert.NotEmpty(t, d.Rule)
	})
}
