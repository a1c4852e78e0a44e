package lab

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"

	"goftp.io/server/v2"
)

// The distance of the passive ports from the port of the control connection,
// and their number. 12121 has 12200 to 12299.
const (
	passiveOffset = 79
	passivePorts  = 100
)

// FTP is the lab's file server (RFC 959, 2428, 3659) on goftp: anonymous and the
// lab's users read everything and write below /incoming. Files are what their
// bytes are; TYPE A changes nothing.
//
// The library keeps the control connection, the login and the directories. Its
// data connections are replaced by our own: it can't abort a transfer, listens
// on every address, lets anybody connect and leaves listeners behind.
//
// Commands of Traffic counts every line on a control connection.
type FTP struct {
	// MaxSessions is the number of control connections at once; 0 means 32,768. A
	// connection more is told 421. Set it before Listen.
	MaxSessions int

	gate  gate
	files *ftpFiles

	nextPassive         atomic.Int64
	data, dataRefused   atomic.Int64
	retrieved, retBytes atomic.Int64
	stored, storedBytes atomic.Int64
	broken, brokenBytes atomic.Int64
	aborted             atomic.Int64
}

// FTPCounts is what the server has seen since it was created.
type FTPCounts struct {
	Traffic
	DataConnections int64 // opened, either way
	DataRefused     int64 // closed again because they came from elsewhere than the control connection
	Retrieved       int64 // files sent to their end
	RetrievedBytes  int64 // of files, whole or not
	Stored          int64 // uploads that came to their end and were taken
	StoredBytes     int64
	Broken          int64 // uploads that didn't come to their end, or weren't taken
	BrokenBytes     int64
	Aborted         int64 // transfers ended by ABOR or by the end of the control connection
}

// NewFTP returns a server with the first files that listens nowhere yet.
func NewFTP() *FTP {
	o := &FTP{files: newFTPFiles()}
	o.gate.refusal = "421 too many connections\r\n"
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses. Passive
// data connections use the hundred ports from the given port plus 79 on, in
// turn; with port 0 any free port.
func (o *FTP) Listen(address string) (string, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("listening on %s: %w", address, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("listening on %s: %w", address, err)
	}
	passive := 0
	if port != 0 {
		passive = port + passiveOffset
	}
	// A server of the library can have one listener only.
	front, err := server.NewServer(&server.Options{
		Driver: o.files, Auth: ftpLogin{}, Perm: server.NewSimplePerm("lab", "lab"), Commands: o.commands(),
		Name: MailDomain, WelcomeMessage: "ftp." + MailDomain + " ready", Logger: &server.DiscardLogger{},
	})
	if err != nil {
		return "", fmt.Errorf("making the FTP server: %w", err)
	}
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		_ = front.Serve(&ftpListener{listener, o, passive}) // ends when the listener is closed
	})
}

// File returns the content of a stored file and whether there is one. Generated
// files have no content here.
func (o *FTP) File(path string) ([]byte, bool) { return o.files.content(path) }

// Counts returns what the server has seen so far.
func (o *FTP) Counts() FTPCounts {
	return FTPCounts{
		Traffic:         o.gate.traffic(),
		DataConnections: o.data.Load(),
		DataRefused:     o.dataRefused.Load(),
		Retrieved:       o.retrieved.Load(),
		RetrievedBytes:  o.retBytes.Load(),
		Stored:          o.stored.Load(),
		StoredBytes:     o.storedBytes.Load(),
		Broken:          o.broken.Load(),
		BrokenBytes:     o.brokenBytes.Load(),
		Aborted:         o.aborted.Load(),
	}
}

// Close ends all sessions and transfers and waits for them.
func (o *FTP) Close() error {
	o.gate.close()
	return nil
}

// ftpLogin lets in anonymous with any password and the lab's users with theirs.
type ftpLogin struct{}

// CheckPasswd implements server.Auth.
func (ftpLogin) CheckPasswd(_ *server.Context, name, password string) (bool, error) {
	if name == "anonymous" || name == "ftp" {
		return true, nil
	}
	_, right := authenticate(name, password)
	return right, nil
}

// ftpListener gives the library control connections of ours.
type ftpListener struct {
	net.Listener
	origin  *FTP
	passive int // first port, 0 for any
}

// Accept implements net.Listener.
func (l *ftpListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newFTPControl(conn, l.origin, l.passive), nil
}
