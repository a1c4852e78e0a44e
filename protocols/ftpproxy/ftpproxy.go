// Package ftpproxy is the driver of FTP. Commands go up and replies come down as
// they came, one command at a time, and only where a data connection is arranged
// or used does the proxy step in: it names its own ports to both ends, opens both
// data connections itself, and has the files that move over them judged. What is
// blocked does not arrive: nothing of a download, and no end of an upload.
//
// The two ends need not agree on how data connections are made. A client that asks
// for PASV or EPSV gets a port of the proxy, one that sends PORT or EPRT is
// connected to; what the server is asked for follows the client's choice, the
// configuration and the server's address family.
//
// It deliberately does not know which contents are bad, what a file is (package
// mail reads mails), what servers allow, and what commands mean beyond those that
// open, shape or encrypt connections.
package ftpproxy

import (
	"context"

	"utmsim/internal/config"
	"utmsim/protocols/wire"
	"utmsim/proxy"
)

// Driver is the FTP driver. The zero value is ready; one value serves all sessions.
type Driver struct{}

var (
	_ proxy.Driver    = (*Driver)(nil)
	_ proxy.Attaching = (*Driver)(nil)
)

// AttachesData implements proxy.Attaching.
func (*Driver) AttachesData() {}

// Open implements proxy.Driver: the server speaks first, or the proxy itself to a
// client that has yet to name its server.
func (*Driver) Open(ctx context.Context, s *proxy.Session) error {
	x := &dialogue{s: s, ascii: true}
	s.State = x
	if s.Explicit() {
		x.tell(replyExplicit)
		return nil
	}
	if err := s.Connect(ctx); err != nil {
		if ctx.Err() == nil {
			x.tell(replyUnreachable)
		}
		return err
	}
	x.expect(expected{verb: verbGreeting})
	s.Transaction(x.busy())
	return nil
}

// Exchange implements proxy.Driver: the commands that have arrived go up, or the
// replies that have arrived come down. A transfer is one exchange.
func (*Driver) Exchange(ctx context.Context, s *proxy.Session, side wire.Side) error {
	x := s.State.(*dialogue)
	var err error
	if side == wire.Server {
		err = x.serverSpeaks(ctx)
	} else {
		err = x.clientSpeaks(ctx)
	}
	s.Transaction(x.busy())
	return err
}

// Farewell implements proxy.Driver.
func (*Driver) Farewell(error) []byte { return []byte(replyFarewell) }

// options are the FTP options of the session.
func (x *dialogue) options() *config.FTPOptions { return &x.s.Options().FTP }
