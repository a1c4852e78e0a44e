package lab

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

func (s *nntpSession) selectGroup(args []string) {
	if g, ok := s.enter(args[0]); ok {
		s.say("211 %d %d %d %s", len(g.entries), g.low, g.high, g.name)
	}
}

// enter selects a group and its first article (RFC 3977 section 6.1.1); it
// answers when there is no such group.
func (s *nntpSession) enter(name string) (newsGroup, bool) {
	g, ok := s.origin.news.group(name)
	if !ok {
		s.say("411 no such newsgroup")
		return g, false
	}
	s.group, s.current = name, 0
	if len(g.entries) > 0 {
		s.current = g.entries[0].number
	}
	return g, true
}

// selected returns the selected group; it answers when there is none.
func (s *nntpSession) selected() (newsGroup, bool) {
	if s.group == "" {
		s.say("412 no newsgroup selected")
		return newsGroup{}, false
	}
	return s.origin.news.group(s.group)
}

func (s *nntpSession) listGroup(args []string) {
	name := s.group
	if len(args) > 0 {
		name = args[0]
	}
	low, high := 1, math.MaxInt
	if len(args) > 1 {
		var ok bool
		if low, high, ok = articleRange(args[1]); !ok {
			s.say("501 malformed range")
			return
		}
	}
	if name == "" {
		s.say("412 no newsgroup selected")
		return
	}
	g, ok := s.enter(name)
	if !ok {
		return
	}
	s.say("211 %d %d %d %s list follows", len(g.entries), g.low, g.high, g.name)
	for _, entry := range g.between(low, high) {
		s.say("%d", entry.number)
	}
	s.say(".")
}

// articleRange reads n, n- or n-m.
func articleRange(text string) (low, high int, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	low, err := strconv.Atoi(first)
	if err != nil || low < 0 {
		return 0, 0, false
	}
	if !isRange {
		return low, low, true
	}
	if last == "" {
		return low, math.MaxInt, true
	}
	high, err = strconv.Atoi(last)
	return low, high, err == nil && high >= 0
}

// step moves the current article to the one before or after.
func (s *nntpSession) step(by int) {
	g, ok := s.selected()
	if !ok {
		return
	}
	if s.current == 0 {
		s.say("420 no current article")
		return
	}
	at := g.at(s.current)
	if by > 0 && at < len(g.entries) && g.entries[at].number == s.current {
		at++
	}
	if by < 0 {
		at--
	}
	switch {
	case at < 0:
		s.say("422 no previous article")
	case at >= len(g.entries):
		s.say("421 no next article")
	default:
		s.current = g.entries[at].number
		s.say("223 %d %s", s.current, g.entries[at].article.ID)
	}
}

// find looks an article up by Message-ID (number 0), by number, or the current
// one; it answers when there is none.
func (s *nntpSession) find(args []string) (newsEntry, bool) {
	if len(args) > 0 && strings.HasPrefix(args[0], "<") {
		article, ok := s.origin.news.article(args[0])
		if !ok {
			s.say("430 no such article")
		}
		return newsEntry{0, article}, ok
	}
	g, ok := s.selected()
	if !ok {
		return newsEntry{}, false
	}
	number, code := s.current, 420
	if len(args) > 0 {
		var err error
		if number, err = strconv.Atoi(args[0]); err != nil {
			s.say("501 neither a number nor a Message-ID")
			return newsEntry{}, false
		}
		code = 423
	}
	found := g.between(number, number)
	if number == 0 || len(found) == 0 {
		s.say("%d no such article", code)
		return newsEntry{}, false
	}
	return found[0], true
}

