package proxy

import (
	"context"
	"errors"
	"io"

	"utmsim/protocols/wire"
)

// Driver speaks one application protocol between a client and its server. One
// value serves all sessions of the protocol; what belongs to a session lies in
// Session.State.
type Driver interface {
	// Open runs once, when the session has been admitted. It connects the
	// server (Session.Connect) or leaves that to the first exchange.
	Open(ctx context.Context, s *Session) error
	// Exchange handles what has arrived on side, up to the next point where the
	// session may rest. It returns io.EOF when the session has come to its proper
	// end, ErrTunnel when the rest is to be relayed without inspection, and any
	// other error when the session has to end; what the client is told about that
	// the driver has written before. Buffered replies are flushed by the engine.
	// Bytes that are left in a Conn's buffer make the engine call Exchange again,
	// so a driver that can't go on without more bytes reads them itself.
	Exchange(ctx context.Context, s *Session, side wire.Side) error
	// Farewell is what a client is told before the close, when the refusal style
	// is polite; nil says nothing. cause is ErrRefused, ErrDropped or ErrRestart.
	Farewell(cause error) []byte
}

// ClientFirst is what a Driver implements whose clients speak first. Open is then
// called with the first exchange, and a client that says nothing costs nothing.
type ClientFirst interface{ ClientSpeaksFirst() }

// Ends of a session. ErrReset and errors that wrap it close the client with a
// reset instead of a FIN.
var (
	ErrRefused  = errors.New("not admitted")
	ErrDropped  = errors.New("dropped for a newcomer")
	ErrRestart  = errors.New("proxy restarted")
	ErrShutdown = errors.New("shutting down")
	ErrTimeout  = errors.New("time-out")
	ErrBlocked  = errors.New("content blocked")
	ErrProtocol = errors.New("protocol violation")
	ErrReset    = errors.New("connection to be reset")
	ErrConnect  = errors.New("server not reached")
	// ErrComforted comes with an error of Inspect when the receiver has a part of
	// the object already, so that no replacement can be sent any more.
	ErrComforted = errors.New("a part of the object was delivered")
	ErrCleared   = errors.New("cleared by the operator")
	// ErrTunnel is not an end: from here on the session is relayed uninspected.
	ErrTunnel = errors.New("relayed without inspection from here")
)

// CloseReason is why a session ended, one word for the log line.
type CloseReason string

// reasonOf names the end of a session.
func reasonOf(err error) CloseReason {
	for _, c := range closeReasons {
		if errors.Is(err, c.err) {
			return c.reason
		}
	}
	if err == nil {
		return "done"
	}
	return "error"
}

// closeReasons is the one list of close reasons; the first that matches wins.
var closeReasons = []struct {
	err    error
	reason CloseReason
}{
	{ErrDropped, "dropped"},
	{ErrRestart, "restart"},
	{ErrCleared, "cleared"},
	{ErrShutdown, "shutdown"},
	{ErrBlocked, "blocked"},
	{ErrTimeout, "timeout"},
	{ErrConnect, "server-unreachable"},
	{ErrProtocol, "protocol"},
	{ErrReset, "reset"},
	{errPanic, "panic"},
	{io.EOF, "done"},
}

var errPanic = errors.New("panic in a driver")
