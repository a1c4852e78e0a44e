package lab

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// coding is one Content-Encoding of RFC 9110 section 8.4.1 (br: RFC 7932,
// zstd: RFC 8878).
type coding struct {
	name      string // the value of the Content-Encoding field
	extension string // of the EICAR file in this coding
	encoder   func(io.Writer) (io.WriteCloser, error)
}

// codings returns the content codings the HTTP origin can answer in.
func codings() []coding {
	return []coding{
		{"gzip", "gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) }},
		{"deflate", "deflate", func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, zlib.BestSpeed) }},
		{"br", "br", func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, brotli.BestSpeed), nil }},
		{"zstd", "zst", newZstd},
	}
}

// rawDeflate is what some servers send as "deflate" although RFC 9110 section
// 8.4.1.2 asks for the zlib wrapper around it. Browsers accept both.
func rawDeflate() coding {
	return coding{name: "deflate", encoder: func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestSpeed)
	}}
}

// newZstd encodes in the caller's goroutine: the output must not depend on
// timing, and nothing may outlive an aborted response.
func newZstd(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
}
