package config

import (
	"net/netip"
	"strconv"
	"time"

	"utmsim/protocols"
)

// SpamProfile is an entry of "config spamfilter profile": what is done about mail that
// nobody has asked for. The tables it names are filled by the objects below.
type SpamProfile struct {
	Name      string      `cli:"name" key:"string" max:"35" help:"Profile name."`
	Comment   string      `cli:"comment" max:"255" pattern:"lines" help:"Comment."`
	Log       bool        `cli:"spam-log" default:"enable" help:"Enable/disable spam logging for email filtering."`
	Filtering bool        `cli:"spam-filtering" default:"disable" help:"Enable/disable spam filtering."`
	Options   SpamOptions `cli:"options" foreign:"spamfsip spamfssubmit spamfschksum spamfsurl spamfsphish spamhelodns spamraddrdns spamhdrcheck" help:"Options."`
	Threshold int         `cli:"spam-bword-threshold" default:"10" range:"0-2147483647" help:"Spam banned word threshold: a mail whose words have this score together is spam."`
	Words     int         `cli:"spam-bword-table" default:"0" range:"0-4294967295" ref:"spamfilter bword" help:"Anti-spam banned word table ID."`
	Senders   int         `cli:"spam-bwl-table" default:"0" range:"0-4294967295" ref:"spamfilter bwl" help:"Anti-spam black/white list table ID."`
	Lists     int         `cli:"spam-rbl-table" default:"0" range:"0-4294967295" ref:"spamfilter dnsbl" help:"Anti-spam DNSBL table ID."`
	SMTP      SpamSMTP    `cli:"smtp" help:"SMTP."`
	POP3      SpamMailbox `cli:"pop3" help:"POP3."`
	IMAP      SpamMailbox `cli:"imap" help:"IMAP."`
}

// SpamSMTP is "config smtp" of a profile.
type SpamSMTP struct {
	SpamMail `default.action:"discard"`
}

// SpamMailbox is "config pop3" and "config imap" of a profile: a mail that is in a
// mailbox can't be discarded on its way out of it.
type SpamMailbox struct {
	SpamMail `words.action:"pass tag" foreign.action:"discard"`
}

// SpamMail is what a profile does with the spam of one protocol.
type SpamMail struct {
	Action  SpamAction `cli:"action" default:"tag" help:"Action for spam email."`
	TagType SpamTag    `cli:"tag-type" default:"subject" foreign:"spaminfo" required:"yes" help:"Tag subject or header for spam email."`
	TagMsg  string     `cli:"tag-msg" default:"Spam" max:"63" required:"yes" help:"Subject text or header added to spam email."`
	HdrIP   bool       `cli:"hdrip" default:"disable" help:"Enable/disable email header IP checks for spamrbl and spambwl."`
}

// Protocol is what the profile does with the mail of protocol p; nil where there is
// none.
func (s *SpamProfile) Protocol(p protocols.Protocol) *SpamMail {
	switch p {
	case protocols.SMTP:
		return &s.SMTP.SpamMail
	case protocols.POP3:
		return &s.POP3.SpamMail
	case protocols.IMAP:
		return &s.IMAP.SpamMail
	}
	return nil
}

// SpamGeneral is "config spamfilter options".
type SpamGeneral struct {
	DNSTimeout time.Duration `cli:"dns-timeout" unit:"s" default:"7" range:"1-30" help:"DNS query time out (1 - 30 sec)."`
}

// BlockLists is an entry of "config spamfilter dnsbl".
type BlockLists struct {
	ID      int         `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name    string      `cli:"name" max:"35" help:"Name of table."`
	Comment string      `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Entries []BlockList `cli:"entries" help:"Spam filter DNSBL and ORBL server."`
}

// BlockList is one zone of a table.
type BlockList struct {
	ID     int        `cli:"id" key:"integer" range:"1-4294967295" help:"DNSBL/ORBL entry ID."`
	Status bool       `cli:"status" default:"enable" help:"Enable/disable status."`
	Server string     `cli:"server" max:"127" pattern:"fqdn" required:"yes" help:"DNSBL or ORBL server name: the zone that is asked."`
	Action ListAction `cli:"action" default:"spam" words:"reject spam" help:"Reject connection or mark as spam email."`
}

// BannedWords is an entry of "config spamfilter bword".
type BannedWords struct {
	ID      int        `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name    string     `cli:"name" max:"35" help:"Name of table."`
	Comment string     `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Entries []MailWord `cli:"entries" help:"Spam filter banned word."`
}

// MailWord is one pattern of a table.
type MailWord struct {
	ID          int         `cli:"id" key:"integer" range:"1-4294967295" help:"Banned word entry ID."`
	Status      bool        `cli:"status" default:"enable" help:"Enable/disable status."`
	Pattern     string      `cli:"pattern" max:"127" required:"yes" help:"Pattern for the banned word."`
	PatternType PatternType `cli:"pattern-type" default:"wildcard" help:"Wildcard pattern or regular expression."`
	Action      ListAction  `cli:"action" default:"spam" words:"spam clear" help:"Mark spam or good."`
	Where       WordPlace   `cli:"where" default:"all" help:"Component of the email to be scanned."`
	Score       int         `cli:"score" default:"10" range:"1-99999" help:"Score value."`
}

