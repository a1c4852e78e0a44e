package lab

import (
	"bytes"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// Search finds mails in the client's view.
func (s *imapSession) Search(kind imapserver.NumKind, criteria *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	s.origin.gate.commands.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers imap.SeqSet
	var uids imap.UIDSet
	data := &imap.SearchData{}
	for i, mail := range s.view {
		if !s.meetsLocked(uint32(i+1), mail.Mail, criteria) {
			continue
		}
		n := uint32(i + 1)
		numbers.AddNum(n)
		uids.AddNum(imap.UID(mail.UID))
		if kind == imapserver.NumKindUID {
			n = mail.UID
		}
		if data.Count == 0 {
			data.Min = n
		}
		data.Max = n
		data.Count++
	}
	data.All = numbers
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	return data, nil
}

// meetsLocked reports whether a mail meets all criteria (RFC 9051 section
// 6.4.4).
func (s *imapSession) meetsLocked(number uint32, mail Mail, c *imap.SearchCriteria) bool {
	for _, set := range c.SeqNum {
		if !s.matcherLocked(set)(number, mail.UID) {
			return false
		}
	}
	for _, set := range c.UID {
		if !s.matcherLocked(set)(number, mail.UID) {
			return false
		}
	}
	for _, flag := range c.Flag {
		if !hasFlag(mail.Flags, flag) {
			return false
		}
	}
	for _, flag := range c.NotFlag {
		if hasFlag(mail.Flags, flag) {
			return false
		}
	}
	size := int64(len(mail.Content))
	if c.Larger != 0 && size <= c.Larger || c.Smaller != 0 && size >= c.Smaller || !contentMeets(mail, c) {
		return false
	}
	for _, not := range c.Not {
		if s.meetsLocked(number, mail, &not) {
			return false
		}
	}
	for _, or := range c.Or {
		if !s.meetsLocked(number, mail, &or[0]) && !s.meetsLocked(number, mail, &or[1]) {
			return false
		}
	}
	return true
}

// contentMeets asks for dates, fields and words. Words are looked for in the
// mail as it is stored, not decoded.
func contentMeets(mail Mail, c *imap.SearchCriteria) bool {
	if !onDays(mail.Received, c.Since, c.Before) {
		return false
	}
	fields := fieldsOf(mail.Content)
	if !c.SentSince.IsZero() || !c.SentBefore.IsZero() {
		sent, err := netmail.ParseDate(valueOf(fields, "Date"))
		if err != nil || !onDays(sent, c.SentSince, c.SentBefore) {
			return false
		}
	}
	for _, wanted := range c.Header {
		if !anyField(fields, wanted) {
			return false
		}
	}
	for _, text := range c.Text {
		if !containsFold(mail.Content, text) {
			return false
		}
	}
	for _, text := range c.Body {
		if !containsFold(mail.Content[headEnd(mail.Content):], text) {
			return false
		}
	}
	return true
}

func anyField(fields []field, wanted imap.SearchCriteriaHeaderField) bool {
	for _, f := range fields {
		if strings.EqualFold(f.name, wanted.Key) && containsFold([]byte(f.text()), wanted.Value) {
			return true
		}
	}
	return false
}

func containsFold(content []byte, text string) bool {
	return bytes.Contains(bytes.ToLower(content), bytes.ToLower([]byte(text)))
}

// onDays compares days without regard to time and zone (RFC 9051 section 6.4.4).
func onDays(when, since, before time.Time) bool {
	day := time.Date(when.Year(), when.Month(), when.Day(), 0, 0, 0, 0, time.UTC)
	return (since.IsZero() || !day.Before(since)) && (before.IsZero() || day.Before(before))
}
