package stats

import "utmsim/protocols"

// parts are the fields of a protocol's blocks that the engine counts with.
type parts struct {
	stat, accounting any
	traffic          *Traffic
	transport        *Transport
	setup            *Setup
	scan             *Counter
	polls            *Polls
	down, up         *Verdicts
}

// wire says which field of p's blocks plays which part. It runs once, in NewVDOM.
func (v *VDOM) wire(p protocols.Protocol, x parts) {
	v.stat[p] = bind(p.String()+" Stat", x.stat)
	v.accounting[p] = bind(p.String()+" Accounting", x.accounting)
	v.transports[p], v.traffic[p] = x.transport, x.traffic
	v.sessions[p] = SessionCounters{&x.setup.SetupOK, &x.setup.SetupFail, &x.setup.ConnOK, &x.setup.ConnInp, x.scan, &x.polls.Clt, &x.polls.Srv}
	v.verdicts[p] = [2]*Verdicts{Down: x.down, Up: x.up}
}

func (v *VDOM) wireHTTP() {
	s, a := &v.HTTP.Stat, &v.HTTP.Accounting
	v.wire(protocols.HTTP, parts{
		s, a, &s.Traffic, &s.Transport, &a.Setup, &a.Scan, &a.Polls,
		&Verdicts{
			clean: &s.ResponsesClean, scanErrors: &s.ResponsesScanErrors, detected: &s.ResponsesDetected,
			worms: &s.ResponsesWorms, viruses: &s.ResponsesViruses, susp: &s.ResponsesSusp,
			fileBlocked: &s.ResponsesFileBlocked, fileExempt: &s.ResponsesFileExempt, bannedWord: &s.ResponsesBannedWord,
			oversizePass: &s.ResponsesOversizePass, oversizeBlock: &s.ResponsesOversizeBlock, lastScanError: &s.LastScanError,
		},
		&Verdicts{
			clean: &s.PostsClean, scanErrors: &s.PostsScanErrors, viruses: &s.PostsViruses, susp: &s.PostsSusp,
			fileBlocked: &s.PostsFileBlocked, fileExempt: &s.RequestsFileExempt, bannedWord: &s.PostsBannedWord,
			oversizePass: &s.PostsOversizePass, oversizeBlock: &s.PostsOversizeBlock, lastScanError: &s.LastScanError,
		},
	})
}

func (v *VDOM) wireSMTP() {
	a := &v.SMTP.Accounting
	v.wireMail(protocols.SMTP, &v.SMTP.Stat, &v.SMTP.Stat.MailStat, a, &a.Setup, &a.Scan, &a.Polls)
}

func (v *VDOM) wirePOP3() {
	a := &v.POP3.Accounting
	v.wireMail(protocols.POP3, &v.POP3.Stat, &v.POP3.Stat.MailStat, a, &a.Setup, &a.Scan, &a.Polls)
}

func (v *VDOM) wireIMAP() {
	a := &v.IMAP.Accounting
	v.wireMail(protocols.IMAP, &v.IMAP.Stat, &v.IMAP.Stat.MailStat, a, &a.Setup, &a.Scan, &a.Polls)
}

func (v *VDOM) wireMail(p protocols.Protocol, stat any, s *MailStat, accounting any, setup *Setup, scan *Counter, polls *Polls) {
	both := s.Emails.verdicts(&s.LastScanError)
	v.wire(p, parts{stat, accounting, &s.Traffic, &s.Transport, setup, scan, polls, both, both})
}

func (v *VDOM) wireFTP() {
	s, a := &v.FTP.Stat, &v.FTP.Accounting
	v.wire(protocols.FTP, parts{s, a, &s.Traffic, &s.Transport, &a.Setup, &a.Scan, &a.Polls, s.Files.verdicts(nil), s.Uploads.verdicts(nil)})
	v.data[protocols.FTP] = DataCounters{&a.DataListen, &a.DataClt, &a.DataSrv}
}

func (v *VDOM) wireNNTP() {
	s, a := &v.NNTP.Stat, &v.NNTP.Accounting
	both := s.Articles.verdicts(nil)
	v.wire(protocols.NNTP, parts{s, a, &s.Traffic, &s.Transport, &a.Setup, &a.Scan, &a.Polls, both, both})
}
