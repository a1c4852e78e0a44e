package stats

// SMTP holds the blocks of SMTP.
type SMTP struct {
	Stat       SMTPStat
	_          pad
	Accounting SMTPAccounting
	_          pad
}

// SMTPStat is the block "SMTP Stat". No edition of the appliance's documents
// prints it: the lines after the error counts are our proposal.
type SMTPStat struct {
	BytesSent     Counter `line:"Bytes sent,kb"`
	BytesReceived Counter `line:"Bytes received,kb"`
	Transport

	EmailsClean         Counter `line:"Emails clean"`
	EmailsScanErrors    Counter `line:"Emails scan errors"`
	EmailsDetected      Counter `line:"Emails detected"`
	EmailsWorms         Counter `line:"Emails infected with worms"`
	EmailsViruses       Counter `line:"Emails infected with viruses"`
	EmailsSusp          Counter `line:"Emails infected with susp"`
	EmailsFileBlocked   Counter `line:"Emails file blocked"`
	EmailsFileExempt    Counter `line:"Emails file exempt"`
	EmailsBannedWord    Counter `line:"Emails bannedword detected"`
	EmailsOversizePass  Counter `line:"Emails oversize pass"`
	EmailsOversizeBlock Counter `line:"Emails oversize block"`

	FragmentedPass  Counter `line:"Emails fragmented pass"`
	FragmentedBlock Counter `line:"Emails fragmented block"`
	SpamDetected    Counter `line:"Emails spam detected"`
	SpamTagged      Counter `line:"Emails spam tagged"`
	SpamRejected    Counter `line:"Emails spam rejected"`
	LastScanError   Last    `line:"Last Server Scan errors"`
}

// SMTPAccounting is the block "SMTP Accounting".
type SMTPAccounting struct {
	SetupOK   Counter `acct:"setup_ok"`
	SetupFail Counter `acct:"setup_fail"`
	ConnOK    Counter `acct:"conn_ok"`
	ConnInp   Counter `acct:"conn_inp"`
	_         pad
	Scan      Counter `acct:"scan,wrap"`
	Suspend   Counter `acct:"suspend"` // client reading paused for a pending scan, lookup or reply
	Resume    Counter `acct:"resume"`  // client reading taken up again
	Reject    Counter `acct:"reject"`  // transactions rejected
	SpamAdd   Counter `acct:"spamadd"` // block list queries begun
	SpamDel   Counter `acct:"spamdel"` // block list queries ended
	_         pad
	Clt       Counter `acct:"clt,poll"`
	Srv       Counter `acct:"srv,poll"`
}
