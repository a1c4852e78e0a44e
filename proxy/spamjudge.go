package proxy

import (
	"context"
	"net/netip"

	"utmsim/internal/bannedword"
	"utmsim/internal/blocklist"
	"utmsim/internal/config"
)

// judgeSpam looks at a mail that was collected, or at the beginning of one that is too
// large (over), of which only the client counts. Its error is the session's end.
func (h *Hold) judgeSpam(ctx context.Context, over bool) error {
	h.toSpool()
	whole := h.in.Object
	whole.Size, whole.Body, whole.Flat = h.size, &h.spool, h.spool.flat()
	letter, err := h.in.Letter(&whole)
	if err != nil {
		return err
	}
	found, err := h.s.judgeLetter(ctx, letter, over)
	if err != nil || !found.decided || found.action == config.ListClear {
		return err
	}
	h.Spam = &found.Spam
	mail := h.s.policy.spam.mail
	switch mail.Action {
	case config.SpamDiscard:
		h.Spam.Fate, h.Outcome = SpamDiscarded, Spammed
	case config.SpamMark:
		h.Spam.Fate, h.Spam.Header, h.Spam.Mark = SpamTagged, mail.TagType == config.TagHeader, mail.TagMsg
		h.Spam.mark.at, h.Spam.mark.text = letter.Mark(h.Spam.Header, h.Spam.Mark)
	default:
		h.Spam.Fate = SpamPassed
	}
	h.s.spamFound(h.Spam, letter, h.size)
	return nil
}

// judgeLetter asks one table after the other; the first that says something decides.
// What costs least comes first, and what asks others last.
func (s *Session) judgeLetter(ctx context.Context, l *Letter, over bool) (opinion, error) {
	if s.sender != nil && s.sender.decided {
		return *s.sender, nil
	}
	if over {
		return opinion{}, nil
	}
	if found := s.judgeSenders(ctx, l.From); found.decided {
		return found, nil
	}
	hops := l.Hops
	if !s.policy.spam.mail.HdrIP {
		hops = nil
	}
	if found := s.blackOrWhite(hops); found.decided {
		return found, nil
	}
	found, err := s.judgeWords(ctx, l)
	if found.decided || err != nil {
		return found, err
	}
	return s.askLists(ctx, hops)
}

// judgeHosts is what the tables say about hosts.
func (s *Session) judgeHosts(ctx context.Context, hosts []netip.Addr) (opinion, error) {
	if found := s.blackOrWhite(hosts); found.decided {
		return found, nil
	}
	return s.askLists(ctx, hosts)
}

// blackOrWhite is what the black and white list says about hosts.
func (s *Session) blackOrWhite(hosts []netip.Addr) opinion {
	for i := range s.policy.spam.senders {
		r := &s.policy.spam.senders[i]
		for _, host := range hosts {
			if r.matches(host) {
				return opinion{Spam{Cause: UnwelcomeHost, Host: host}, true, r.action}
			}
		}
	}
	return opinion{}
}

// judgeSenders is what the black and white list says about mail addresses.
func (s *Session) judgeSenders(ctx context.Context, addresses []string) opinion {
	for i := range s.policy.spam.senders {
		r := &s.policy.spam.senders[i]
		for _, a := range addresses {
			if r.matchesSender(ctx, a) {
				return opinion{Spam{Cause: UnwelcomeFrom, From: a}, true, r.action}
			}
		}
	}
	return opinion{}
}

// judgeWords adds up the banned words of the subject and the readable parts.
func (s *Session) judgeWords(ctx context.Context, l *Letter) (opinion, error) {
	rules := s.policy.spam
	if rules.words == nil {
		return opinion{}, nil
	}
	j := rules.words.Begin()
	defer j.End()
	err := j.AddText(ctx, bannedword.Subject, l.Subject)
	if err == nil {
		err = l.EachText(func(contentType string, content []byte) error {
			return j.Add(ctx, bannedword.Body, content, contentType)
		})
	}
	if err != nil {
		return opinion{}, s.causeOr(err)
	}
	switch r := j.Result(rules.threshold); {
	case r.Exempt:
		return opinion{Spam{}, true, config.ListClear}, nil
	case r.Detected:
		return opinion{Spam{Cause: BannedWords, Words: r.Words, Score: r.Score}, true, config.ListSpam}, nil
	}
	return opinion{}, nil
}

// question is one host and the zone that is asked about it.
type question struct {
	host netip.Addr
	zone *config.BlockList
}

// askLists asks all zones about all hosts at once. The first zone in its table that has
// one of them decides. The error is the session's end.
func (s *Session) askLists(ctx context.Context, hosts []netip.Addr) (opinion, error) {
	rules := s.policy.spam
	var questions []question
	var names []string
	for i := range rules.zones {
		for _, host := range hosts {
			if blocklist.Asked(host) {
				questions = append(questions, question{host, &rules.zones[i]})
				names = append(names, blocklist.Name(host, rules.zones[i].Server))
			}
		}
	}
	if len(names) == 0 {
		return opinion{}, nil
	}
	defer s.asking(len(names))()
	patience, stop := context.WithTimeout(ctx, rules.patience)
	defer stop()
	results := s.eng.opts.Resolver.IPv4(patience, names...)
	if ctx.Err() != nil {
		return opinion{}, s.causeOr(context.Cause(ctx))
	}
	for i, r := range results {
		if code := s.eng.lists.heard(s, questions[i], r); code.IsValid() {
			spam := Spam{Cause: ListedHost, Host: questions[i].host, Zone: questions[i].zone.Server, Code: code}
			spam.Reason = s.reason(patience, names[i])
			return opinion{spam, true, questions[i].zone.Action}, nil
		}
	}
	return opinion{}, nil
}

// reason is what a list says about why it has a host (RFC 5782 section 2.1); nothing
// when it does not say.
func (s *Session) reason(ctx context.Context, name string) string {
	texts, err := s.eng.opts.Resolver.Texts(ctx, name)
	if err != nil {
		return ""
	}
	return texts[0]
}
