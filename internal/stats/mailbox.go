package stats

// POP3 holds the blocks of POP3.
type POP3 struct {
	Stat       POP3Stat
	_          pad
	Accounting POP3Accounting
	_          pad
}

// POP3Stat is the block "POP3 Stat". No edition of the appliance's documents
// prints it: the lines after the error counts are our proposal.
// A fetched mail can be tagged or replaced but not rejected.
type POP3Stat struct {
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
	LastScanError   Last    `line:"Last Server Scan errors"`
}

// POP3Accounting is the block "POP3 Accounting".
type POP3Accounting struct {
	SetupOK   Counter `acct:"setup_ok"`
	SetupFail Counter `acct:"setup_fail"`
	ConnOK    Counter `acct:"conn_ok"`
	ConnInp   Counter `acct:"conn_inp"`
	_         pad
	Scan      Counter `acct:"scan"`
	_         pad
	Clt       Counter `acct:"clt,poll"`
	Srv       Counter `acct:"srv,poll"`
}

// IMAP holds the blocks of IMAP.
type IMAP struct {
	Stat       IMAPStat
	_          pad
	Accounting IMAPAccounting
	_          pad
}

// IMAPStat is the block "IMAP Stat". No edition of the appliance's documents
// prints it: the lines after the error counts are our proposal.
// A fetched mail can be tagged or replaced but not rejected.
type IMAPStat struct {
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
	LastScanError   Last    `line:"Last Server Scan errors"`
}

// IMAPAccounting is the block "IMAP Accounting".
type IMAPAccounting struct {
	SetupOK   Counter `acct:"setup_ok"`
	SetupFail Counter `acct:"setup_fail"`
	ConnOK    Counter `acct:"conn_ok"`
	ConnInp   Counter `acct:"conn_inp"`
	_         pad
	Scan      Counter `acct:"scan"`
	_         pad
	Clt       Counter `acct:"clt,poll"`
	Srv       Counter `acct:"srv,poll"`
}
