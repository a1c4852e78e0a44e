package stats

// MailStat is the Stat block of the three mail protocols. No edition of the
// appliance's documents prints one: the lines after the error counts are our
// proposal.
type MailStat struct {
	Traffic
	Transport
	Emails Judged `noun:"Emails"`

	FragmentedPass  Counter `line:"Emails fragmented pass"`
	FragmentedBlock Counter `line:"Emails fragmented block"`
	SpamDetected    Counter `line:"Emails spam detected"`
	SpamTagged      Counter `line:"Emails spam tagged"`
	SpamRejected    Counter `line:"Emails spam rejected" only:"SMTP"` // a fetched mail can't be rejected
	LastScanError   Last    `line:"Last Server Scan errors"`
}

// POP3 holds the blocks of POP3.
type POP3 struct {
	Stat       POP3Stat
	_          pad
	Accounting POP3Accounting
	_          pad
}

// POP3Stat is the block "POP3 Stat".
type POP3Stat struct{ MailStat }

// POP3Accounting is the block "POP3 Accounting".
type POP3Accounting struct {
	Setup
	Scan Counter `acct:"scan"`
	Polls
}

// IMAP holds the blocks of IMAP.
type IMAP struct {
	Stat       IMAPStat
	_          pad
	Accounting IMAPAccounting
	_          pad
}

// IMAPStat is the block "IMAP Stat".
type IMAPStat struct{ MailStat }

// IMAPAccounting is the block "IMAP Accounting".
type IMAPAccounting struct {
	Setup
	Scan Counter `acct:"scan"`
	Polls
}
