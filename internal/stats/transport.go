package stats

// ErrorKind says which operation failed; there is an Error Count line for each.
type ErrorKind uint8

// The kinds, in print order.
const (
	Alloc         ErrorKind = iota // no memory or descriptor for a session
	Accept                         // taking over a connection
	Bind                           // giving a socket its address
	Connect                        // reaching the server
	Socket                         // making or configuring a socket
	Read                           // reading from either side
	Write                          // writing to either side
	Retry                          // a server connection had to be tried again
	Poll                           // waiting for readiness
	ScanReset                      // a scan was lost because its engine went away
	URLFilterWait                  // a request gave up waiting for its rating; HTTP alone
)

// Traffic is the group of lines that every protocol's Stat block begins with.
type Traffic struct {
	BytesSent     Counter `line:"Bytes sent,kb"`
	BytesReceived Counter `line:"Bytes received,kb"`
}

// Transport is the group of error lines that every protocol's Stat block has.
type Transport struct {
	Alloc         Counter `line:"Error Count (alloc)"`
	Accept        Counter `line:"Error Count (accept)"`
	Bind          Counter `line:"Error Count (bind)"`
	Connect       Counter `line:"Error Count (connect)"`
	Socket        Counter `line:"Error Count (socket)"`
	Read          Counter `line:"Error Count (read)"`
	Write         Counter `line:"Error Count (write)"`
	Retry         Counter `line:"Error Count (retry)"`
	Poll          Counter `line:"Error Count (poll)"`
	ScanReset     Counter `line:"Error Count (scan reset)"`
	URLFilterWait Counter `line:"Error Count (urlfilter wait)" only:"HTTP"`
	LastError     Last    `line:"Last Error"`
}

// Fail counts one failed operation and makes the Linux number of err the Last
// Error in the same step; see Errno for the number.
func (t *Transport) Fail(kind ErrorKind, err error) {
	t.counter(kind).Inc()
	t.LastError.Set(int64(Errno(err)))
}

func (t *Transport) counter(kind ErrorKind) *Counter {
	switch kind {
	case Alloc:
		return &t.Alloc
	case Accept:
		return &t.Accept
	case Bind:
		return &t.Bind
	case Connect:
		return &t.Connect
	case Socket:
		return &t.Socket
	case Read:
		return &t.Read
	case Write:
		return &t.Write
	case Retry:
		return &t.Retry
	case ScanReset:
		return &t.ScanReset
	case URLFilterWait:
		return &t.URLFilterWait
	default:
		return &t.Poll
	}
}
