package lab

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpSession is one client between its EHLO and its end; it implements
// smtp.AuthSession. With BDAT the library calls Data from another goroutine than
// the rest.
type smtpSession struct {
	origin *SMTP

	mu       sync.Mutex // guards the fields below
	user     string
	envelope Envelope
	users    []string // whose inboxes the mail goes to, each once
	sink     bool
}

func (o *SMTP) newSession(*smtp.Conn) (smtp.Session, error) {
	o.gate.commands.Add(1)
	return &smtpSession{origin: o}, nil
}

// Reset forgets the mail under way.
func (s *smtpSession) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resetLocked()
}

func (s *smtpSession) resetLocked() {
	s.envelope, s.users, s.sink = Envelope{}, nil, false
}

// Logout has nothing to free.
func (s *smtpSession) Logout() error { return nil }

// Mail begins a mail. A second MAIL before the first is done is out of order
// (RFC 5321 section 4.1.4), which the library leaves to its backend.
func (s *smtpSession) Mail(from string, opts *smtp.MailOptions) error {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resetLocked()
	s.envelope = Envelope{
		From: from, Body: string(opts.Body), UTF8: opts.UTF8,
		ID: opts.EnvelopeID, Return: string(opts.Return), Authenticated: s.user,
	}
	return nil
}

// Rcpt takes every address at lab.test.
func (s *smtpSession) Rcpt(to string, opts *smtp.RcptOptions) error {
	s.origin.gate.commands.Add(1)
	user, local := recipient(to)
	if !local {
		s.origin.rejected.Add(1)
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Relaying denied, only " + MailDomain + " lives here"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Recipient{Address: to, Original: opts.OriginalRecipient}
	for _, notify := range opts.Notify {
		r.Notify = append(r.Notify, string(notify))
	}
	s.envelope.To = append(s.envelope.To, r)
	switch {
	case strings.EqualFold(to, Sink):
		s.sink = true
	case !slices.Contains(s.users, user):
		s.users = append(s.users, user)
	}
	return nil
}

// Data reads the content to its end and stores it. Of a content that breaks off
// nothing is stored.
func (s *smtpSession) Data(r io.Reader) error {
	if !s.origin.gate.custody.admit(r, func() {}) {
		return errClosing
	}
	defer s.origin.gate.custody.leave(r)
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	envelope, users, sink := s.envelope, slices.Clone(s.users), s.sink
	s.mu.Unlock()

	var content bytes.Buffer
	into := io.Writer(&content)
	if len(users) == 0 {
		into = io.Discard // for Sink alone
	}
	size, err := io.Copy(into, r)
	if err != nil {
		return s.brokenOff(size, err)
	}
	if err := s.store(users, Mail{Envelope: envelope, Received: time.Now(), Content: content.Bytes()}); err != nil {
		return err
	}
	s.origin.mails.Add(1)
	s.origin.mailBytes.Add(size)
	if sink {
		s.origin.sunk.Add(1)
	}
	return nil
}

// errClosing is what BDAT meets that begins while the origin is closed.
var errClosing = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Closing"}

func (s *smtpSession) brokenOff(size int64, err error) error {
	if errors.Is(err, smtp.ErrDataTooLarge) {
		return smtp.ErrDataTooLarge
	}
	s.origin.broken.Add(1)
	s.origin.brokenBytes.Add(size)
	return err
}

func (s *smtpSession) store(users []string, mail Mail) error {
	err := s.origin.boxes.deliver(users, mail)
	if errors.Is(err, errMailboxFull) {
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "Mailbox full"}
	}
	return err
}

// AuthMechanisms names what AUTH can do.
func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth begins a login.
func (s *smtpSession) Auth(mechanism string) (sasl.Server, error) {
	s.origin.gate.commands.Add(1)
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, name, password string) error {
			if identity != "" && identity != name {
				return smtp.ErrAuthFailed
			}
			return s.login(name, password)
		}), nil
	case sasl.Login:
		return &loginServer{authenticate: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *smtpSession) login(name, password string) error {
	user, right := authenticate(name, password)
	if !right {
		return smtp.ErrAuthFailed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = user
	return nil
}

// loginServer is the server of AUTH LOGIN (draft-murchison-sasl-login), which
// go-sasl has only the client of.
type loginServer struct {
	authenticate func(name, password string) error
	name         string
	asked        int // questions asked so far
}

// Next answers the client's last response; an initial one is the user name.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.asked == 0 && response == nil {
		l.asked = 1
		return []byte("Username:"), false, nil
	}
	if l.asked < 2 {
		l.name, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	}
	return nil, true, l.authenticate(l.name, string(response))
}
