package proxy

import (
	"context"
	"net/netip"

	"utmsim/internal/bannedword"
	"utmsim/internal/config"
	"utmsim/scanner"
)

// Letter is what a driver tells of a mail that is to be looked at by the spam filter.
type Letter struct {
	Subject string       // in UTF-8
	From    []string     // mail addresses, of the envelope too, in small letters
	To      string       // a recipient, for the log
	Hops    []netip.Addr // hosts that the mail says it came through, last hop first
	// EachText has the readable parts looked at, decoded, with their types as they were
	// declared. The error is that of reading, or of look, which ends it.
	EachText func(look func(contentType string, content []byte) error) error
	// Mark is where the mark of a spam mail belongs and what stands there: in a field of
	// its own (header), else in the subject.
	Mark func(header bool, mark string) (at int64, text string)
}

// MaxLetterText is how much of a readable part is looked at, in bytes.
const MaxLetterText = bannedword.Limit

// LetterOf reads what is to be known of a mail; whole is the mail, or its beginning.
// The error is that of reading.
type LetterOf func(whole *scanner.Object) (*Letter, error)

// SpamFate is what becomes of a mail that is spam.
type SpamFate uint8

// The fates.
const (
	NotSpam       SpamFate = iota
	SpamPassed             // delivered as it is
	SpamTagged             // delivered with a mark in it
	SpamDiscarded          // not delivered
	SpamRejected           // the client is turned away before it sends anything
)

var spamFates = [...]string{"clean", "passed", "tagged", "discarded", "rejected"}

func (f SpamFate) String() string { return spamFates[f] }

// SpamCause is what made a mail spam.
type SpamCause uint8

// The causes.
const (
	ListedHost    SpamCause = iota // a block list has the client, or a host that the mail came through
	UnwelcomeHost                  // the black list has it
	UnwelcomeFrom                  // the black list has the sender's mail address
	BannedWords                    // the words have the score
)

// Spam is what the spam filter says about a mail or a client. The zero value: nothing.
type Spam struct {
	Fate   SpamFate
	Cause  SpamCause
	Host   netip.Addr // that is listed or unwelcome
	Zone   string     // of the block list
	Code   netip.Addr // its answer
	Reason string     // its text; may be empty
	From   string     // the mail address that is unwelcome
	Words  []string
	Score  int
	// Header and Mark are how a tagged mail is marked, for drivers that deliver another
	// text than the one that was held.
	Header bool
	Mark   string

	mark insertion
}

// Tagged tells that a mail gets a mark; nil is a mail that is no spam.
func (m *Spam) Tagged() bool { return m != nil && m.Fate == SpamTagged }

// FiltersSpam tells that mails of the session are looked at by the spam filter.
func (s *Session) FiltersSpam() bool { return s.policy.spam != nil && !s.unscanned }

// TagsSpam tells that a mail of the session may get a mark, for which all of it has to
// be there before any of it is sent on.
func (s *Session) TagsSpam() bool {
	return s.FiltersSpam() && s.policy.spam.mail.Action == config.SpamMark
}

// JudgeClient tells whether the client may send a mail at all: it may not when there is
// an answer, whose fate is SpamRejected. Lists are asked the first time, which may take
// until they have answered; what they say holds for the session. The error is the end
// of the session.
func (s *Session) JudgeClient(ctx context.Context) (*Spam, error) {
	if !s.FiltersSpam() {
		return nil, nil
	}
	if s.sender == nil {
		found, err := s.judgeHosts(ctx, []netip.Addr{s.peer.Addr()})
		if err != nil {
			return nil, err
		}
		s.sender = &found
	}
	if !s.sender.decided || s.sender.action != config.ListReject {
		return nil, nil
	}
	spam := s.sender.Spam
	spam.Fate = SpamRejected
	s.spamFound(&spam, nil, 0)
	return &spam, nil
}

// opinion is what the tables say about a host or a mail.
type opinion struct {
	Spam
	decided bool // one of them has said something:
	action  config.ListAction
}
