package lab_test

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"utmsim/internal/lab"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// The first outputs of SplitMix64 seeded with 0 are published with the
// algorithm: 0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4.
func TestContentIsSplitMix64(t *testing.T) {
	data, err := io.ReadAll(lab.NewContent(16))
	require.NoError(t, err)
	assert.Equal(t, "afcd1d7b39a820e2f465b9a16a9e786e", hex.EncodeToString(data))
	assert.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", lab.ContentSHA256(0))
	empty, err := io.ReadAll(lab.NewContent(-1))
	require.NoError(t, err)
	assert.Empty(t, empty)
}

func TestContentIsTheSameWhereverReadingStarts(t *testing.T) {
	whole, err := io.ReadAll(lab.NewContent(4096))
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(whole)).Draw(t, "from")
		length := rapid.IntRange(0, len(whole)-from).Draw(t, "length")
		content := lab.NewContent(int64(len(whole)))
		_, err := content.Seek(int64(from), io.SeekStart)
		require.NoError(t, err)
		part := make([]byte, length)
		_, err = io.ReadFull(content, part)
		require.NoError(t, err)
		assert.Equal(t, whole[from:from+length], part)
	})
}

func TestContentSeeks(t *testing.T) {
	const huge = int64(1) << 62
	content := lab.NewContent(huge)
	end, err := content.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	assert.Equal(t, huge, end)
	_, err = content.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = content.Seek(-huge-1, io.SeekCurrent)
	require.Error(t, err)
	at, err := content.Seek(-3, io.SeekCurrent)
	require.NoError(t, err)
	assert.Equal(t, huge-3, at)
	n, err := content.Read(make([]byte, 8))
	require.NoError(t, err)
	assert.Equal(t, 3, n)
}

// The published checksum of the test file; the file itself stands nowhere.
func TestEICARIsTheStandardTestFile(t *testing.T) {
	sum := md5.Sum(lab.EICAR())
	assert.Equal(t, "44d88612fea8a8f36de82e1278abb02f", hex.EncodeToString(sum[:]))
	assert.Equal(t, lab.EICARZip(), lab.EICARZip())
}

func BenchmarkContent(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(buf)))
	content := lab.NewContent(1 << 62)
	for b.Loop() {
		if _, err := content.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
