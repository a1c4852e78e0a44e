package load

import (
	"errors"
	"fmt"
	"strings"
)

// NNTP fetches one article over and over by its Message-ID.
type NNTP struct {
	ID   string   // with its angle brackets
	Want *Content // see DottedContentOf
}

func (s NNTP) prepare(Target) (player, error) {
	if !strings.HasPrefix(s.ID, "<") || strings.ContainsAny(s.ID, " \r\n") || s.Want == nil {
		return nil, fmt.Errorf("checking the article %q: want a Message-ID and a content", s.ID)
	}
	return &nntpPlayer{article: fmt.Appendf(nil, "ARTICLE %s\r\n", s.ID), want: s.Want}, nil
}

type nntpPlayer struct {
	article []byte
	want    *Content
}

// begin takes both greetings of RFC 3977 section 5.1.
func (p *nntpPlayer) begin(l *line) error {
	err := l.readCode(200)
	if errors.Is(err, unwanted("status 201")) {
		return nil
	}
	return err
}

func (p *nntpPlayer) transaction(l *line) (int64, bool, error) {
	if err := l.ask(p.article, 220); err != nil {
		return 0, false, err
	}
	n, err := l.readContent(p.want, blockEnd)
	if err == nil {
		err = l.settled()
	}
	return n, err == nil, err
}

func (p *nntpPlayer) end(l *line) error { return l.ask([]byte("QUIT\r\n"), 205) }
