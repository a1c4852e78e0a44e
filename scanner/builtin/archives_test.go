package builtin

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func TestEveryContainerIsOpened(t *testing.T) {
	e := engine(t)
	for _, f := range samples.Containers(samples.File{Name: "inside.com", Data: samples.EICAR()}) {
		v := both(t, e, scanner.Object{Name: f.Name}, f.Data)
		assert.Equal(t, scanner.Virus, v.Class, "%s: %+v", f.Name, v)
		assert.Zero(t, v.Findings, f.Name)
		for _, outer := range samples.Containers(f) {
			v := both(t, e, scanner.Object{}, outer.Data)
			assert.Equal(t, scanner.Virus, v.Class, "%s in %s: %+v", f.Name, outer.Name, v)
		}
	}
	for _, f := range samples.Containers(samples.File{Name: "inside.txt", Data: text(5000)}) {
		assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{Name: f.Name}, f.Data), f.Name)
	}
}

// required finds a program or a file of others; without it the test is skipped, or
// fails where UTMSIM_REAL=required is set.
func required(t *testing.T, err error, debian string) {
	t.Helper()
	if err != nil && os.Getenv("UTMSIM_REAL") == "required" {
		t.Fatalf("required here (Debian: %s): %v", debian, err)
	}
	if err != nil {
		t.Skipf("not installed (Debian: %s): %v", debian, err)
	}
}

// TestRealSevenZip opens what 7z packs, by every method.
func TestRealSevenZip(t *testing.T) {
	path, err := exec.LookPath("7z")
	required(t, err, "7zip")
	dir := t.TempDir()
	program, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	program = program[:min(len(program), 2<<20)] // for the filters, which look for machine code
	for name, data := range map[string][]byte{"readme.txt": text(3000), "program.exe": program, "eicar.com": woven()} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	e := engine(t)
	for name, c := range map[string]struct {
		args  []string
		class scanner.Class
	}{
		"default.7z":  {nil, scanner.Virus},
		"lzma.7z":     {[]string{"-m0=lzma"}, scanner.Virus},
		"ppmd.7z":     {[]string{"-m0=ppmd"}, scanner.Virus},
		"bzip2.7z":    {[]string{"-m0=bzip2"}, scanner.Virus},
		"deflate.7z":  {[]string{"-m0=deflate"}, scanner.Virus},
		"copy.7z":     {[]string{"-m0=copy"}, scanner.Virus},
		"bcj2.7z":     {[]string{"-mf=BCJ2"}, scanner.Virus},
		"bcj.7z":      {[]string{"-m0=bcj", "-m1=lzma2"}, scanner.Virus},
		"separate.7z": {[]string{"-ms=off"}, scanner.Virus},
		"plain.7z":    {[]string{"-mhc=off"}, scanner.Virus},
		"locked.7z":   {[]string{"-plab"}, scanner.Encrypted},
		"secret.7z":   {[]string{"-plab", "-mhe=on"}, scanner.Encrypted},
		"a.zip":       {nil, scanner.Virus},
		"bzip2.zip":   {[]string{"-mm=bzip2"}, scanner.Virus},
		"lzma.zip":    {[]string{"-mm=lzma"}, scanner.Unhandled},
		"locked.zip":  {[]string{"-plab"}, scanner.Encrypted},
		"aes.zip":     {[]string{"-plab", "-mem=AES256"}, scanner.Encrypted},
		"a.tar":       {nil, scanner.Virus},
	} {
		t.Run(name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), name)
			args := append([]string{"a", "-bd", "-mmt=1", archive, "readme.txt", "program.exe", "eicar.com"}, c.args...)
			cmd := exec.CommandContext(t.Context(), path, args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			data, err := os.ReadFile(archive)
			require.NoError(t, err)
			v := both(t, e, scanner.Object{}, data)
			assert.Equal(t, c.class.String(), v.Class.String(), "%+v", v)
			if c.class == scanner.Virus {
				assert.Equal(t, "eicar.com", v.Part)
				assert.Zero(t, v.Findings)
			}
		})
	}
}

// TestRealXz opens what xz packs.
func TestRealXz(t *testing.T) {
	path, err := exec.LookPath("xz")
	required(t, err, "xz-utils")
	e := engine(t)
	pack := func(data []byte, args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), path, append([]string{"-c"}, args...)...)
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		require.NoError(t, err)
		return out
	}
	for _, args := range [][]string{
		nil, {"-9"}, {"-0"}, {"--check=none"}, {"--check=crc32"}, {"--check=sha256"}, {"--block-size=1000", "-T2"}, {"-e", "--lzma2=dict=1536MiB"},
	} {
		v := both(t, e, scanner.Object{}, pack(slices.Concat(noise(20_000), woven()), args...))
		assert.Equal(t, found(""), v, args)
		assert.Equal(t, scanner.Verdict{}, both(t, e, scanner.Object{}, pack(text(50_000), args...)), args)
	}
	two := slices.Concat(pack(text(100)), make([]byte, 8), pack(woven()))
	assert.Equal(t, found(""), both(t, e, scanner.Object{}, two))
	v := both(t, e, scanner.Object{}, pack(text(100), "--x86", "--lzma2"))
	assert.Equal(t, scanner.Unhandled, v.Class)
}

