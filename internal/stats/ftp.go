package stats

// FTP holds the blocks of FTP.
type FTP struct {
	Stat       FTPStat
	_          pad
	Accounting FTPAccounting
	_          pad
}

// FTPStat is the block "FTP Stat". No edition of the appliance's documents
// prints it: the lines after the error counts are our proposal.
type FTPStat struct {
	Traffic
	Transport
	Files   Judged `noun:"Files"`
	Uploads Judged `noun:"Upload files"`

	DataActive      Counter `line:"Data connections active"`  // made with clients that said PORT or EPRT
	DataPassive     Counter `line:"Data connections passive"` // made with clients that said PASV or EPSV
	CommandsBlocked Counter `line:"Commands blocked"`         // refused by the proxy and never passed on
}

// FTPAccounting is the block "FTP Accounting".
type FTPAccounting struct {
	Setup
	Scan Counter `acct:"scan,wrap"`
	Polls
	DataListen Counter `acct:"datalisten,poll"` // events on the listening socket for data connections
	DataClt    Counter `acct:"dataclt,poll"`    // events on the client's data connection
	DataSrv    Counter `acct:"datasrv,poll"`    // events on the server's data connection
}