// SenderList is an entry of "config spamfilter bwl", the black and white list.
type SenderList struct {
	ID      int      `cli:"id" key:"integer" range:"1-4294967295" help:"ID."`
	Name    string   `cli:"name" max:"35" help:"Name of table."`
	Comment string   `cli:"comment" max:"255" pattern:"lines" help:"Optional comments."`
	Entries []Sender `cli:"entries" help:"Anti-spam black/white list entries."`
}

// Sender is one entry of a list: a network, or a pattern of mail addresses.
type Sender struct {
	ID          int          `cli:"id" key:"integer" range:"1-4294967295" help:"Entry ID."`
	Status      bool         `cli:"status" default:"enable" help:"Enable/disable status."`
	Type        SenderType   `cli:"type" default:"ip" help:"Entry type."`
	Action      ListAction   `cli:"action" default:"spam" help:"Reject, mark as spam or good email."`
	AddrType    AddrType     `cli:"addr-type" default:"ipv4" help:"IP address type."`
	IPv4        netip.Prefix `cli:"ip4-subnet" default:"0.0.0.0 0.0.0.0" help:"IPv4 network address/subnet mask bits."`
	IPv6        netip.Prefix `cli:"ip6-subnet" default:"::/0" help:"IPv6 network address/subnet mask bits."`
	PatternType PatternType  `cli:"pattern-type" default:"wildcard" help:"Wildcard pattern or regular expression."`
	Pattern     string       `cli:"email-pattern" max:"127" help:"Email address pattern."`
}

// Network is the network of an entry of type ip.
func (s *Sender) Network() netip.Prefix {
	if s.AddrType == AddrIPv6 {
		return s.IPv6
	}
	return s.IPv4
}

// SpamProfile finds a spam filter profile by name; nil when there is none.
func (d *Domain) SpamProfile(name string) *SpamProfile {
	for i := range d.SpamProfiles {
		if d.SpamProfiles[i].Name == name {
			return &d.SpamProfiles[i]
		}
	}
	return nil
}

// BlockLists are the zones of the table with this id that are in use; none when there
// is no such table.
func (d *Domain) BlockLists(id int) []BlockList {
	for _, t := range d.DNSBL {
		if t.ID == id {
			return chosen(t.Entries, func(e *BlockList) bool { return e.Status })
		}
	}
	return nil
}

// BannedWords are the patterns of the table with this id that are in use.
func (d *Domain) BannedWords(id int) []MailWord {
	for _, t := range d.MailWords {
		if t.ID == id {
			return chosen(t.Entries, func(e *MailWord) bool { return e.Status })
		}
	}
	return nil
}

// SenderList are the entries of the black and white list with this id that are in use.
func (d *Domain) SenderList(id int) []Sender {
	for _, t := range d.SenderLists {
		if t.ID == id {
			return chosen(t.Entries, func(e *Sender) bool { return e.Status })
		}
	}
	return nil
}

// chosen are the entries of a table that are switched on, in its order.
func chosen[E any](entries []E, on func(*E) bool) (list []E) {
	for i := range entries {
		if on(&entries[i]) {
			list = append(list, entries[i])
		}
	}
	return list
}

// checkSpamFilter: an option needs the table it looks into, and an entry what it is
// about.
func checkSpamFilter(s *Domain) *fault {
	for i := range s.SpamProfiles {
		if f := s.SpamProfiles[i].check(); f != nil {
			return f
		}
	}
	for _, t := range s.SenderLists {
		for i := range t.Entries {
			e := &t.Entries[i]
			if name, what := e.fault(); what != "" {
				at := place{path: "spamfilter bwl", key: strconv.Itoa(t.ID), sub: "entries " + strconv.Itoa(e.ID) + " "}
				return at.fault(name, "%s", what)
			}
		}
	}
	return nil
}

func (s *SpamProfile) check() *fault {
	for _, o := range []struct {
		option SpamOptions
		table  string
		id     int
	}{
		{SpamBannedWord, "spam-bword-table", s.Words},
		{SpamBWL, "spam-bwl-table", s.Senders},
		{SpamRBL, "spam-rbl-table", s.Lists},
	} {
		if s.Filtering && s.Options.Has(o.option) && o.id == 0 {
			return place{path: "spamfilter profile", key: s.Name}.fault(o.table, "Attribute '%s' MUST be set.", o.table)
		}
	}
	return nil
}

// fault says which setting of the entry is wrong, and why.
func (s *Sender) fault() (setting, what string) {
	switch {
	case s.Type == SenderEmail && s.Pattern == "":
		return "email-pattern", "Attribute 'email-pattern' MUST be set."
	case s.Type == SenderEmail && s.Action == ListReject:
		return "action", "action reject is for addresses of hosts (type ip)"
	case s.Type == SenderIP && s.AddrType == AddrIPv4 && s.IPv4.Bits() == 0:
		return "ip4-subnet", "Attribute 'ip4-subnet' MUST be set."
	case s.Type == SenderIP && s.AddrType == AddrIPv6 && s.IPv6.Bits() == 0:
		return "ip6-subnet", "Attribute 'ip6-subnet' MUST be set."
	}
	return "", ""
}
