package load

import (
	"bytes"
	"hash/crc32"
)

// Content is what an object must be: so many bytes with this checksum (CRC-32C,
// which the processor computes at several bytes a cycle).
type Content struct {
	Size int64
	Sum  uint32
}

// castagnoli is the table of CRC-32C; the package keeps one of its own, so this
// is a look-up.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// ContentOf describes an object that crosses the wire as it is.
func ContentOf(object []byte) *Content {
	return &Content{Size: int64(len(object)), Sum: crc32.Checksum(object, castagnoli())}
}

// DottedContentOf describes an object that crosses the wire with dots stuffed
// and a dot at its end (POP3, NNTP). Its lines end in CRLF.
func DottedContentOf(object []byte) *Content {
	var d digest
	lineStart := true
	for len(object) > 0 {
		if lineStart && object[0] == '.' {
			d.add([]byte("."))
		}
		n := bytes.Index(object, []byte("\r\n.")) + len("\r\n")
		if lineStart = n >= len("\r\n"); !lineStart {
			n = len(object)
		}
		d.add(object[:n])
		if n == len(object) && !bytes.HasSuffix(object, []byte("\r\n")) {
			d.add([]byte("\r\n")) // the dot needs a line to itself
		}
		object = object[n:]
	}
	d.add([]byte(".\r\n"))
	return &Content{Size: d.size, Sum: d.sum}
}

// digest is the Content of what has been added.
type digest struct {
	size     int64
	sum      uint32
	sizeOnly bool // nobody will compare the rest
}

func (d *digest) add(p []byte) {
	d.size += int64(len(p))
	if d.sizeOnly {
		return
	}
	d.sum = crc32.Update(d.sum, castagnoli(), p)
}

// check compares with what was to come; nil takes anything.
func (d *digest) check(want *Content) error {
	if want == nil || d.size == want.Size && d.sum == want.Sum {
		return nil
	}
	return errContent
}
