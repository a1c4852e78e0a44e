package smtpproxy

import (
	"context"
	"slices"
	"strings"

	"utmsim/internal/replacemsg"
	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// sending is what the spam filter has to know of a transaction.
type sending struct {
	from, to string // the sender, and the recipient that was named last
	rejected bool   // the client may not send mails
}

// filter looks at a command before the server gets it. done: the client has its answer.
// A client that is turned away hears so to MAIL, and the server hears nothing of its
// mail.
func (x *dialogue) filter(ctx context.Context, v verb, line []byte) (done bool, err error) {
	if x.sending == nil {
		x.sending = new(sending)
	}
	switch v {
	case verbMAIL:
		return x.judgeClient(ctx, line)
	case verbRCPT:
		x.sending.to = path(line)
	case verbDATA:
	default:
		return false, nil
	}
	if x.sending.rejected {
		x.answer(replyNoTransaction)
	}
	return x.sending.rejected, nil
}

// judgeClient has the client's address judged when its first mail begins. What was sent
// in front of it is answered before: the lists may take their time.
func (x *dialogue) judgeClient(ctx context.Context, line []byte) (rejected bool, err error) {
	if err := x.await(ctx); err != nil {
		return false, err
	}
	if err := x.flush(ctx); err != nil {
		return false, err
	}
	spam, err := x.s.JudgeClient(ctx)
	if err != nil {
		return false, err
	}
	*x.sending = sending{from: path(line), rejected: spam != nil}
	if spam != nil {
		x.s.Note("spam")
		x.s.Stats().SMTP.Accounting.Reject.Inc()
		x.tell(x.spamReply(spam))
	}
	return spam != nil, nil
}

// path is the mail address of a MAIL or RCPT command, in small letters (RFC 5321
// section 4.1.2); empty when there is none.
func path(line []byte) string {
	_, rest, ok := strings.Cut(string(line), "<")
	if !ok {
		return ""
	}
	address, _, ok := strings.Cut(rest, ">")
	if !ok {
		return ""
	}
	if strings.HasPrefix(address, "@") { // a source route
		_, address, _ = strings.Cut(address, ":")
	}
	return strings.ToLower(address)
}

// letter reads what the spam filter looks at.
func (t *transfer) letter(x *dialogue) proxy.LetterOf {
	if !x.s.FiltersSpam() {
		return nil
	}
	return func(whole *scanner.Object) (*proxy.Letter, error) {
		l, err := mail.ReadLetter(whole.Body, whole.Size)
		if err != nil {
			return nil, err
		}
		from := l.From
		if e := x.sending.from; e != "" && !slices.Contains(from, e) {
			from = append([]string{e}, from...)
		}
		return &proxy.Letter{
			Subject: l.Subject, From: from, To: x.sending.to, Hops: l.Hops, Mark: l.Mark,
			EachText: mail.TextsOf(whole, proxy.MaxLetterText, func(whole *scanner.Object) (*mail.Message, error) {
				return t.walk(whole, x.options())
			}),
		}, nil
	}
}

// spamReply is the reply to a mail that is spam, or to a client that may not send any.
func (x *dialogue) spamReply(m *proxy.Spam) string {
	about := &replacemsg.Values{Nameless: "The mail", Reason: m.Zone, Addresses: func() (from, to string) {
		return x.sending.from, x.sending.to
	}}
	if m.Host != x.s.ClientAddr().Addr().Unmap() {
		about.Reason += " (" + m.Host.String() + ")"
	}
	if m.Reason != "" {
		about.Reason += ": " + m.Reason
	}
	return "554 5.7.1 " + x.s.Message(spamMessages[m.Cause], about) + "\r\n"
}

// spamMessages are what the sender is told, by what made its mail spam.
var spamMessages = [...]replacemsg.Kind{
	proxy.ListedHost:    replacemsg.SpamDNSBL,
	proxy.UnwelcomeHost: replacemsg.SpamIPList,
	proxy.UnwelcomeFrom: replacemsg.SpamEmailBlack,
	proxy.BannedWords:   replacemsg.SpamBannedWord,
}
