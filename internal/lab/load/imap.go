package load

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// IMAP logs in, selects the inbox and fetches one mail over and over, without
// marking it as seen.
type IMAP struct {
	User, Password string
	Number         int      // of the mail
	Want           *Content // see ContentOf
}

func (s IMAP) prepare(Target) (player, error) {
	if strings.ContainsAny(s.User+s.Password, " \"\\{\r\n") || s.User == "" || s.Number < 1 || s.Want == nil {
		return nil, fmt.Errorf("checking the mail %d of %q: want a number, a name and a content", s.Number, s.User)
	}
	return &imapPlayer{
		login: fmt.Appendf(nil, " LOGIN %s %s\r\n", s.User, s.Password),
		fetch: fmt.Appendf(nil, " FETCH %d BODY.PEEK[]\r\n", s.Number),
		want:  s.Want,
	}, nil
}

type imapPlayer struct {
	login, fetch []byte
	want         *Content
}

func (p *imapPlayer) begin(l *line) error {
	greeting, err := l.readLine()
	switch {
	case err != nil:
		return err
	case bytes.HasPrefix(greeting, []byte("* BYE")):
		return unwanted("answer BYE")
	case !bytes.HasPrefix(greeting, []byte("* OK")):
		return errMalformed
	}
	for _, command := range [][]byte{p.login, []byte(" SELECT INBOX\r\n")} {
		if _, err := p.command(l, command, nil); err != nil {
			return err
		}
	}
	return nil
}

func (p *imapPlayer) transaction(l *line) (int64, bool, error) {
	n, err := p.command(l, p.fetch, p.want)
	return n, err == nil, err
}

func (p *imapPlayer) end(l *line) error {
	_, err := p.command(l, []byte(" LOGOUT\r\n"), nil)
	return err
}

// command sends a command under a tag of its own and reads up to its tagged
// response. With want exactly one literal must come, and be that.
func (p *imapPlayer) command(l *line, text []byte, want *Content) (int64, error) {
	l.counter++
	l.out = strconv.AppendUint(append(l.out[:0], 'a'), l.counter, 10)
	tag := len(l.out)
	l.out = append(l.out, text...)
	if err := l.send(l.out); err != nil {
		return 0, err
	}
	var moved int64
	literals := 0
	for {
		text, err := l.readLine()
		if err != nil {
			return moved, err
		}
		if size, ok := literalSize(text); ok {
			if literals++; want == nil || literals > 1 || size != want.Size {
				return moved, errContent
			}
			if moved, err = l.readContent(want, ""); err != nil {
				return moved, err
			}
			continue
		}
		state, tagged := bytes.CutPrefix(text, l.out[:tag])
		if !tagged {
			continue
		}
		switch {
		case bytes.HasPrefix(state, []byte(" NO")):
			return moved, unwanted("answer NO")
		case bytes.HasPrefix(state, []byte(" BAD")):
			return moved, unwanted("answer BAD")
		case !bytes.HasPrefix(state, []byte(" OK")):
			return moved, errMalformed
		case want != nil && literals == 0:
			return moved, errContent
		}
		return moved, l.settled()
	}
}

// literalSize reads the {size} that a line with a literal behind it ends with
// (RFC 9051 section 4.3).
func literalSize(text []byte) (int64, bool) {
	text, ok := bytes.CutSuffix(text, []byte("}"))
	if !ok {
		return 0, false
	}
	return decimal(text[bytes.LastIndexByte(text, '{')+1:])
}
