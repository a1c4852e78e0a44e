package samples

import (
	"bytes"
	"compress/bzip2"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBzip2(t *testing.T) {
	for _, data := range [][]byte{
		nil, []byte("a"), EICAR(), bytes.Repeat([]byte("a"), 3), bytes.Repeat([]byte("a"), 4), bytes.Repeat([]byte{0}, 5000),
		bytes.Repeat([]byte("banana "), 20_000), allBytes(),
	} {
		got, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(Bzip2(data))))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, got), "%d bytes", len(data))
	}
}

func allBytes() (b []byte) {
	for i := range 100_000 {
		b = append(b, byte(i*i>>4^i))
	}
	return b
}

// TestContainersWithRealPrograms has programs of others unpack what is made here.
func TestContainersWithRealPrograms(t *testing.T) {
	f := File{"sample.bin", []byte(strings.Repeat("what is inside ", 50))}
	for _, c := range []struct {
		name string
		data []byte
		cmd  []string
	}{
		{"a.7z", SevenZip(File{"x", allBytes()}, f), []string{"7z", "e", "-so", "a.7z", "sample.bin"}},
		{"s.7z", StoredSevenZip(f), []string{"7z", "e", "-so", "s.7z", "sample.bin"}},
		{"a.rar", Rar(File{"x", allBytes()}, f), []string{"7z", "e", "-so", "a.rar", "sample.bin"}},
		{"o.rar", OldRar(f), []string{"7z", "e", "-so", "o.rar", "sample.bin"}},
		{"l.zip", LockedZip("lab", f), []string{"7z", "e", "-so", "-plab", "l.zip", "sample.bin"}},
		{"a.bz2", Bzip2(f.Data), []string{"7z", "e", "-so", "a.bz2"}},
		{"a.xz", Xz(f.Data), []string{"7z", "e", "-so", "a.xz"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, err := exec.LookPath(c.cmd[0])
			if err != nil {
				if os.Getenv("UTMSIM_REAL") == "required" {
					t.Fatal("7z is required here (Debian: 7zip)")
				}
				t.Skip("7z is not installed")
			}
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, c.name), c.data, 0o600))
			cmd := exec.CommandContext(t.Context(), path, c.cmd[1:]...)
			cmd.Dir = dir
			out, err := cmd.Output()
			require.NoError(t, err, "%s", out)
			assert.Equal(t, string(f.Data), string(out))
		})
	}
}

func TestEncodings(t *testing.T) {
	data := allBytes()[:5000]
	got, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(Base64(data), "\r\n", ""))
	require.NoError(t, err)
	assert.Equal(t, data, got)
	got, err = io.ReadAll(quotedprintable.NewReader(strings.NewReader(strings.TrimSuffix(QuotedPrintable(data), "\r\n"))))
	require.NoError(t, err)
	assert.Equal(t, data, bytes.TrimSuffix(got, []byte("\r\n")))
}

func TestNoSampleHoldsItsTextInTheSource(t *testing.T) {
	list, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range list {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, sample := range [][]byte{EICAR(), Worm(), Suspicious()} {
			assert.NotContains(t, string(text), string(sample), name)
		}
	}
}
