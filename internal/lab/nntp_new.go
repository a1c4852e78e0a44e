package lab

import (
	"strings"
	"time"
)

func (s *nntpSession) date([]string) {
	s.say("111 %s", time.Now().UTC().Format("20060102150405"))
}

// newGroups is RFC 3977 section 7.3.
func (s *nntpSession) newGroups(args []string) {
	when, ok := newsTime(args)
	if !ok {
		s.say("501 malformed date or time")
		return
	}
	s.say("231 new groups follow")
	for _, g := range s.origin.news.all() {
		if !g.created.Before(when) {
			s.say("%s %d %d y", g.name, g.high, g.low)
		}
	}
	s.say(".")
}

// newNews is RFC 3977 section 7.4.
func (s *nntpSession) newNews(args []string) {
	when, ok := newsTime(args[1:])
	if !ok {
		s.say("501 malformed date or time")
		return
	}
	s.say("230 new articles follow")
	for _, article := range s.origin.news.since(when) {
		for _, name := range article.Groups {
			if matchesWildmat(args[0], name) {
				s.say("%s", article.ID)
				break
			}
		}
	}
	s.say(".")
}

// newsTime reads [yy]yymmdd hhmmss [GMT]. Two digits of a year mean the year
// nearest to now (RFC 3977 section 7.3.2); the server's own zone is UTC.
func newsTime(args []string) (time.Time, bool) {
	if len(args) > 2 && !strings.EqualFold(args[2], "GMT") {
		return time.Time{}, false
	}
	date := args[0]
	if len(date) == len("060102") {
		now := time.Now().UTC()
		century := now.Year() / 100
		parsed, err := time.Parse("060102", date)
		if err != nil {
			return time.Time{}, false
		}
		if parsed.Year()%100 > now.Year()%100 {
			century--
		}
		date = time.Date(century*100+parsed.Year()%100, parsed.Month(), parsed.Day(), 0, 0, 0, 0, time.UTC).Format("20060102")
	}
	when, err := time.Parse("20060102150405", date+args[1])
	return when, err == nil
}

// matchesWildmat is RFC 3977 section 4: patterns separated by commas, the last
// one that matches decides, an exclamation mark makes it say no.
func matchesWildmat(patterns, name string) bool {
	matched := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		pattern, not := strings.CutPrefix(pattern, "!")
		if matchesPattern(pattern, name) {
			matched = !not
		}
	}
	return matched
}

// matchesPattern knows * and ?. It goes back to the last * only, which is
// enough, so that no pattern takes long.
func matchesPattern(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
