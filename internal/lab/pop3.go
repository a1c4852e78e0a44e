package lab

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync/atomic"
)

// maxPOP3Line is the longest command of RFC 2449 section 4, with its line end.
const maxPOP3Line = 255

// POP3 is the lab's POP3 server (RFC 1939) over the inboxes of Mailboxes.
//
// A session works on the mails that were there at its login and doesn't lock
// others out; the lab's clients share accounts. RFC 1939 knows only lines that
// end in CRLF: a mail that holds bare line feeds is served with CRLF instead,
// and its sizes are those of what is served.
//
// Commands of Traffic counts every command line.
type POP3 struct {
	// MaxSessions is the number of connections at once; 0 means 32,768. A
	// connection more is told -ERR [SYS/TEMP]. Set it before Listen.
	MaxSessions int

	gate     gate
	boxes    *Mailboxes
	commands []pop3Command

	logins, retrieved, retrievedBytes, deleted atomic.Int64
}

// POP3Counts is what the server has seen since it was created.
type POP3Counts struct {
	Traffic
	Logins         int64
	Retrieved      int64 // mails given by RETR
	RetrievedBytes int64 // of these, without stuffed dots
	Deleted        int64 // mails removed at QUIT
}

// NewPOP3 returns a server for boxes that listens nowhere yet.
func NewPOP3(boxes *Mailboxes) *POP3 {
	o := &POP3{boxes: boxes, commands: pop3Commands()}
	o.gate.refusal = "-ERR [SYS/TEMP] too many connections\r\n"
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses.
func (o *POP3) Listen(address string) (string, error) {
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		acceptAll(listener, func(conn net.Conn) { go o.serve(conn) }) // the gate waits for the Close in serve
	})
}

// Counts returns what the server has seen so far.
func (o *POP3) Counts() POP3Counts {
	return POP3Counts{
		Traffic:        o.gate.traffic(),
		Logins:         o.logins.Load(),
		Retrieved:      o.retrieved.Load(),
		RetrievedBytes: o.retrievedBytes.Load(),
		Deleted:        o.deleted.Load(),
	}
}

// Close ends all sessions and waits for them. What they marked as deleted stays.
func (o *POP3) Close() error {
	o.gate.close()
	return nil
}

// pop3Session is one connection.
type pop3Session struct {
	*dialogue
	origin *POP3
	stamp  string // of the greeting, for APOP
	name   string // given by USER
	user   string // logged in; "" before
	inbox  *folder
	mails  []pop3Mail
	over   bool
}

type pop3Mail struct {
	uid     uint32
	content []byte // as served
	deleted bool
}

func (o *POP3) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	s := &pop3Session{dialogue: newDialogue(conn, maxPOP3Line), origin: o, stamp: newStamp()}
	s.say("+OK %s POP3 ready %s", MailDomain, s.stamp)
	for !s.over {
		line, err := s.readLine()
		if errors.Is(err, errLineTooLong) {
			s.say("-ERR line too long")
			break
		}
		if err != nil {
			return
		}
		o.gate.commands.Add(1)
		s.command(line)
	}
	_ = s.w.Flush() // a client that has gone doesn't miss it
}

// newStamp makes the unique msg-id that APOP digests (RFC 1939 section 7).
func newStamp() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return "<" + hex.EncodeToString(random[:]) + "@" + MailDomain + ">"
}

// pop3Command is one verb. Before login only those with anytime or login set
// may be used, afterwards all but those for login.
type pop3Command struct {
	verb           string
	anytime, login bool
	run            func(s *pop3Session, args []string)
}

func pop3Commands() []pop3Command {
	return []pop3Command{
		{"CAPA", true, false, (*pop3Session).capa},
		{"QUIT", true, false, (*pop3Session).quit},
		{"USER", false, true, (*pop3Session).userName},
		{"PASS", false, true, (*pop3Session).pass},
		{"APOP", false, true, (*pop3Session).apop},
		{"AUTH", false, true, (*pop3Session).auth},
		{"STAT", false, false, (*pop3Session).stat},
		{"LIST", false, false, (*pop3Session).list},
		{"UIDL", false, false, (*pop3Session).uidl},
		{"RETR", false, false, (*pop3Session).retr},
		{"TOP", false, false, (*pop3Session).top},
		{"DELE", false, false, (*pop3Session).dele},
		{"RSET", false, false, (*pop3Session).rset},
		{"NOOP", false, false, func(s *pop3Session, _ []string) { s.say("+OK") }},
	}
}

func (s *pop3Session) command(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	for _, c := range s.origin.commands {
		if !strings.EqualFold(verb, c.verb) {
			continue
		}
		switch {
		case !c.anytime && s.user == "" && !c.login:
			s.say("-ERR log in first")
		case s.user != "" && c.login:
			s.say("-ERR already logged in")
		case c.verb == "PASS":
			c.run(s, []string{rest}) // spaces belong to the password
		default:
			c.run(s, strings.Fields(rest))
		}
		return
	}
	s.say("-ERR unknown command")
}
