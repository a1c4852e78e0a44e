package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxReplyLine is the longest line of a reply, line end included.
const maxReplyLine = 4 << 10

// readLine waits for a line and returns it without its line end. It is valid
// until the next read.
func (l *line) readLine() ([]byte, error) {
	for searched := 0; ; {
		arrived := l.in[l.r:l.w]
		if end := bytes.IndexByte(arrived[searched:], '\n') + searched; end >= searched {
			l.r += end + 1
			text, ok := bytes.CutSuffix(arrived[:end], []byte("\r"))
			if !ok || end >= maxReplyLine {
				return nil, errMalformed
			}
			return text, nil
		}
		searched = len(arrived)
		if searched >= maxReplyLine {
			return nil, errMalformed
		}
		if err := l.fill(); err != nil {
			return nil, l.ended(err)
		}
	}
}

// ended names the end of a connection where more was to come.
func (l *line) ended(err error) error {
	switch {
	case !errors.Is(err, io.EOF):
		return err
	case l.r == l.w:
		return errClosed
	}
	return errShort
}

// readCode waits for a reply of one or several lines that begin with a code of
// three digits (RFC 5321 section 4.2.1, RFC 959 section 4.2) and wants this code.
func (l *line) readCode(want int) error {
	code, err := l.code()
	if err == nil && code != want {
		return unwanted(fmt.Sprintf("status %d", code))
	}
	return err
}

// code reads a reply and returns its code.
func (l *line) code() (int, error) {
	for first := 0; ; {
		text, err := l.readLine()
		if err != nil {
			return 0, err
		}
		code, ok := replyCode(text)
		switch {
		case !ok && first == 0:
			return 0, errMalformed
		case !ok, first != 0 && code != first:
			continue // inside of an FTP reply anything may stand
		case len(text) > 3 && text[3] == '-':
			first = code
			continue
		}
		return code, nil
	}
}

// replyCode reads the code at the front of a reply line.
func replyCode(text []byte) (int, bool) {
	if len(text) < 3 || len(text) > 3 && text[3] != ' ' && text[3] != '-' {
		return 0, false
	}
	code, ok := decimal(text[:3])
	return int(code), ok && code >= 100
}

// ask sends one command and wants the code.
func (l *line) ask(command []byte, want int) error {
	if err := l.send(command); err != nil {
		return err
	}
	return l.readCode(want)
}

// blockEnd is what a dot-terminated block ends with.
const blockEnd = "\r\n.\r\n"

// readContent takes as many bytes as are wanted and compares them. A block that
// comes to its end before is wrong content as well, and not waited for.
func (l *line) readContent(want *Content, end string) (int64, error) {
	var d digest
	for {
		p := l.in[l.r:l.w]
		if left := want.Size - d.size; int64(len(p)) > left {
			p = p[:left]
		}
		d.add(p)
		l.r += len(p)
		if d.size == want.Size {
			return d.size, d.check(want)
		}
		if end != "" && bytes.HasSuffix(p, []byte(end)) {
			return d.size, errContent
		}
		if err := l.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				err = errShort
			}
			return d.size, err
		}
	}
}
