package console

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Logging in is what costs most on the console: keys are exchanged and signed. So
// that a crowd of newcomers doesn't crowd out the traffic, a few have their turn at
// a time, from the client's first word on until they have logged in. Who takes long
// over it (a client that says nothing more, a person who types a password) goes on
// without a turn, so that nobody can keep the others waiting.
const (
	maxTurns = 4
	turnTime = 100 * time.Millisecond
)

// turns are the places of those who log in now.
type turns chan struct{}

// take waits for a turn and returns how to give it back, which happens by itself
// after turnTime.
func (t turns) take(ctx context.Context) (giveBack func()) {
	select {
	case t <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	once := sync.OnceFunc(func() { <-t })
	timer := time.AfterFunc(turnTime, once)
	return func() {
		timer.Stop()
		once()
	}
}

// newcomer is the connection of somebody who logs in. What arrives is read in one
// go: the handshake would take its first line byte by byte from the system.
type newcomer struct {
	net.Conn
	in    *bufio.Reader
	spoke func() // is called once, when the first right bytes are here
	hearing
}

func newNewcomer(conn net.Conn, spoke func()) *newcomer {
	return &newcomer{Conn: conn, in: bufio.NewReader(conn), spoke: sync.OnceFunc(spoke)}
}

func (n *newcomer) Read(p []byte) (int, error) {
	read, err := n.in.Read(p)
	if err = n.hear(p[:read], err); errors.Is(err, errNoise) {
		return 0, err
	}
	n.spoke()
	return read, err
}

// Close ends reading and writing. The connection itself is for the one who accepted
// it to close: the handshake closes what it doesn't like at once.
func (n *newcomer) Close() error { return n.SetDeadline(longAgo) }

// longAgo as a deadline is over.
var longAgo = time.Unix(1, 0)