// give answers ARTICLE, HEAD, BODY and STAT, which differ in their code and in
// what follows (RFC 3977 section 6.2).
func (s *nntpSession) give(args []string, code int) {
	entry, ok := s.find(args)
	if !ok {
		return
	}
	if entry.number != 0 {
		s.current = entry.number
	}
	s.say("%d %d %s", code, entry.number, entry.article.ID)
	content := entry.article.Content
	switch code {
	case 221:
		content = withoutLastLine(content[:headEnd(content)])
	case 222:
		content = content[headEnd(content):]
	case 223:
		return
	}
	s.origin.served.Add(1)
	s.origin.servedBytes.Add(int64(len(content)))
	s.block(content)
}

// withoutLastLine takes the empty line off a head.
func withoutLastLine(head []byte) []byte {
	if text, empty := strings.CutSuffix(string(head), "\r\n\r\n"); empty {
		return head[:len(text)+len("\r\n")]
	}
	return head
}

// several looks up what OVER and HDR are asked about: a Message-ID, a range or
// the current article. It answers when there is nothing.
func (s *nntpSession) several(args []string) ([]newsEntry, bool) {
	if len(args) == 0 || strings.HasPrefix(args[0], "<") {
		entry, ok := s.find(args)
		return []newsEntry{entry}, ok
	}
	g, ok := s.selected()
	if !ok {
		return nil, false
	}
	low, high, ok := articleRange(args[0])
	if !ok {
		s.say("501 malformed range")
		return nil, false
	}
	found := g.between(low, high)
	if len(found) == 0 {
		s.say("423 no articles in that range")
	}
	return found, len(found) > 0
}

func (s *nntpSession) overviews(args []string) {
	entries, ok := s.several(args)
	if !ok {
		return
	}
	s.say("224 overview follows")
	for _, entry := range entries {
		s.say("%d\t%s", entry.number, entry.article.overview())
	}
	s.say(".")
}

// headers answers HDR (225) and its elder XHDR (221).
func (s *nntpSession) headers(args []string, code int) {
	entries, ok := s.several(args[1:])
	if !ok {
		return
	}
	s.say("%d headers follow", code)
	for _, entry := range entries {
		s.say("%d %s", entry.number, entry.article.headerOrMetadata(args[0]))
	}
	s.say(".")
}

// headerOrMetadata is the value of a field, or of :bytes and :lines.
func (a *Article) headerOrMetadata(name string) string {
	switch strings.ToLower(name) {
	case ":bytes":
		return strconv.Itoa(len(a.Content))
	case ":lines":
		return strconv.Itoa(strings.Count(string(a.Content[headEnd(a.Content):]), "\n"))
	}
	return strings.ReplaceAll(valueOf(fieldsOf(a.Content), name), "\t", " ")
}

// list answers the keywords of RFC 3977 section 7.6.
func (s *nntpSession) list(args []string) {
	keyword, pattern := "ACTIVE", "*"
	if len(args) > 0 {
		keyword = strings.ToUpper(args[0])
	}
	if len(args) > 1 {
		pattern = args[1]
	}
	var line func(newsGroup) string
	switch keyword {
	case "ACTIVE":
		line = func(g newsGroup) string { return fmt.Sprintf("%s %d %d y", g.name, g.high, g.low) }
	case "NEWSGROUPS":
		line = func(g newsGroup) string { return g.name + "\t" + g.purpose }
	case "ACTIVE.TIMES":
		line = func(g newsGroup) string { return fmt.Sprintf("%s %d lab", g.name, g.created.Unix()) }
	case "OVERVIEW.FMT":
		s.say("215 overview format")
		s.lines([]string{"Subject:", "From:", "Date:", "Message-ID:", "References:", ":bytes", ":lines"})
		return
	case "HEADERS":
		s.say("215 all fields and")
		s.lines([]string{":", ":bytes", ":lines"})
		return
	default:
		s.say("501 unknown LIST keyword")
		return
	}
	s.say("215 list follows")
	for _, g := range s.origin.news.all() {
		if matchesWildmat(pattern, g.name) {
			s.say("%s", line(g))
		}
	}
	s.say(".")
}
