package proxy

import (
	"go.uber.org/zap"

	"utmsim/internal/resolver/rating"
	"utmsim/internal/urlfilter"
	"utmsim/protocols"
)

// urlEvent logs a judgement on a URL. decision says who has made it.
func (e *Engine) urlEvent(s *Session, u *URL, v URLVerdict, decision string, more ...zap.Field) {
	if !e.events.allow(eventURL, protocols.HTTP) {
		return
	}
	outcome := "passed"
	if v.Blocked() {
		outcome = "blocked"
	}
	host, isAddr := urlfilter.Host(u.Host)
	method := "domain"
	if isAddr {
		method = "ip"
	}
	fields := append(s.aboutUnder(s.policy.urls.profile), zap.String("direction", "outgoing"), zap.String("host", host), zap.String("url", u.Words),
		zap.String("decision", decision), zap.String("outcome", outcome), zap.String("method", method))
	e.log.Warn("url filtered", append(fields, more...)...)
}

// urlListed logs what an entry of the list has decided; 0 for none.
func (e *Engine) urlListed(s *Session, u *URL, v URLVerdict, entry int) {
	decision := "list"
	if v.Outcome == URLExempt {
		decision = "exempt"
	}
	e.urlEvent(s, u, v, decision, zap.Int("entry", entry), zap.String("list", s.policy.urls.listName))
}

// urlRated logs what the category of a host has decided.
func (e *Engine) urlRated(s *Session, u *URL, v URLVerdict, r rating.Rating) {
	e.urlEvent(s, u, v, "category", zap.Int("category", r.Category), zap.String("category name", v.Category))
}

// urlUnrated logs a host without a rating.
func (e *Engine) urlUnrated(s *Session, u *URL, v URLVerdict, err error) {
	e.urlEvent(s, u, v, "error", zap.Error(err))
}
