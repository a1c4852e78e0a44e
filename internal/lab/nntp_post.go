package lab

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// receive reads the article that follows and stores it. Whole is false when the
// connection ended first; then there is nobody to answer.
func (s *nntpSession) receive(inject bool, wantID string) (whole bool, err error) {
	content, tooLarge, err := s.readBlock(MaxArticleSize)
	if err != nil {
		s.over = true
		s.origin.broken.Add(1)
		s.origin.brokenByte.Add(int64(len(content)))
		return false, err
	}
	if err = errTooLarge; !tooLarge {
		err = s.store(content, inject, wantID)
	}
	if err != nil {
		s.origin.rejected.Add(1)
		s.origin.rejectedB.Add(int64(len(content)))
		return true, err
	}
	s.origin.stored.Add(1)
	s.origin.storedBytes.Add(int64(len(content)))
	return true, nil
}

// Why an article that came completely isn't taken, besides the store's reasons.
var (
	errTooLarge = errors.New("the article is too large")
	errWrongID  = errors.New("the article has another Message-ID than the command")
)

func (s *nntpSession) store(content []byte, inject bool, wantID string) error {
	article, err := parseArticle(content, inject, time.Now())
	if err != nil {
		return err
	}
	if wantID != "" && article.ID != wantID {
		return errWrongID
	}
	return s.origin.news.add(article)
}

// post is RFC 3977 section 6.3.1.
func (s *nntpSession) post([]string) {
	s.say("340 send the article, end with a dot")
	whole, err := s.receive(true, "")
	switch {
	case !whole:
	case err != nil:
		s.say("441 not posted: %v", err)
	default:
		s.say("240 posted")
	}
}

// ihave is RFC 3977 section 6.3.2.
func (s *nntpSession) ihave(args []string) {
	if !properID(args[0]) {
		s.say("501 malformed Message-ID")
		return
	}
	if _, here := s.origin.news.article(args[0]); here {
		s.say("435 not wanted")
		return
	}
	s.say("335 send it, end with a dot")
	whole, err := s.receive(false, args[0])
	switch {
	case !whole:
	case err != nil:
		s.say("437 not taken, don't try again: %v", err)
	default:
		s.say("235 taken")
	}
}

// check is RFC 4644 section 2.4.
func (s *nntpSession) check(args []string) {
	_, here := s.origin.news.article(args[0])
	switch {
	case !properID(args[0]):
		s.say("501 malformed Message-ID")
	case here:
		s.say("438 %s", args[0])
	default:
		s.say("238 %s", args[0])
	}
}

// takeThis is RFC 4644 section 2.5: the article comes without being asked for.
func (s *nntpSession) takeThis(args []string) {
	whole, err := s.receive(false, args[0])
	switch {
	case !whole:
	case err != nil:
		s.say("439 %s", args[0])
	default:
		s.say("239 %s", args[0])
	}
}

// authinfo is RFC 4643: USER and PASS, or SASL PLAIN.
func (s *nntpSession) authinfo(args []string) {
	if s.user != "" {
		s.say("502 already logged in")
		return
	}
	switch strings.ToUpper(args[0]) {
	case "USER":
		s.name = args[1]
		s.say("381 send the password")
	case "PASS":
		name := s.name
		s.name = ""
		if name == "" {
			s.say("482 send the user name first")
			return
		}
		s.login(name, args[1])
	case "SASL":
		s.sasl(args[1:])
	default:
		s.say("501 AUTHINFO USER, PASS or SASL")
	}
}

func (s *nntpSession) sasl(args []string) {
	if !strings.EqualFold(args[0], "PLAIN") {
		s.say("503 only SASL PLAIN")
		return
	}
	response := ""
	if len(args) > 1 {
		response = args[1]
	} else {
		s.say("383 =")
		line, err := s.readLine()
		if err != nil {
			s.over = true
			return
		}
		response = line
	}
	if response == "*" {
		s.say("481 cancelled")
		return
	}
	plain, err := base64.StdEncoding.DecodeString(response)
	fields := strings.Split(string(plain), "\x00")
	if err != nil || len(fields) != 3 {
		s.say("482 malformed response")
		return
	}
	s.login(fields[1], fields[2])
}

func (s *nntpSession) login(name, password string) {
	user, right := authenticate(name, password)
	if !right {
		s.say("481 wrong name or password")
		return
	}
	s.user = user
	s.say("281 logged in")
}
