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
	BytesSent     Counter `line:"Bytes sent,kb"`
	BytesReceived Counter `line:"Bytes received,kb"`
	Transport

	FilesClean         Counter `line:"Files clean"`
	FilesScanErrors    Counter `line:"Files scan errors"`
	FilesDetected      Counter `line:"Files detected"`
	FilesWorms         Counter `line:"Files infected with worms"`
	FilesViruses       Counter `line:"Files infected with viruses"`
	FilesSusp          Counter `line:"Files infected with susp"`
	FilesFileBlocked   Counter `line:"Files file blocked"`
	FilesFileExempt    Counter `line:"Files file exempt"`
	FilesBannedWord    Counter `line:"Files bannedword detected"`
	FilesOversizePass  Counter `line:"Files oversize pass"`
	FilesOversizeBlock Counter `line:"Files oversize block"`

	UploadsClean         Counter `line:"Upload files clean"`
	UploadsScanErrors    Counter `line:"Upload files scan errors"`
	UploadsDetected      Counter `line:"Upload files detected"`
	UploadsWorms         Counter `line:"Upload files infected with worms"`
	UploadsViruses       Counter `line:"Upload files infected with viruses"`
	UploadsSusp          Counter `line:"Upload files infected with susp"`
	UploadsFileBlocked   Counter `line:"Upload files file blocked"`
	UploadsFileExempt    Counter `line:"Upload files file exempt"`
	UploadsBannedWord    Counter `line:"Upload files bannedword detected"`
	UploadsOversizePass  Counter `line:"Upload files oversize pass"`
	UploadsOversizeBlock Counter `line:"Upload files oversize block"`

	DataActive      Counter `line:"Data connections active"`  // made with clients that said PORT or EPRT
	DataPassive     Counter `line:"Data connections passive"` // made with clients that said PASV or EPSV
	CommandsBlocked Counter `line:"Commands blocked"`         // refused by the proxy and never passed on
}

// FTPAccounting is the block "FTP Accounting".
type FTPAccounting struct {
	SetupOK    Counter `acct:"setup_ok"`
	SetupFail  Counter `acct:"setup_fail"`
	ConnOK     Counter `acct:"conn_ok"`
	ConnInp    Counter `acct:"conn_inp"`
	_          pad
	Scan       Counter `acct:"scan,wrap"`
	_          pad
	Clt        Counter `acct:"clt,poll"`
	Srv        Counter `acct:"srv,poll"`
	DataListen Counter `acct:"datalisten,poll"` // events on the listening socket for data connections
	DataClt    Counter `acct:"dataclt,poll"`    // events on the client's data connection
	DataSrv    Counter `acct:"datasrv,poll"`    // events on the server's data connection
}
