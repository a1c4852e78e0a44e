package icap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"utmsim/scanner/remote"
)

// Bounds of what a server may send.
const (
	maxHeader = 64 << 10 // bytes of its header, and of each header it encapsulates
	maxLine   = 8 << 10  // bytes of a line of it
)

// reply is the header of an answer.
type reply struct {
	code   int
	header textproto.MIMEHeader
	parts  []part // what it encapsulates, in order
}

// part is one section of an ICAP body (RFC 3507 section 4.4.1).
type part struct {
	name string // "req-hdr", "res-body", "null-body" ...
	at   int
}

// has tells whether a section with that name is there.
func (r *reply) has(name string) bool {
	for _, p := range r.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// closes tells whether the server ends the connection behind the answer.
func (r *reply) closes() bool {
	return strings.EqualFold(strings.TrimSpace(r.header.Get("Connection")), "close")
}

// readReply reads the header of an answer.
func readReply(ctx context.Context, c *remote.Conn) (*reply, error) {
	if _, err := c.R.Peek(1); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("reading from the ICAP server: %w: %v", errSilent, err)
	}
	lines, err := readHeader(c.R)
	if err != nil {
		return nil, remote.Failed(ctx, "reading from the ICAP server", err)
	}
	if len(lines) == 0 {
		return nil, errors.New("the ICAP server answers with an empty line")
	}
	version, rest, _ := strings.Cut(lines[0], " ")
	code, err := strconv.Atoi(rest[:min(3, len(rest))])
	if version != "ICAP/1.0" || err != nil || code < 100 || len(rest) > 3 && rest[3] != ' ' {
		return nil, fmt.Errorf("the ICAP server answers %.100q", lines[0])
	}
	r := &reply{code: code, header: textproto.MIMEHeader{}}
	for _, line := range lines[1:] {
		if line[0] == ' ' || line[0] == '\t' { // goes on, as X-Violations-Found does
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("the ICAP server sends the header line %.100q", line)
		}
		r.header.Add(name, strings.TrimSpace(value))
	}
	r.parts, err = encapsulated(r.header.Get("Encapsulated"))
	return r, err
}

// readHeader reads lines up to an empty one.
func readHeader(r *bufio.Reader) (lines []string, err error) {
	for size := 0; ; {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if line == "" {
			return lines, nil
		}
		if size += len(line); size > maxHeader {
			return nil, errors.New("its header is too long")
		}
		lines = append(lines, line)
	}
}

// readLine reads a line without its end.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		b, err := r.ReadByte()
		switch {
		case err == io.EOF:
			return "", io.ErrUnexpectedEOF
		case err != nil:
			return "", err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) == maxLine:
			return "", errors.New("one of its lines is too long")
		}
		line = append(line, b)
	}
}

// encapsulated reads the value of Encapsulated.
func encapsulated(value string) (list []part, err error) {
	for _, item := range strings.Split(value, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		name, at, ok := strings.Cut(strings.TrimSpace(item), "=")
		n, err := strconv.Atoi(at)
		if !ok || err != nil || n < 0 || n > 2*maxHeader || len(list) > 0 && n < list[len(list)-1].at {
			return nil, fmt.Errorf("the ICAP server sends Encapsulated: %.100q", value)
		}
		list = append(list, part{name, n})
	}
	return list, nil
}

// body is what an answer encapsulates behind its headers.
type body struct {
	headers map[string]string // the encapsulated headers by name of their section
	r       io.Reader         // nil when there is none
}

// readBody reads the encapsulated headers and leaves the body to be read.
func (r *reply) readBody(from *bufio.Reader) (*body, error) {
	b := &body{headers: map[string]string{}}
	for i, p := range r.parts {
		if strings.HasSuffix(p.name, "-body") {
			if p.name != "null-body" {
				b.r = &chunkReader{r: from}
			}
			return b, nil
		}
		if i+1 == len(r.parts) {
			return nil, errors.New("the ICAP server does not say where a header ends")
		}
		text := make([]byte, r.parts[i+1].at-p.at)
		if _, err := io.ReadFull(from, text); err != nil {
			return nil, err
		}
		b.headers[p.name] = string(text)
	}
	return b, nil
}

// chunkReader reads a body in chunks (RFC 9112 section 7.1) to its proper end.
type chunkReader struct {
	r    *bufio.Reader
	left int64 // of the chunk
	err  error
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.left, c.err = c.next(); c.err != nil {
			return 0, c.err
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	if c.left -= int64(n); c.left == 0 && err == nil {
		var line string
		if line, err = readLine(c.r); err == nil && line != "" {
			err = errors.New("a chunk is longer than it says")
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.err = err
	return n, err
}

// next is the size of the next chunk; the error is io.EOF behind the last.
func (c *chunkReader) next() (int64, error) {
	line, err := readLine(c.r)
	if err != nil {
		return 0, err
	}
	digits, _, _ := strings.Cut(line, ";")
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 62)
	if err != nil {
		return 0, fmt.Errorf("chunk size %.20q", line)
	}
	if n > 0 {
		return int64(n), nil
	}
	if _, err := readHeader(c.r); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

// ask asks a service for its options and tells whether the connection can be used on.
func (s *service) ask(ctx context.Context, c *remote.Conn) (o options, again bool, err error) {
	fmt.Fprintf(c.W, "OPTIONS %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: utmsim\r\nEncapsulated: null-body=0\r\n\r\n", s.uri, s.host)
	werr := c.W.Flush()
	r, err := readReply(ctx, c)
	if err != nil {
		if werr != nil && !errors.Is(err, errSilent) {
			err = remote.Failed(ctx, "writing to the ICAP server", werr)
		}
		return o, false, err
	}
	if r.code != 200 {
		return o, false, fmt.Errorf("the ICAP server answers %d to OPTIONS %s", r.code, s.uri)
	}
	b, err := r.readBody(c.R)
	if err == nil && b.r != nil {
		_, err = io.Copy(io.Discard, io.LimitReader(b.r, maxHeader))
	}
	if err != nil {
		return o, false, remote.Failed(ctx, "reading from the ICAP server", err)
	}
	o, err = r.options()
	return o, !r.closes(), err
}

// options reads the header of an answer to OPTIONS.
func (r *reply) options() (o options, err error) {
	for _, m := range strings.Split(r.header.Get("Methods"), ",") {
		o.methods = append(o.methods, strings.ToUpper(strings.TrimSpace(m)))
	}
	number := func(name string, otherwise int) int {
		text := r.header.Get(name)
		if text == "" {
			return otherwise
		}
		n, nerr := strconv.Atoi(text)
		if nerr != nil || n < 0 {
			err = fmt.Errorf("the ICAP server sends %s: %.100q", name, text)
		}
		return n
	}
	o.preview = min(number("Preview", -1), maxPreview)
	o.maxConnections = number("Max-Connections", 0)
	o.ttl = time.Duration(number("Options-TTL", int(optionsTTL/time.Second))) * time.Second
	o.tag = strings.Trim(r.header.Get("ISTag"), `"`)
	return o, err
}
