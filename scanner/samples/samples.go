// Package samples makes the objects that scanners are tried on, in memory. It
// is for tests and demonstrations: builders panic where only a programming
// mistake can make them fail.
package samples

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// File is a member of an archive.
type File struct {
	Name string
	Data []byte
}

// EICAR is the test file of eicar.org, 68 bytes, assembled when it is called so
// that it stands in no file.
func EICAR() []byte {
	tail := []string{"H+H*", "-TEST-FILE!$", "$EICAR-STANDARD-ANTIVIRUS"}
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}` + strings.Join([]string{tail[2], tail[1], tail[0]}, ""))
}

// Worm is harmless text that the builtin engine takes for a worm, assembled when
// it is called like EICAR.
func Worm() []byte { return ours("WORM") }

// Suspicious is harmless text that the builtin engine takes for suspicious.
func Suspicious() []byte { return ours("SUSPICIOUS") }

func ours(kind string) []byte { return []byte("UTMSIM^" + kind + "~TEST!STRING|" + "HARMLESS") }

// Zip is an archive of files, compressed.
func Zip(files ...File) []byte { return zipped(zip.Deflate, files) }

// StoredZip is an archive of files, not compressed.
func StoredZip(files ...File) []byte { return zipped(zip.Store, files) }

func zipped(method uint16, files []File) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		m, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: method})
		must(err)
		must2(m.Write(f.Data))
	}
	must(w.Close())
	return b.Bytes()
}

// Tar is an archive of files.
func Tar(files ...File) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		must(w.WriteHeader(&tar.Header{Name: f.Name, Size: int64(len(f.Data)), Mode: 0o644}))
		must2(w.Write(f.Data))
	}
	must(w.Close())
	return b.Bytes()
}

// Gzip is data compressed as gzip does it, without a name.
func Gzip(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
}

// Zlib is data compressed as the content coding deflate does it.
func Zlib(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
}

// Deflate is data compressed without any frame, which some servers send for the
// content coding deflate.
func Deflate(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser {
		z, err := flate.NewWriter(w, flate.DefaultCompression)
		must(err)
		return z
	})
}

// Brotli is data compressed as the content coding br does it.
func Brotli(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
}

// Zstd is data compressed as zstd does it, in one frame.
func Zstd(data []byte) []byte {
	return compressed(data, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		must(err)
		return z
	})
}

func compressed(data []byte, writer func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	w := writer(&b)
	must2(w.Write(data))
	must(w.Close())
	return b.Bytes()
}

// Nested is f inside depth zip archives, one in the other.
func Nested(depth int, f File) []byte {
	data := f.Data
	for i := range depth {
		data = Zip(File{f.Name, data})
		f.Name = fmt.Sprintf("%d.zip", i+1)
	}
	return data
}

// Bomb is a gzip file that unpacks to size zeros, one part in about a thousand
// of it.
func Bomb(size int64) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	must(err)
	must2(io.CopyN(w, zeros{}, size))
	must(w.Close())
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func must2[T any](_ T, err error) { must(err) }
