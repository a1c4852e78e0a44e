package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// FTP logs in and retrieves one file over and over, each time over a passive data
// connection of its own.
type FTP struct {
	User, Password string
	File           string
	Want           *Content // see ContentOf
}

func (s FTP) prepare(target Target) (player, error) {
	if strings.ContainsAny(s.User+s.Password+s.File, "\r\n") || s.User == "" || s.File == "" || s.Want == nil {
		return nil, fmt.Errorf("checking the file %q of %q: want a name, a user and a content", s.File, s.User)
	}
	host, _, err := net.SplitHostPort(target.Address)
	if err != nil {
		return nil, fmt.Errorf("checking the server address %q: %w", target.Address, err)
	}
	return &ftpPlayer{
		host: host,
		user: fmt.Appendf(nil, "USER %s\r\n", s.User), pass: fmt.Appendf(nil, "PASS %s\r\n", s.Password),
		retr: fmt.Appendf(nil, "RETR %s\r\n", s.File), want: s.Want,
	}, nil
}

type ftpPlayer struct {
	host             string // data connections go where the control connection goes
	user, pass, retr []byte
	want             *Content
}

func (p *ftpPlayer) begin(l *line) error {
	err := l.readCode(220)
	if err == nil {
		err = l.ask(p.user, 331)
	}
	if err == nil {
		err = l.ask(p.pass, 230)
	}
	if err == nil {
		err = l.ask([]byte("TYPE I\r\n"), 200)
	}
	return err
}

// transaction is PASV, the data connection, RETR, the file, and the word that it
// was all of it.
func (p *ftpPlayer) transaction(l *line) (int64, bool, error) {
	address, err := p.passive(l)
	if err != nil {
		return 0, false, err
	}
	data, err := l.data(l.ctx, address)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = data.Close() }() // all that was wanted of it has been read
	if err := l.send(p.retr); err != nil {
		return 0, false, err
	}
	switch code, err := l.code(); {
	case err != nil:
		return 0, false, err
	case code != 150 && code != 125:
		return 0, false, unwanted(fmt.Sprintf("status %d", code))
	}
	n, err := l.receive(data, p.want)
	if err == nil {
		err = l.readCode(226)
	}
	if err == nil {
		err = l.settled()
	}
	return n, err == nil, err
}

func (p *ftpPlayer) end(l *line) error { return l.ask([]byte("QUIT\r\n"), 221) }

// passive asks where to connect to. The address in the answer is not believed:
// only its port is, so that no server sends the load elsewhere.
func (p *ftpPlayer) passive(l *line) (string, error) {
	if err := l.send([]byte("PASV\r\n")); err != nil {
		return "", err
	}
	text, err := l.readLine()
	if err != nil {
		return "", err
	}
	code, ok := replyCode(text)
	switch {
	case !ok:
		return "", errMalformed
	case code != 227:
		return "", unwanted(fmt.Sprintf("status %d", code))
	}
	port, ok := passivePort(text)
	if !ok {
		return "", errMalformed
	}
	return net.JoinHostPort(p.host, strconv.Itoa(port)), nil
}

// passivePort reads the last two of the six numbers of RFC 959 section 4.1.2.
func passivePort(text []byte) (int, bool) {
	_, list, _ := bytes.Cut(text, []byte("("))
	list, _, found := bytes.Cut(list, []byte(")"))
	for range 4 {
		_, list, _ = bytes.Cut(list, []byte(","))
	}
	high, low, _ := bytes.Cut(list, []byte(","))
	h, okHigh := decimal(high)
	n, okLow := decimal(low)
	port := h<<8 + n
	return int(port), found && okHigh && okLow && h < 256 && n < 256 && port > 0
}

// receive reads a data connection to its end, into what is free of the buffer:
// the rest may hold the last word of the control connection.
func (l *line) receive(data net.Conn, want *Content) (int64, error) {
	var d digest
	for free := l.in[l.w:]; ; {
		n, err := data.Read(free)
		d.add(free[:n])
		switch {
		case errors.Is(err, io.EOF):
			return d.size, d.check(want)
		case err != nil:
			return d.size, err
		case d.size > want.Size:
			return d.size, errContent
		}
	}
}
