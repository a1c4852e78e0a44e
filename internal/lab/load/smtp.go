package load

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// SMTP sends one mail over and over, one command at a time. It counts as done
// when the server has accepted it; that the server got every byte is for the
// server to find (lab.FastSMTP refuses what it doesn't know).
type SMTP struct {
	From, To string
	Mail     []byte // lines end in CRLF, the last one too, and none begins with a dot
}

func (s SMTP) prepare(Target) (player, error) {
	switch {
	case strings.ContainsAny(s.From+s.To, "<>\r\n"):
		return nil, fmt.Errorf("checking the addresses %q and %q: only bare addresses", s.From, s.To)
	case !bytes.HasSuffix(s.Mail, []byte("\r\n")):
		return nil, errors.New("checking the mail: it must end in CRLF")
	case s.Mail[0] == '.', bytes.Contains(s.Mail, []byte("\n.")):
		return nil, errors.New("checking the mail: a line begins with a dot")
	}
	return &smtpPlayer{
		mail:  fmt.Appendf(nil, "MAIL FROM:<%s>\r\n", s.From),
		rcpt:  fmt.Appendf(nil, "RCPT TO:<%s>\r\n", s.To),
		data:  []byte("DATA\r\n"),
		whole: append(s.Mail[:len(s.Mail):len(s.Mail)], ".\r\n"...),
	}, nil
}

type smtpPlayer struct{ mail, rcpt, data, whole []byte }

func (p *smtpPlayer) begin(l *line) error {
	if err := l.readCode(220); err != nil {
		return err
	}
	return l.ask([]byte("EHLO load.lab.test\r\n"), 250)
}

func (p *smtpPlayer) transaction(l *line) (int64, bool, error) {
	for _, step := range [...]struct {
		command []byte
		want    int
	}{{p.mail, 250}, {p.rcpt, 250}, {p.data, 354}} {
		if err := l.ask(step.command, step.want); err != nil {
			return 0, false, err
		}
	}
	n, err := l.conn.Write(p.whole)
	if err == nil {
		err = l.readCode(250)
	}
	if err == nil {
		err = l.settled()
	}
	return int64(n), err == nil, err
}

func (p *smtpPlayer) end(l *line) error { return l.ask([]byte("QUIT\r\n"), 221) }
