package load

import (
	"bytes"
	"fmt"
	"strings"
)

// POP3 logs in and retrieves one mail over and over.
type POP3 struct {
	User, Password string
	Number         int      // of the mail
	Want           *Content // see DottedContentOf
}

func (s POP3) prepare(Target) (player, error) {
	if strings.ContainsAny(s.User+s.Password, " \r\n") || s.Number < 1 || s.Want == nil {
		return nil, fmt.Errorf("checking the mail %d of %q: want a number, a name and a content", s.Number, s.User)
	}
	return &pop3Player{
		login: [2][]byte{fmt.Appendf(nil, "USER %s\r\n", s.User), fmt.Appendf(nil, "PASS %s\r\n", s.Password)},
		retr:  fmt.Appendf(nil, "RETR %d\r\n", s.Number), want: s.Want,
	}, nil
}

type pop3Player struct {
	login [2][]byte
	retr  []byte
	want  *Content
}

// positive waits for +OK.
func (p *pop3Player) positive(l *line) error {
	text, err := l.readLine()
	switch {
	case err != nil:
		return err
	case bytes.HasPrefix(text, []byte("+OK")):
		return nil
	case bytes.HasPrefix(text, []byte("-ERR")):
		return unwanted("answer -ERR")
	}
	return errMalformed
}

func (p *pop3Player) ask(l *line, command []byte) error {
	if err := l.send(command); err != nil {
		return err
	}
	return p.positive(l)
}

func (p *pop3Player) begin(l *line) error {
	err := p.positive(l)
	for _, command := range p.login {
		if err == nil {
			err = p.ask(l, command)
		}
	}
	return err
}

func (p *pop3Player) transaction(l *line) (int64, bool, error) {
	if err := p.ask(l, p.retr); err != nil {
		return 0, false, err
	}
	n, err := l.readContent(p.want, blockEnd)
	if err == nil {
		err = l.settled()
	}
	return n, err == nil, err
}

func (p *pop3Player) end(l *line) error { return p.ask(l, []byte("QUIT\r\n")) }
