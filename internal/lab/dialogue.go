package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// dialogue is one connection of the origins whose protocol is ours to speak:
// command lines in, reply lines and dot-terminated blocks out.
//
// Replies are collected while further commands are already there, so that a
// pipelining client gets them in few packets, and sent before waiting.
type dialogue struct {
	r       *bufio.Reader
	w       *bufio.Writer
	longest int // of a command line, in bytes with its line end
}

// dialogueBuffer is larger than the longest command line of any protocol here.
const dialogueBuffer = 4 << 10

// errLineTooLong ends a session: where the next command begins is unknown.
var errLineTooLong = errors.New("the line is too long")

func newDialogue(conn net.Conn, longest int) *dialogue {
	return &dialogue{bufio.NewReaderSize(conn, dialogueBuffer), bufio.NewWriterSize(conn, dialogueBuffer), longest}
}

// readLine waits for a line and returns it without its end. A line that ends in
// LF alone is taken, as every server does with commands.
func (d *dialogue) readLine() (string, error) {
	if d.r.Buffered() == 0 {
		if err := d.w.Flush(); err != nil {
			return "", err
		}
	}
	line, err := d.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > d.longest {
		return "", errLineTooLong
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

// say adds one reply line. Its error comes back from the next readLine.
func (d *dialogue) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.w, format+"\r\n", args...)
}

// lines adds lines and the dot that ends them; a line here never begins with a
// dot.
func (d *dialogue) lines(lines []string) {
	for _, line := range lines {
		d.say("%s", line)
	}
	d.say(".")
}

// block adds content dot-stuffed and ended. The lines of content end in CRLF; if
// the last one doesn't, the end is added, since the dot needs a line to itself.
func (d *dialogue) block(content []byte) {
	for len(content) > 0 {
		end := bytes.Index(content, []byte("\r\n")) + len("\r\n")
		if end < len("\r\n") {
			end = len(content)
		}
		if content[0] == '.' {
			_ = d.w.WriteByte('.')
		}
		_, _ = d.w.Write(content[:end])
		if !bytes.HasSuffix(content[:end], []byte("\r\n")) {
			_, _ = d.w.WriteString("\r\n")
		}
		content = content[end:]
	}
	_, _ = d.w.WriteString(".\r\n")
}

// blockState is where in a dot-terminated block the next byte stands.
type blockState int

const (
	atLineStart blockState = iota
	afterDot               // of a dot at the start of a line
	afterDotCR
	inLine
	afterCR
)

// readBlock waits for a block and returns it as it came, without the dots that
// were stuffed. Only CRLF ends a line, so only CRLF dot CRLF ends the block. Of
// a block over limit the rest is read too and tooLarge is true.
func (d *dialogue) readBlock(limit int) (content []byte, tooLarge bool, err error) {
	if err := d.w.Flush(); err != nil {
		return nil, false, err
	}
	keep := func(c byte) {
		if len(content) >= limit {
			tooLarge = true
			return
		}
		content = append(content, c)
	}
	state := atLineStart
	for {
		c, err := d.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return content, tooLarge, io.ErrUnexpectedEOF
		case err != nil:
			return content, tooLarge, err
		case state == atLineStart && c == '.':
			state = afterDot
			continue
		case state == afterDot && c == '\r':
			state = afterDotCR
			continue
		case state == afterDotCR && c == '\n':
			return content, tooLarge, nil
		case state == afterDotCR:
			keep('\r')
			state = afterCR
		}
		keep(c)
		state = nextInLine(state, c)
	}
}

// nextInLine is the state after a byte of content.
func nextInLine(state blockState, c byte) blockState {
	switch {
	case c == '\r':
		return afterCR
	case c == '\n' && state == afterCR:
		return atLineStart
	}
	return inLine
}
