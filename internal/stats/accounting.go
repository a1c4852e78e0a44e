package stats

// Setup is the group of figures that every Accounting block begins with.
type Setup struct {
	SetupOK   Counter `acct:"setup_ok"`
	SetupFail Counter `acct:"setup_fail"`
	ConnOK    Counter `acct:"conn_ok"`
	ConnInp   Counter `acct:"conn_inp"`
	_         pad
}

// Polls is the group of figures about a session's two sockets.
type Polls struct {
	_   pad
	Clt Counter `acct:"clt,poll"`
	Srv Counter `acct:"srv,poll"`
}
