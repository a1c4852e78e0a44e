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
	Traffic
	Transport
	Articles Judged `noun:"Articles"`
}

// NNTPAccounting is the block "NNTP Accounting".
type NNTPAccounting struct {
	Setup
	Scan Counter `acct:"scan"`
	Polls
}
