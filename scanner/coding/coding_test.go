package coding

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func zipped(t *testing.T, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestCodingsComeOff(t *testing.T) {
	text := strings.Repeat("text ", 100)
	once := zipped(t, text)
	for _, c := range []struct {
		name    string
		body    []byte
		codings []string
		limit   int64
		want    string
		stopped scanner.Class
	}{
		{"none", []byte(text), nil, 0, text, scanner.Clean},
		{"one", once, []string{"gzip"}, 0, text, scanner.Clean},
		{"identity beside it", once, []string{"identity", " GZIP "}, 0, text, scanner.Clean},
		{"two", zipped(t, string(once)), []string{"gzip", "x-gzip"}, 0, text, scanner.Clean},
		{"untrue", []byte(text), []string{"gzip"}, 0, "", scanner.Corrupt},
		{"unknown", []byte(text), []string{"rot13"}, 0, "", scanner.Unhandled},
		{"too many", once, strings.Fields(strings.Repeat("gzip ", maxCodings+1)), 0, "", scanner.Corrupt},
		{"too large", once, []string{"gzip"}, 100, text[:100], scanner.Oversize},
	} {
		obj := &scanner.Object{Size: int64(len(c.body)), Flat: c.body, Encodings: c.codings, Limits: scanner.Limits{Uncompressed: c.limit}}
		content := Open(obj)
		got, err := io.ReadAll(content)
		content.Close()
		require.NoError(t, err, c.name)
		assert.Equal(t, c.want, string(got), c.name)
		assert.Equal(t, c.stopped, content.Stopped, c.name)
		assert.Equal(t, c.stopped == scanner.Clean, content.Reason == "", c.name)
		raw, err := io.ReadAll(Raw(obj))
		require.NoError(t, err)
		assert.Equal(t, c.body, raw, c.name)
	}
}

// brokenBody can't be read.
type brokenBody struct{ io.Reader }

func (b brokenBody) ReadAt(p []byte, _ int64) (int, error) { return b.Read(p) }

func TestBrokenObject(t *testing.T) {
	obj := &scanner.Object{Size: 100, Body: brokenBody{iotest.ErrReader(io.ErrNoProgress)}}
	content := Open(obj)
	defer content.Close()
	_, err := io.ReadAll(content)
	require.Error(t, err)
	assert.ErrorIs(t, content.Broken, io.ErrNoProgress)
}

// TestDeflate: zlib's form, bare data, and bare data that begins as zlib's form does,
// which curl --compressed decodes.
func TestDeflate(t *testing.T) {
	text := []byte(strings.Repeat("text ", 5000))
	disguised := slices.Concat([]byte{0x78, 0x01, 0x00, 0xfe, 0xff, 't'}, samples.Deflate(text[1:]))
	for name, body := range map[string][]byte{"zlib": samples.Zlib(text), "bare": samples.Deflate(text), "disguised": disguised} {
		content := Open(&scanner.Object{Flat: body, Size: int64(len(body)), Encodings: []string{"deflate"}})
		got, err := io.ReadAll(content)
		content.Close()
		require.NoError(t, err, name)
		assert.Equal(t, string(text), string(got), name)
		assert.Equal(t, scanner.Clean, content.Stopped, name)
	}
}
