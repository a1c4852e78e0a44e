package remote

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"utmsim/scanner"
)

const (
	maxCodings = 8       // content codings of one object
	maxWindow  = 8 << 20 // bytes of a zstd window, as RFC 9659 allows it
)

// Judge has an object judged by send, which gets its bytes without content codings.
// Where these turn out to be untrue, or are not known, send gets the bytes as they
// travel as well, because the receiver may take them so. The verdict has what kept
// the codings from being taken off among its findings.
func Judge(obj *scanner.Object, send func(io.Reader) (scanner.Verdict, error)) (scanner.Verdict, error) {
	c := open(obj)
	defer c.close()
	v, err := send(c)
	switch {
	case c.broken != nil:
		return scanner.Verdict{}, fmt.Errorf("reading the object: %w", c.broken)
	case err != nil || v.Class.Detection():
		return v, err
	case c.stopped == scanner.Corrupt || c.stopped == scanner.Unhandled || c.stopped == scanner.Nested:
		w, err := send(raw(obj))
		if err != nil || w.Class.Detection() {
			return w, err
		}
		v = worse(v, w)
	}
	if c.stopped != scanner.Clean {
		v = worse(v, scanner.Verdict{Class: c.stopped, Name: c.reason, Engine: v.Engine})
	}
	return v, nil
}

// worse is the first of two verdicts that is not clean, with the findings of both.
func worse(v, w scanner.Verdict) scanner.Verdict {
	found := v.Findings | w.Findings
	for _, class := range []scanner.Class{v.Class, w.Class} {
		if class > scanner.Suspicious {
			found |= scanner.SetOf(class)
		}
	}
	if v.Class == scanner.Clean {
		v = w
	}
	v.Findings = found
	return v
}

// raw are an object's bytes as they travel.
func raw(obj *scanner.Object) io.Reader {
	if obj.Flat != nil {
		return bytes.NewReader(obj.Flat)
	}
	return io.NewSectionReader(obj.Body, 0, obj.Size)
}

// content are an object's bytes without content codings. What can't be decoded ends
// early; stopped and reason say why.
type content struct {
	r       io.Reader
	left    int64 // bytes that may still come out of the last decoder
	coded   bool
	closers []func()
	stopped scanner.Class
	reason  string
	broken  error // reading the object itself failed
}

func open(obj *scanner.Object) *content {
	c := &content{left: obj.Limits.Uncompressed}
	if c.left == 0 {
		c.left = scanner.DefaultUncompressed
	}
	c.r = &source{c: c, r: raw(obj)}
	n := 0
	for i := len(obj.Encodings) - 1; i >= 0 && c.stopped == scanner.Clean; i-- {
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

func (c *content) close() {
	for _, f := range c.closers {
		f()
	}
}

func (c *content) stop(class scanner.Class, reason string) {
	if c.stopped == scanner.Clean {
		c.stopped, c.reason = class, reason
	}
}

// source notes that it is the object that can't be read.
type source struct {
	c *content
	r io.Reader
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.c.broken = err
	}
	return n, err
}

// decode puts a decoder over what is read so far.
func (c *content) decode(name string) {
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
// bare data as some servers send it.
func inflate(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(2)
	if err == nil && head[0]&15 == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	if c.stopped != scanner.Clean {
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
	if err != nil && err != io.EOF && c.broken == nil {
		c.stop(scanner.Corrupt, "content coding damaged")
		err = io.EOF
	}
	return n, err
}
