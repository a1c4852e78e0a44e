// Package coding takes the content codings of HTTP off an object (RFC 9110 section
// 8.4), under the object's limits.
//
// It looks into no archive, and what a coding that is not true means is decided by its
// callers.
package coding

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"utmsim/scanner"
)

const (
	maxCodings = 8       // content codings of one object
	maxWindow  = 8 << 20 // bytes of a zstd window, as RFC 9659 allows it
)

// Raw are an object's bytes as they travel.
func Raw(obj *scanner.Object) io.Reader {
	if obj.Flat != nil {
		return bytes.NewReader(obj.Flat)
	}
	return io.NewSectionReader(obj.Body, 0, obj.Size)
}

// Content are an object's bytes without content codings. What can't be decoded ends
// early.
type Content struct {
	// Stopped and Reason say why it ended before its end; Clean: it did not.
	Stopped scanner.Class
	Reason  string
	// Broken is why the object itself could not be read.
	Broken error

	r       io.Reader
	left    int64 // bytes that may still come out of the last decoder
	coded   bool
	closers []func()
}

// Open reads an object without its content codings.
func Open(obj *scanner.Object) *Content {
	c := &Content{left: obj.Limits.Uncompressed}
	if c.left == 0 {
		c.left = scanner.DefaultUncompressed
	}
	c.r = &source{c: c, r: Raw(obj)}
	n := 0
	for i := len(obj.Encodings) - 1; i >= 0 && c.Stopped == scanner.Clean; i-- {
		name := strings.ToLower(strings.TrimSpace(obj.Encodings[i]))
		if name == "" || name == "identity" {
			continue
		}
		if n++; n > maxCodings {
			c.stop(scanner.Nested, "too many content codings")
			break
		}
		c.coded = true
		c.decode(name)
	}
	return c
}

// Close gives the memory of the decoders back.
func (c *Content) Close() {
	for _, f := range c.closers {
		f()
	}
}

func (c *Content) stop(class scanner.Class, reason string) {
	if c.Stopped == scanner.Clean {
		c.Stopped, c.Reason = class, reason
	}
}

// source notes that it is the object that can't be read.
type source struct {
	c *Content
	r io.Reader
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.c.Broken = err
	}
	return n, err
}

// decode puts a decoder over what is read so far.
func (c *Content) decode(name string) {
	r := bufio.NewReader(c.r)
	var err error
	switch name {
	case "gzip", "x-gzip":
		c.r, err = gzip.NewReader(r)
	case "deflate":
		c.r, err = inflate(r)
	case "br":
		c.r = brotli.NewReader(r)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err == nil {
			c.r = z
			c.closers = append(c.closers, z.Close)
		}
	default:
		c.stop(scanner.Unhandled, "content coding not supported")
	}
	if err != nil {
		c.stop(scanner.Corrupt, "content coding "+name+" damaged")
	}
}

// inflate reads what is called deflate: zlib's form (RFC 9110 section 8.4.1.2), or
// bare data as some servers send it. Bare data can begin as zlib's form does, and
// clients that meet an error right behind that beginning take it for bare.
func inflate(r *bufio.Reader) (io.Reader, error) {
	head, _ := r.Peek(r.Size())
	z, err := zlib.NewReader(bytes.NewReader(head))
	if err == nil {
		_, err = io.ReadFull(z, make([]byte, 1))
	}
	var damaged flate.CorruptInputError
	if err == zlib.ErrHeader || err == zlib.ErrDictionary || errors.As(err, &damaged) {
		return flate.NewReader(r), nil
	}
	return zlib.NewReader(r)
}

// Read implements io.Reader.
func (c *Content) Read(p []byte) (int, error) {
	if c.Stopped != scanner.Clean {
		return 0, io.EOF
	}
	n, err := c.r.Read(p)
	if !c.coded {
		return n, err
	}
	if int64(n) > c.left {
		n = int(c.left)
		c.stop(scanner.Oversize, "unpacked content above the limit")
	}
	c.left -= int64(n)
	if err != nil && err != io.EOF && c.Broken == nil {
		c.stop(scanner.Corrupt, "content coding damaged")
		err = io.EOF
	}
	return n, err
}
