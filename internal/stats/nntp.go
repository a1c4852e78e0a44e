package stats

// NNTP holds the blocks of NNTP.
type NNTP struct {
	Stat       NNTPStat
	_          pad
	Accounting NNTPAccounting
	_          pad
}

// NNTPStat is the block "NNTP Stat". No edition of the appliance's documents
// prints it: the lines after the error counts are our proposal.
type NNTPStat struct {
	BytesSent     Counter `line:"Bytes sent,kb"`
	BytesReceived Counter `line:"Bytes received,kb"`
	Transport

	ArticlesClean         Counter `line:"Articles clean"`
	ArticlesScanErrors    Counter `line:"Articles scan errors"`
	ArticlesDetected      Counter `line:"Articles detected"`
	ArticlesWorms         Counter `line:"Articles infected with worms"`
	ArticlesViruses       Counter `line:"Articles infected with viruses"`
	ArticlesSusp          Counter `line:"Articles infected with susp"`
	ArticlesFileBlocked   Counter `line:"Articles file blocked"`
	ArticlesFileExempt    Counter `line:"Articles file exempt"`
	ArticlesBannedWord    Counter `line:"Articles bannedword detected"`
	ArticlesOversizePass  Counter `line:"Articles oversize pass"`
	ArticlesOversizeBlock Counter `line:"Articles oversize block"`
}

// NNTPAccounting is the block "NNTP Accounting".
type NNTPAccounting struct {
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