// TestClamAVTestFiles opens the archives that ClamAV tests itself with: the engine
// is told one stretch of the program that is in all of them.
func TestClamAVTestFiles(t *testing.T) {
	const dir = "/usr/share/clamav-testfiles"
	program, err := os.ReadFile(filepath.Join(dir, "clam.exe"))
	required(t, err, "clamav-testfiles")
	e := with(t, map[string]string{"clam.ndb": "Clam.Test:0:*:" + hex.EncodeToString(program[:400])})
	for name, want := range map[string]scanner.Class{
		"clam.exe": scanner.Virus, "clam.zip": scanner.Virus, "clam.bz2.zip": scanner.Virus, "clam.7z": scanner.Virus,
		"clam.tar.gz": scanner.Virus, "clam.exe.bz2": scanner.Virus,
		"clam.impl.zip": scanner.Unhandled, // implode, a method of 1989
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		v := both(t, e, scanner.Object{}, data)
		assert.Equal(t, want.String(), v.Class.String(), "%s: %+v", name, v)
	}
}

// sevenWithDictionary is an archive whose header asks for a dictionary of any size.
func sevenWithDictionary(size uint32) []byte {
	data := samples.SevenZip(samples.File{Name: "f", Data: text(100)})
	at := bytes.LastIndex(data, []byte{0x23, 3, 1, 1, 5}) + 6
	le.PutUint32(data[at:], size)
	header := data[32+le.Uint64(data[12:]):]
	le.PutUint32(data[28:], crc32.ChecksumIEEE(header))
	le.PutUint32(data[8:], crc32.ChecksumIEEE(data[12:32]))
	return data
}

// sevenHeaders are archives whose headers announce more than there is.
func sevenHeaders() map[string][]byte {
	archive := func(header ...byte) []byte {
		start := le.AppendUint32(le.AppendUint64(le.AppendUint64(nil, 0), uint64(len(header))), crc32.ChecksumIEEE(header))
		out := le.AppendUint32([]byte("7z\xbc\xaf\x27\x1c\x00\x04"), crc32.ChecksumIEEE(start))
		return slices.Concat(out, start, header)
	}
	huge := []byte{0xf0, 0xff, 0xff, 0xff, 0xff} // 2^32-1
	return map[string][]byte{
		"files":   archive(append([]byte{1, 5}, huge...)...),
		"folders": archive(append([]byte{1, 4, 7, 0x0b}, huge...)...),
		"coders":  archive(append([]byte{1, 4, 7, 0x0b, 1, 0}, huge...)...),
		"streams": archive(append([]byte{1, 4, 7, 0x0b, 1, 0, 1, 0x11, 0}, slices.Concat(huge, []byte{1})...)...),
		"props":   archive(append([]byte{1, 4, 7, 0x0b, 1, 0, 1, 0x21, 0}, huge...)...),
		"packed":  archive(append([]byte{1, 4, 6, 0}, huge...)...),
		"subs":    archive(append([]byte{1, 4, 7, 0x0b, 1, 0, 1, 1, 0, 0x0c, 1, 0, 8, 0x0d}, huge...)...),
	}
}

// TestHeadersCanNotTakeMemory: what an archive announces costs nothing before it is
// believed.
func TestHeadersCanNotTakeMemory(t *testing.T) {
	e := engine(t)
	list := sevenHeaders()
	list["dictionary"] = sevenWithDictionary(1<<32 - 1)
	list["large dictionary"] = sevenWithDictionary(maxDictionary + 1)
	for name, data := range list {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v := both(t, e, scanner.Object{}, data)
			runtime.ReadMemStats(&after)
			assert.True(t, v.Findings.Has(scanner.Oversize), "%+v", v)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
		})
	}
	v := both(t, e, scanner.Object{}, sevenWithDictionary(maxDictionary))
	assert.Equal(t, scanner.Verdict{}, v)
}

// TestBombsTakeLittleMemory watches the heap while bombs are scanned. The collector
// works harder than usual, because on a busy machine it lags behind.
func TestBombsTakeLittleMemory(t *testing.T) {
	e := engine(t)
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	for name, data := range bombs() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o := scanner.Object{Flat: data, Size: int64(len(data))}
		_, err := e.Scan(t.Context(), &o)
		require.NoError(t, err)
		runtime.ReadMemStats(&after)
		grown := int64(after.HeapSys) - int64(before.HeapSys)
		assert.Less(t, grown, int64(400<<20), name)
		t.Logf("%-20s heap grew by %d MiB, %d MiB allocated", name, grown>>20, (after.TotalAlloc-before.TotalAlloc)>>20)
	}
}
