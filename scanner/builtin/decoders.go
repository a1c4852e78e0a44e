package builtin

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"utmsim/scanner"
)

// maxWindow bounds the memory of a zstd decoder, in bytes. Eight MiB is what
// RFC 9659 allows for content codings and what zstd uses at all levels that need
// no extra switch to unpack.
const maxWindow = 8 << 20

// bzip2Level is the memory that a bzip2 decoder takes for each level, in bytes; it
// can't be reused.
const bzip2Level = 400_000

// decoderPools keep decoders, whose tables are expensive to make.
type decoderPools struct {
	gzips, flates, zlibs, brotlis, zstds sync.Pool
}

// decoder gives what comes out of the compressed data in in to then, and returns
// then's error, or why there was nothing to give.
type decoder func(s *scan, in *input, then func(io.Reader) error) error

func (s *scan) gzip(in *input, then func(io.Reader) error) error {
	pool := &s.engine.pools.gzips
	z, ok := pool.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer pool.Put(z)
	if err := z.Reset(in.buf); err != nil {
		return noEOF(err)
	}
	return then(&gzipMembers{s, in, z})
}

// gzipMembers reads the members of a gzip file one after the other (RFC 1952
// section 2.2), with zeros between them, which some programs pass over. Unlike the
// decoder's own way it takes other bytes behind the last member that are no further
// member for the end, as gzip does.
type gzipMembers struct {
	scan *scan
	in   *input
	z    *gzip.Reader
}

func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		g.z.Multistream(false)
		n, err := g.z.Read(p)
		if n > 0 && err == io.EOF {
			return n, nil
		}
		if n > 0 || err != io.EOF {
			return n, err
		}
		g.in.skipZeros()
		if sniff(g.in.peek(3)) != formatGzip {
			return 0, io.EOF
		}
		if !g.scan.countMember() {
			return 0, errBudget
		}
		if err := g.z.Reset(g.in.buf); err != nil {
			return 0, noEOF(err)
		}
	}
}

func (s *scan) inflate(in *input, then func(io.Reader) error) error {
	pool := &s.engine.pools.flates
	z, ok := pool.Get().(io.ReadCloser)
	if ok {
		z.(flate.Resetter).Reset(in.buf, nil) // never fails for a reader that is not nil
	} else {
		z = flate.NewReader(in.buf)
	}
	defer pool.Put(z)
	return then(z)
}

func (s *scan) zlib(in *input, then func(io.Reader) error) error {
	pool := &s.engine.pools.zlibs
	z, ok := pool.Get().(io.ReadCloser)
	var err error
	if ok {
		err = z.(zlib.Resetter).Reset(in.buf, nil)
	} else {
		z, err = zlib.NewReader(in.buf)
	}
	if z != nil {
		defer pool.Put(z)
	}
	if err != nil {
		return noEOF(err)
	}
	return then(z)
}

func (s *scan) brotli(in *input, then func(io.Reader) error) error {
	pool := &s.engine.pools.brotlis
	z, ok := pool.Get().(*brotli.Reader)
	if ok {
		z.Reset(in.buf)
	} else {
		z = brotli.NewReader(in.buf)
	}
	defer pool.Put(z)
	return then(z)
}

// zstd decodes zstd frames. With a concurrency of one the decoder has no
// goroutine of its own.
func (s *scan) zstd(in *input, then func(io.Reader) error) error {
	pool := &s.engine.pools.zstds
	z, ok := pool.Get().(*zstd.Decoder)
	if !ok {
		var err error
		z, err = zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return err
		}
	}
	defer pool.Put(z)
	defer z.Reset(nil)
	if err := z.Reset(in.buf); err != nil {
		return err
	}
	return then(&zstdFrames{z: z})
}

// zstdFrames takes bytes behind the last frame that are no frame for the end of
// the content.
type zstdFrames struct {
	z    *zstd.Decoder
	some bool // there was a frame with content
}

func (f *zstdFrames) Read(p []byte) (int, error) {
	n, err := f.z.Read(p)
	f.some = f.some || n > 0
	if f.some && errors.Is(err, zstd.ErrMagicMismatch) {
		err = io.EOF
	}
	return n, err
}

func (s *scan) bzip2(in *input, then func(io.Reader) error) error {
	level := int64(9)
	if head := in.peek(4); len(head) == 4 && head[3] >= '1' && head[3] < '9' {
		level = int64(head[3] - '0')
	}
	if !s.spendDictionary(level * bzip2Level) {
		return errBudget
	}
	return then(bzip2.NewReader(in.buf))
}

// refuse notes why a decoder gave up on l: it would have needed more memory than
// it may have, or the data is damaged. Damage that came from further out is
// noted there.
func (s *scan) refuse(err error, l *layer, damage string) {
	if s.stop != nil {
		return
	}
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		s.note(scanner.Oversize, l, "zstd window above the limit")
	case errors.Is(err, errDictionary):
		s.note(scanner.Oversize, l, "xz dictionary above the limit")
	case errors.Is(err, errMethod):
		s.note(scanner.Unhandled, l, "xz filter not supported")
	default:
		s.note(scanner.Corrupt, l, damage)
	}
}

var _ io.ByteReader = (*bufio.Reader)(nil) // so that no decoder reads past its data
