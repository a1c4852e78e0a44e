package stats

// SMTP holds the blocks of SMTP.
type SMTP struct {
	Stat       SMTPStat
	_          pad
	Accounting SMTPAccounting
	_          pad
}

// SMTPStat is the block "SMTP Stat".
type SMTPStat struct {
	MailStat `with:"SMTP"`
}

// SMTPAccounting is the block "SMTP Accounting".
type SMTPAccounting struct {
	Setup
	Scan    Counter `acct:"scan,wrap"`
	Suspend Counter `acct:"suspend"` // client reading paused for a pending scan, lookup or reply
	Resume  Counter `acct:"resume"`  // client reading taken up again
	Reject  Counter `acct:"reject"`  // transactions rejected
	SpamAdd Counter `acct:"spamadd"` // block list queries begun
	SpamDel Counter `acct:"spamdel"` // block list queries ended
	Polls
}
