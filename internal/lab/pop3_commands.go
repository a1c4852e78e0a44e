package lab

import (
	"bytes"
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

func (s *pop3Session) capa([]string) {
	s.say("+OK capabilities follow")
	s.lines([]string{
		"TOP", "USER", "SASL PLAIN", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UIDL",
		"EXPIRE NEVER", "IMPLEMENTATION utmsim-lab",
	})
}

// quit removes what was marked (RFC 1939 section 6).
func (s *pop3Session) quit([]string) {
	s.over = true
	doomed := make(map[uint32]bool)
	for _, mail := range s.mails {
		if mail.deleted {
			doomed[mail.uid] = true
		}
	}
	if len(doomed) > 0 {
		gone := s.origin.boxes.remove(s.user, s.inbox, func(mail *storedMail) bool { return doomed[mail.UID] })
		s.origin.deleted.Add(int64(len(gone)))
	}
	s.say("+OK bye")
}

func (s *pop3Session) userName(args []string) {
	if len(args) != 1 {
		s.say("-ERR USER name")
		return
	}
	s.name = args[0]
	s.say("+OK send PASS") // whether there is such a user is told nobody
}

func (s *pop3Session) pass(args []string) {
	name := s.name
	s.name = ""
	if name == "" {
		s.say("-ERR send USER first")
		return
	}
	s.login(name, args[0])
}

// apop compares the MD5 of stamp and password (RFC 1939 section 7).
func (s *pop3Session) apop(args []string) {
	if len(args) != 2 {
		s.say("-ERR APOP name digest")
		return
	}
	sum := md5.Sum([]byte(s.stamp + Password))
	right := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(right), []byte(strings.ToLower(args[1]))) != 1 {
		s.say("-ERR [AUTH] wrong name or password")
		return
	}
	s.login(args[0], Password)
}

// auth is AUTH PLAIN of RFC 5034, with or without the initial response.
func (s *pop3Session) auth(args []string) {
	if len(args) == 0 || len(args) > 2 || !strings.EqualFold(args[0], "PLAIN") {
		s.say("-ERR only AUTH PLAIN")
		return
	}
	response := ""
	if len(args) == 2 {
		response = args[1]
	} else {
		s.say("+ ")
		line, err := s.readLine()
		if err != nil {
			s.over = true
			return
		}
		response = line
	}
	plain, err := base64.StdEncoding.DecodeString(response)
	fields := strings.Split(string(plain), "\x00")
	if err != nil || len(fields) != 3 || (fields[0] != "" && fields[0] != fields[1]) {
		s.say("-ERR AUTH cancelled or malformed")
		return
	}
	s.login(fields[1], fields[2])
}

func (s *pop3Session) login(name, password string) {
	user, right := authenticate(name, password)
	if !right {
		s.say("-ERR [AUTH] wrong name or password")
		return
	}
	inbox, err := s.origin.boxes.open(user, Inbox)
	if err != nil {
		s.say("-ERR [SYS/PERM] %v", err)
		return
	}
	s.user, s.inbox = user, inbox
	for _, mail := range s.origin.boxes.state(inbox, 0).mails {
		s.mails = append(s.mails, pop3Mail{uid: mail.UID, content: withCRLF(mail.Content)})
	}
	s.origin.logins.Add(1)
	s.say("+OK %d mails", len(s.mails))
}

// withCRLF returns content with every line ended by CRLF, itself if they
// already are.
func withCRLF(content []byte) []byte {
	bare := bytes.Count(content, []byte("\n")) - bytes.Count(content, []byte("\r\n"))
	open := len(content) > 0 && !bytes.HasSuffix(content, []byte("\n"))
	if bare == 0 && !open {
		return content
	}
	out := make([]byte, 0, len(content)+bare+len("\r\n"))
	for i, c := range content {
		if c == '\n' && (i == 0 || content[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	if open {
		out = append(out, '\r', '\n')
	}
	return out
}

func (s *pop3Session) stat([]string) {
	count, size := s.left()
	s.say("+OK %d %d", count, size)
}

// left counts what isn't marked as deleted.
func (s *pop3Session) left() (count, size int) {
	for _, mail := range s.mails {
		if !mail.deleted {
			count++
			size += len(mail.content)
		}
	}
	return count, size
}

func (s *pop3Session) list(args []string) {
	s.listing(args, func(mail pop3Mail) string { return strconv.Itoa(len(mail.content)) })
}

func (s *pop3Session) uidl(args []string) {
	s.listing(args, func(mail pop3Mail) string { return fmt.Sprintf("%d.%d", s.inbox.validity, mail.uid) })
}

// listing answers LIST and UIDL, for one mail or for all.
func (s *pop3Session) listing(args []string, value func(pop3Mail) string) {
	if len(args) > 0 {
		if at, ok := s.chosen(args, 1); ok {
			s.say("+OK %d %s", at+1, value(s.mails[at]))
		}
		return
	}
	count, size := s.left()
	s.say("+OK %d mails (%d octets)", count, size)
	for at, mail := range s.mails {
		if !mail.deleted {
			s.say("%d %s", at+1, value(mail))
		}
	}
	s.say(".")
}

// chosen returns the index of the mail that the first argument names; it
// answers when there is none.
func (s *pop3Session) chosen(args []string, want int) (int, bool) {
	if len(args) != want {
		s.say("-ERR wrong number of arguments")
		return 0, false
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 1 || number > len(s.mails) || s.mails[number-1].deleted {
		s.say("-ERR no such mail")
		return 0, false
	}
	return number - 1, true
}

func (s *pop3Session) retr(args []string) {
	at, ok := s.chosen(args, 1)
	if !ok {
		return
	}
	content := s.mails[at].content
	s.origin.retrieved.Add(1)
	s.origin.retrievedBytes.Add(int64(len(content)))
	s.say("+OK %d octets", len(content))
	s.block(content)
}

// top sends the head and the first lines of the body (RFC 1939 section 7).
func (s *pop3Session) top(args []string) {
	at, ok := s.chosen(args, 2)
	if !ok {
		return
	}
	count, err := strconv.Atoi(args[1])
	if err != nil || count < 0 {
		s.say("-ERR not a number of lines")
		return
	}
	content := s.mails[at].content
	end := headEnd(content)
	for ; count > 0 && end < len(content); count-- {
		line := bytes.IndexByte(content[end:], '\n') + 1
		if line == 0 {
			line = len(content) - end
		}
		end += line
	}
	s.say("+OK")
	s.block(content[:end])
}

// headEnd is where the body of a mail or an article begins: after the first
// empty line, or at the end if there is none.
func headEnd(content []byte) int {
	for at := 0; at < len(content); {
		line := bytes.IndexByte(content[at:], '\n') + 1
		if line == 0 {
			break
		}
		if len(bytes.TrimRight(content[at:at+line], "\r\n")) == 0 {
			return at + line
		}
		at += line
	}
	return len(content)
}

func (s *pop3Session) dele(args []string) {
	if at, ok := s.chosen(args, 1); ok {
		s.mails[at].deleted = true
		s.say("+OK marked")
	}
}

func (s *pop3Session) rset([]string) {
	for at := range s.mails {
		s.mails[at].deleted = false
	}
	count, size := s.left()
	s.say("+OK %d mails (%d octets)", count, size)
}
