package proxy

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"utmsim/internal/blocklist"
	"utmsim/internal/resolver"
	"utmsim/internal/stats"
	"utmsim/protocols"
)

// ListReport is what one zone of the block lists has said, counted by questions; those
// that the cache has answered are among them.
type ListReport struct {
	Zone      string
	Asked     int64
	Listed    int64 // the host is in the list
	NotListed int64
	Failed    int64 // no answer, none in time, or one that says nothing: taken for not listed
}

// lists are the zones that were asked since the start.
type lists struct {
	mu    sync.Mutex // guards the field below
	zones map[string]*ListReport
}

// Lists are the zones that were asked since the start, by name.
func (e *Engine) Lists() []ListReport {
	l := &e.lists
	l.mu.Lock()
	defer l.mu.Unlock()
	reports := make([]ListReport, 0, len(l.zones))
	for _, r := range l.zones {
		reports = append(reports, *r)
	}
	slices.SortFunc(reports, func(a, b ListReport) int { return strings.Compare(a.Zone, b.Zone) })
	return reports
}

// heard counts an answer, and returns it when it lists the host.
func (l *lists) heard(s *Session, q question, r resolver.Result) netip.Addr {
	code, fault := blocklist.Listed(r.Addrs), blocklist.Fault(r.Addrs)
	failed := r.Err != nil && !errors.Is(r.Err, resolver.ErrNotFound) || !code.IsValid() && fault.IsValid()
	l.mu.Lock()
	zone := l.zoneLocked(q.zone.Server)
	zone.Asked++
	switch {
	case code.IsValid():
		zone.Listed++
	case failed:
		zone.Failed++
	default:
		zone.NotListed++
	}
	l.mu.Unlock()
	if failed {
		s.eng.listFailed(s, q, r.Err, fault)
	}
	return code
}

func (l *lists) zoneLocked(name string) *ListReport {
	if l.zones == nil {
		l.zones = map[string]*ListReport{}
	}
	z := l.zones[name]
	if z == nil {
		z = &ListReport{Zone: name}
		l.zones[name] = z
	}
	return z
}

// listFailed logs that a list has not said whether it has a host.
func (e *Engine) listFailed(s *Session, q question, err error, fault netip.Addr) {
	if !e.events.allow(eventListFailed, s.entry.Proto) {
		return
	}
	why := zap.Error(err)
	if err == nil {
		why = zap.String("error", "the list answers "+fault.String())
	}
	e.log.Warn("block list failed", append(s.aboutUnder(s.policy.spam.profile), zap.String("zone", q.zone.Server), zap.Stringer("host", q.host), why)...)
}

// asking counts queries as begun and the client as suspended, and the end of both when
// what it returns is called. SMTP alone has lines for it.
func (s *Session) asking(queries int) (ended func()) {
	if s.entry.Proto != protocols.SMTP {
		return func() {}
	}
	a := &s.vdom.stats.SMTP.Accounting
	suspended := s.Begin(&a.Suspend, &a.Resume, 1)
	asked := s.Begin(&a.SpamAdd, &a.SpamDel, int64(queries))
	return func() {
		s.End(asked)
		s.End(suspended)
	}
}

// spamFound counts and logs spam. letter is nil when the client was turned away.
func (s *Session) spamFound(spam *Spam, letter *Letter, size int64) {
	stat := s.vdom.stats.Mail(s.entry.Proto)
	stat.SpamDetected.Inc()
	switch spam.Fate {
	case SpamTagged:
		stat.SpamTagged.Inc()
	case SpamDiscarded, SpamRejected:
		stat.SpamRejected.Inc()
	}
	if spam.Cause == BannedWords {
		s.verdicts(stats.Up).BannedWord()
	}
	if !s.policy.spam.log || !s.eng.events.allow(eventSpam, s.entry.Proto) {
		return
	}
	s.eng.log.Warn(spamMessages[spam.Cause], append(s.aboutUnder(s.policy.spam.profile), spam.about(letter, size)...)...)
}

// spamMessages are the records of the log by cause.
var spamMessages = [...]string{ListedHost: "spam detected", UnwelcomeHost: "spam detected", UnwelcomeFrom: "spam detected", BannedWords: "banned word"}

// about is what the log says about spam.
func (m *Spam) about(l *Letter, size int64) []zap.Field {
	fields := []zap.Field{zap.Stringer("outcome", m.Fate)}
	if l != nil {
		fields = append(fields, zap.String("from", strings.Join(l.From, ", ")), zap.String("to", l.To), zap.String("subject", l.Subject), zap.Int64("size", size))
	}
	switch m.Cause {
	case ListedHost:
		return append(fields, zap.Stringer("host", m.Host), zap.String("zone", m.Zone), zap.Stringer("answer", m.Code), zap.String("reason", m.Reason))
	case UnwelcomeHost:
		return append(fields, zap.Stringer("host", m.Host))
	case UnwelcomeFrom:
		return append(fields, zap.String("sender", m.From))
	}
	return append(fields, zap.String("words", strings.Join(m.Words, ", ")), zap.Int("score", m.Score))
}
