package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"utmsim/internal/bannedword"
	"utmsim/internal/config"
	"utmsim/protocols"
)

// spamRules are a spam filter profile as far as it is about one protocol, compiled.
// They are immutable; nil filters nothing.
type spamRules struct {
	profile   string
	log       bool
	mail      *config.SpamMail
	zones     []config.BlockList // asked about hosts
	senders   []senderRule       // in order, the first that fits decides
	words     *bannedword.List   // nil: none
	threshold int
	patience  time.Duration // for the answers of the zones
}

// senderRule is an entry of the black and white list: a network, or a pattern of mail
// addresses.
type senderRule struct {
	action  config.ListAction
	network netip.Prefix
	pattern *bannedword.List // nil: a network
}

// newSpamRules compiles the profile for protocol p. The configuration has checked that
// it exists, but for patterns, whose language it does not know.
func newSpamRules(dom *config.Domain, name string, p protocols.Protocol) (*spamRules, error) {
	profile := dom.SpamProfile(name)
	if profile == nil || !profile.Filtering || profile.Protocol(p) == nil {
		return nil, nil
	}
	r := &spamRules{
		profile: profile.Name, log: profile.Log, mail: profile.Protocol(p),
		threshold: profile.Threshold, patience: dom.SpamOptions.DNSTimeout,
	}
	if profile.Options.Has(config.SpamRBL) {
		r.zones = dom.BlockLists(profile.Lists)
	}
	var err error
	if profile.Options.Has(config.SpamBWL) {
		if r.senders, err = newSenderRules(dom.SenderList(profile.Senders)); err != nil {
			return nil, fmt.Errorf("spamfilter bwl %d: %w", profile.Senders, err)
		}
	}
	if profile.Options.Has(config.SpamBannedWord) {
		if r.words, err = newMailWords(dom.BannedWords(profile.Words)); err != nil {
			return nil, fmt.Errorf("spamfilter bword %d: %w", profile.Words, err)
		}
	}
	return r, nil
}

// checkSpamTables compiles the patterns of all tables, those that no profile uses too, so
// that a wrong one is refused when it is written.
func checkSpamTables(dom *config.Domain) error {
	for i := range dom.MailWords {
		id := dom.MailWords[i].ID
		if _, err := newMailWords(dom.BannedWords(id)); err != nil {
			return fmt.Errorf("spamfilter bword %d: %w", id, err)
		}
	}
	for i := range dom.SenderLists {
		id := dom.SenderLists[i].ID
		if _, err := newSenderRules(dom.SenderList(id)); err != nil {
			return fmt.Errorf("spamfilter bwl %d: %w", id, err)
		}
	}
	return nil
}

func newMailWords(entries []config.MailWord) (*bannedword.List, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	places := map[config.WordPlace]bannedword.Place{
		config.InSubject: bannedword.Subject, config.InBody: bannedword.Body, config.Anywhere: bannedword.Subject | bannedword.Body,
	}
	patterns := make([]bannedword.Pattern, len(entries))
	for i, e := range entries {
		patterns[i] = bannedword.Pattern{Text: e.Pattern, Score: e.Score, Exempt: e.Action == config.ListClear, Where: places[e.Where], AnyWord: true}
		if e.PatternType == config.PatternRegexp {
			patterns[i].Kind = bannedword.Regexp
		}
	}
	return bannedword.Compile(patterns)
}

func newSenderRules(entries []config.Sender) ([]senderRule, error) {
	rules := make([]senderRule, len(entries))
	for i := range entries {
		e := &entries[i]
		rules[i] = senderRule{action: e.Action, network: e.Network()}
		if e.Type == config.SenderIP {
			continue
		}
		expr := e.Pattern
		if e.PatternType == config.PatternWildcard {
			expr = wholeAddress(e.Pattern)
		}
		var err error
		rules[i].pattern, err = bannedword.Compile([]bannedword.Pattern{{Kind: bannedword.Regexp, Text: expr}})
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.ID, err)
		}
	}
	return rules, nil
}

// wholeAddress is the expression for a wildcard that a mail address fits as a whole.
func wholeAddress(wildcard string) string {
	expr := regexp.QuoteMeta(wildcard)
	return "/^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(expr) + "$/i"
}

// matches tells that the rule is about this host.
func (r *senderRule) matches(host netip.Addr) bool {
	return r.pattern == nil && r.network.Contains(host.Unmap())
}

// matchesSender tells that the rule is about this mail address.
func (r *senderRule) matchesSender(ctx context.Context, address string) bool {
	if r.pattern == nil {
		return false
	}
	j := r.pattern.Begin()
	defer j.End()
	return j.AddText(ctx, bannedword.Body, address) == nil && len(j.Result(1).Words) > 0
}
