package wire

import (
	"bytes"
	"errors"
	"io"
	"iter"
)

// ErrReply is a reply that does not begin with a three-digit code, or whose lines
// don't carry the same one.
var ErrReply = errors.New("malformed reply")

// ReplyForm is how a protocol writes replies of several lines.
type ReplyForm uint8

// The forms.
const (
	// EveryLine has the code on each line (SMTP, RFC 5321 section 4.2.1).
	EveryLine ReplyForm = iota
	// FirstAndLast has it on the first and the last; what is between them may look
	// like anything else (FTP, RFC 959 section 4.2).
	FirstAndLast
)

// Reply is a reply of one or several lines.
type Reply struct {
	Code int    // three digits, 100 to 999
	Raw  []byte // all lines with their line ends
}

// Lines are the reply's lines with their line ends.
func (r Reply) Lines() iter.Seq[[]byte] { return bytes.Lines(r.Raw) }

// ReadReply takes one reply of at most limit bytes; a longer one is ErrTooLong.
// Raw stays valid as long as what Conn.Buffered returns. Nothing is taken before
// the reply is complete, so that the call may be repeated after ErrWake. Errors
// are those of Conn.ReadLine, and ErrReply.
func ReadReply(c *Conn, form ReplyForm, limit int) (Reply, error) {
	code, from, seen := 0, 0, 0
	for {
		b := c.Buffered()
		i := bytes.IndexByte(b[seen:], '\n')
		if i < 0 {
			seen = len(b)
			if err := fillReply(c, limit); err != nil {
				return Reply{}, err
			}
			continue
		}
		end := seen + i + 1
		if end > limit {
			return Reply{}, ErrTooLong
		}
		n, last := ReplyLine(b[from:end])
		switch {
		case from == 0 && n == 0, form == EveryLine && from > 0 && n != code:
			return Reply{}, ErrReply
		case from == 0:
			code = n
		}
		if last && n == code {
			c.Skip(end)
			return Reply{Code: code, Raw: b[:end]}, nil
		}
		from, seen = end, end
	}
}

// ReplyLine reads the code at the front of a line of a reply, 0 when there is none,
// and tells whether no line follows.
func ReplyLine(line []byte) (code int, last bool) {
	line = withoutEnd(line)
	if len(line) < 3 || !digit(line[0]) || line[0] == '0' || !digit(line[1]) || !digit(line[2]) {
		return 0, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, true
	}
	switch line[3] {
	case ' ':
		return code, true
	case '-':
		return code, false
	}
	return 0, false
}

// fillReply reads more; an end inside a reply is io.ErrUnexpectedEOF.
func fillReply(c *Conn, limit int) error {
	waiting := len(c.Buffered())
	err := c.Fill(limit)
	if err == io.EOF && waiting > 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}
