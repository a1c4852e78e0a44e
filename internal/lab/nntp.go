package lab

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// maxNNTPLine is the longest command of RFC 3977 section 3.1, with its line end.
const maxNNTPLine = 512

// NNTP is the lab's news server (RFC 3977, streaming of RFC 4644, login of RFC
// 4643). Everybody may read, post and feed; logging in changes nothing else.
// Articles are kept as they came; only what POST leaves to the server is added,
// in front.
//
// Commands of Traffic counts every command line.
type NNTP struct {
	// MaxSessions is the number of connections at once; 0 means 32,768. A
	// connection more is told 400. Set it before Listen.
	MaxSessions int

	gate     gate
	news     *newsStore
	commands []nntpCommand

	served, servedBytes   atomic.Int64
	stored, storedBytes   atomic.Int64
	rejected, broken      atomic.Int64
	rejectedB, brokenByte atomic.Int64
}

// NNTPCounts is what the server has seen since it was created.
type NNTPCounts struct {
	Traffic
	Served        int64 // articles given whole or in part by ARTICLE, HEAD or BODY
	ServedBytes   int64 // of these, without stuffed dots
	Stored        int64 // articles taken from POST, IHAVE and TAKETHIS
	StoredBytes   int64 // of these, as they came
	Rejected      int64 // articles that came completely and were refused
	RejectedBytes int64
	Broken        int64 // articles that never came to their end
	BrokenBytes   int64
}

// NewNNTP returns a server with the first articles that listens nowhere yet.
func NewNNTP() *NNTP {
	o := &NNTP{news: newNewsStore(), commands: nntpCommands()}
	o.gate.refusal = "400 too many connections\r\n"
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses.
func (o *NNTP) Listen(address string) (string, error) {
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		acceptAll(listener, func(conn net.Conn) { go o.serve(conn) }) // the gate waits for the Close in serve
	})
}

// Articles returns what is in a group now, oldest first; nil if there is no
// such group.
func (o *NNTP) Articles(group string) []Article {
	g, ok := o.news.group(group)
	if !ok {
		return nil
	}
	articles := make([]Article, 0, len(g.entries))
	for _, entry := range g.entries {
		articles = append(articles, *entry.article)
	}
	return articles
}

// Add stores an article with CRLF line ends as it is, without a copy of it.
func (o *NNTP) Add(content []byte) error {
	article, err := parseArticle(content, false, time.Now())
	if err != nil {
		return err
	}
	return o.news.add(article)
}

// Counts returns what the server has seen so far.
func (o *NNTP) Counts() NNTPCounts {
	return NNTPCounts{
		Traffic:       o.gate.traffic(),
		Served:        o.served.Load(),
		ServedBytes:   o.servedBytes.Load(),
		Stored:        o.stored.Load(),
		StoredBytes:   o.storedBytes.Load(),
		Rejected:      o.rejected.Load(),
		RejectedBytes: o.rejectedB.Load(),
		Broken:        o.broken.Load(),
		BrokenBytes:   o.brokenByte.Load(),
	}
}

// Close ends all sessions and waits for them.
func (o *NNTP) Close() error {
	o.gate.close()
	return nil
}

// nntpSession is one connection.
type nntpSession struct {
	*dialogue
	origin  *NNTP
	name    string // given by AUTHINFO USER
	user    string // logged in; "" before
	group   string // selected; "" before
	current int    // article number; 0 for none
	over    bool
}

func (o *NNTP) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	s := &nntpSession{dialogue: newDialogue(conn, maxNNTPLine), origin: o}
	s.say("200 news.%s ready, posting allowed", MailDomain)
	for !s.over {
		line, err := s.readLine()
		if errors.Is(err, errLineTooLong) {
			s.say("501 line too long")
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

// nntpCommand is one verb with the number of arguments it takes.
type nntpCommand struct {
	verb        string
	least, most int
	run         func(s *nntpSession, args []string)
}

func nntpCommands() []nntpCommand {
	return []nntpCommand{
		{"CAPABILITIES", 0, 1, (*nntpSession).capabilities},
		{"MODE", 1, 1, (*nntpSession).mode},
		{"QUIT", 0, 0, func(s *nntpSession, _ []string) { s.over = true; s.say("205 bye") }},
		{"GROUP", 1, 1, (*nntpSession).selectGroup},
		{"LISTGROUP", 0, 2, (*nntpSession).listGroup},
		{"LAST", 0, 0, func(s *nntpSession, _ []string) { s.step(-1) }},
		{"NEXT", 0, 0, func(s *nntpSession, _ []string) { s.step(+1) }},
		{"ARTICLE", 0, 1, func(s *nntpSession, args []string) { s.give(args, 220) }},
		{"HEAD", 0, 1, func(s *nntpSession, args []string) { s.give(args, 221) }},
		{"BODY", 0, 1, func(s *nntpSession, args []string) { s.give(args, 222) }},
		{"STAT", 0, 1, func(s *nntpSession, args []string) { s.give(args, 223) }},
		{"OVER", 0, 1, (*nntpSession).overviews},
		{"XOVER", 0, 1, (*nntpSession).overviews},
		{"HDR", 1, 2, func(s *nntpSession, args []string) { s.headers(args, 225) }},
		{"XHDR", 1, 2, func(s *nntpSession, args []string) { s.headers(args, 221) }},
		{"LIST", 0, 2, (*nntpSession).list},
		{"NEWGROUPS", 2, 3, (*nntpSession).newGroups},
		{"NEWNEWS", 3, 4, (*nntpSession).newNews},
		{"DATE", 0, 0, (*nntpSession).date},
		{"HELP", 0, 0, (*nntpSession).help},
		{"POST", 0, 0, (*nntpSession).post},
		{"IHAVE", 1, 1, (*nntpSession).ihave},
		{"CHECK", 1, 1, (*nntpSession).check},
		{"TAKETHIS", 1, 1, (*nntpSession).takeThis},
		{"AUTHINFO", 2, 3, (*nntpSession).authinfo},
	}
}

func (s *nntpSession) command(line string) {
	words := strings.Fields(line)
	if len(words) == 0 {
		s.say("500 empty command")
		return
	}
	for _, c := range s.origin.commands {
		if !strings.EqualFold(words[0], c.verb) {
			continue
		}
		args := words[1:]
		if len(args) < c.least || len(args) > c.most {
			s.say("501 wrong number of arguments")
			return
		}
		c.run(s, args)
		return
	}
	s.say("500 unknown command")
}

func (s *nntpSession) capabilities([]string) {
	s.say("101 capabilities")
	lines := []string{
		"VERSION 2", "IMPLEMENTATION utmsim-lab", "READER", "POST", "IHAVE", "STREAMING",
		"OVER MSGID", "HDR", "NEWNEWS", "LIST ACTIVE NEWSGROUPS ACTIVE.TIMES OVERVIEW.FMT HEADERS",
	}
	if s.user == "" { // RFC 4643 section 2.1
		lines = append(lines, "AUTHINFO USER SASL", "SASL PLAIN")
	}
	s.lines(lines)
}

func (s *nntpSession) mode(args []string) {
	switch strings.ToUpper(args[0]) {
	case "READER":
		s.say("200 posting allowed")
	case "STREAM":
		s.say("203 streaming permitted")
	default:
		s.say("501 MODE READER or MODE STREAM")
	}
}

func (s *nntpSession) help([]string) {
	s.say("100 commands")
	var verbs []string
	for _, c := range s.origin.commands {
		verbs = append(verbs, c.verb)
	}
	s.lines(verbs)
}
