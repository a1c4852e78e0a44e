package proxy

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"utmsim/internal/config"
	"utmsim/internal/resolver"
	"utmsim/internal/resolver/rating"
	"utmsim/internal/stats"
	"utmsim/internal/urlfilter"
)

// Rater finds the category of a host, a name or an address without brackets. It waits
// for no longer than its own time-outs say, and stops when ctx ends. Failures match
// rating.ErrBusy or rating.ErrTimeout, or are of any other kind.
type Rater interface {
	Rate(ctx context.Context, host string) (rating.Rating, error)
}

// URL is what a request asks for, as the filter wants it and in words.
type URL struct {
	urlfilter.URL
	Words string
}

// URLOutcome is what becomes of a request by its URL.
type URLOutcome uint8

// The outcomes. Those from URLListed on block.
const (
	URLPassed   URLOutcome = iota
	URLExempt              // passes, and what it leads to is not scanned
	URLListed              // an entry of the list blocks it, or its host is an address
	URLCategory            // the category of its host is blocked
	URLUnrated             // its host could not be rated
)

var urlOutcomeWords = [...]string{"passed", "url-exempt", "url-blocked", "category-blocked", "rating-error"}

func (o URLOutcome) String() string { return urlOutcomeWords[o] }

// URLVerdict is the judgement on a URL.
type URLVerdict struct {
	Outcome  URLOutcome
	Category string // of its host in words, "" when it was not asked for
}

// Blocked tells that the request must not reach its server.
func (v URLVerdict) Blocked() bool { return v.Outcome >= URLListed }

// FiltersURLs tells that JudgeURL is to be called for each request, before its server
// is connected. A bypassed session's requests are not judged.
func (s *Session) FiltersURLs() bool { return s.policy.urls != nil && !s.unscanned }

// JudgeURL judges a URL by the list and then by the category of its host, for which it
// may have to wait. The error is the end of the session.
func (s *Session) JudgeURL(ctx context.Context, u *URL) (URLVerdict, error) {
	rules := s.policy.urls
	if v, decided := s.judgeByList(rules, u); decided {
		return v, nil
	}
	if !rules.rates {
		return URLVerdict{}, nil
	}
	host, _ := urlfilter.Host(u.Host)
	r, err := s.rate(ctx, host)
	switch {
	case err == nil:
		return s.judgeByCategory(rules, u, r), nil
	case ctx.Err() != nil:
		s.transport.Fail(stats.URLFilterWait, syscall.ECONNRESET)
		return URLVerdict{}, s.causeOr(context.Cause(ctx))
	}
	return s.judgeUnrated(rules, u, r, err), nil
}

// judgeByList asks the list; decided tells that the rating does not matter.
func (s *Session) judgeByList(rules *urlRules, u *URL) (v URLVerdict, decided bool) {
	stat := &s.vdom.stats.HTTP.Stat
	if rules.list == nil {
		return v, false
	}
	entry, found := rules.list.Match(u.URL)
	switch {
	case !found && rules.blockAddrs && isAddr(u.Host):
		entry.Action = urlfilter.Block
	case !found:
		return v, false
	}
	switch entry.Action {
	case urlfilter.Exempt:
		stat.URLExempt.Inc()
		v.Outcome, decided = URLExempt, true
	case urlfilter.Block:
		stat.URLBlocked.Inc()
		v.Outcome, decided = URLListed, true
	default:
		stat.URLPassed.Inc()
	}
	if entry.Action != urlfilter.Allow {
		s.eng.urlListed(s, u, v, entry.ID)
	}
	return v, decided
}

func isAddr(host string) bool { _, is := urlfilter.Host(host); return is }

// rate asks for the category of a host and counts the answer. The first of those who
// waited for the same answer counts the event that brought it.
func (s *Session) rate(ctx context.Context, host string) (rating.Rating, error) {
	acct := &s.vdom.stats.HTTP.Accounting
	s.shown.rating.Store(true)
	acct.URLFilterMost.Observe(s.vdom.rating.Add(1))
	r, err := s.eng.rater().Rate(ctx, host)
	s.vdom.rating.Add(-1)
	s.shown.rating.Store(false)
	if r.News == resolver.First {
		s.eng.rounds.one(func() {
			acct.URLFilter.Inc()
			s.eng.worker.Round(1)
		})
	}
	if err == nil {
		acct.URLFilterAnswers.Inc()
	}
	return r, err
}

// judgeByCategory does what the profile says about a category; one that it does not
// name is allowed.
func (s *Session) judgeByCategory(rules *urlRules, u *URL, r rating.Rating) URLVerdict {
	stat := &s.vdom.stats.HTTP.Stat
	filter, found := rules.filters[r.Category]
	v := URLVerdict{Category: r.Name}
	if v.Category == "" {
		v.Category = fmt.Sprintf("category %d", r.Category)
	}
	if found && filter.Action == config.CategoryBlock {
		v.Outcome = URLCategory
		stat.URLRatingBlock.Inc()
	} else {
		stat.URLRatingAllow.Inc()
	}
	if found && filter.Log && filter.Action != config.CategoryAllow {
		s.eng.urlRated(s, u, v, r)
	}
	return v
}

// judgeUnrated decides about a host that could not be rated. Whoever waited for an
// answer in vain has given up.
func (s *Session) judgeUnrated(rules *urlRules, u *URL, r rating.Rating, err error) URLVerdict {
	stat := &s.vdom.stats.HTTP.Stat
	s.vdom.stats.HTTP.Accounting.LookupFail.Inc()
	if errors.Is(err, rating.ErrBusy) {
		stat.URLSubmitError.Inc()
	} else {
		stat.URLRatingError.Inc()
	}
	if errors.Is(err, rating.ErrTimeout) && r.News != resolver.Known {
		s.transport.Fail(stats.URLFilterWait, context.DeadlineExceeded)
	}
	v := URLVerdict{Outcome: URLUnrated}
	if rules.errorAllow {
		v.Outcome = URLPassed
	}
	s.eng.urlUnrated(s, u, v, err)
	return v
}

// noRater is what an engine without one asks.
type noRater struct{}

func (noRater) Rate(context.Context, string) (rating.Rating, error) {
	return rating.Rating{}, errors.New("nobody rates")
}

func (e *Engine) rater() Rater {
	if e.opts.Rater == nil {
		return noRater{}
	}
	return e.opts.Rater
}
