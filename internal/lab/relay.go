package lab

import (
	"fmt"
	"io"
	"net"
	"time"
)

// relayDialTimeout bounds the connect to the server, as long as the proxy's own.
const relayDialTimeout = 10 * time.Second

// Relay is the plainest proxy there is: one connection to the server for each
// client and io.Copy in both directions. It is what every other proxy is
// compared with. On Linux io.Copy between TCP connections splices, which holds
// two pipes for each session, busy or not: six descriptors in all.
type Relay struct {
	listener net.Listener
	custody  custody
}

// StartRelay listens on address and relays every connection to server.
func StartRelay(address, server string) (*Relay, error) {
	r := new(Relay)
	return r, r.start(address, server, pour)
}

// start listens; down passes on what the servers say.
func (r *Relay) start(address, server string, down func(client, server net.Conn)) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	r.listener = listener
	r.custody.run(listener, func() { _ = listener.Close() }, func() {
		acceptAll(listener, func(client net.Conn) {
			session := func() { r.between(client, server, down) }
			if !r.custody.run(client, func() { _ = client.Close() }, session) {
				_ = client.Close()
			}
		})
	})
	return nil
}

// Addr returns the address in use.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close ends all sessions and waits for their goroutines.
func (r *Relay) Close() error {
	r.custody.close()
	return nil
}

// between relays until both directions have ended, passing half-closes on.
func (r *Relay) between(client net.Conn, address string, down func(client, server net.Conn)) {
	defer func() { _ = client.Close() }()
	server, err := net.DialTimeout("tcp", address, relayDialTimeout)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	downDone := make(chan struct{})
	started := r.custody.run(server, func() { _ = server.Close() }, func() {
		defer close(downDone)
		down(client, server)
	})
	if !started {
		return
	}
	pour(server, client)
	<-downDone
}

// pour copies from src to dst and then tells dst that nothing more will come.
// After an error both are of no more use.
func pour(dst, src net.Conn) {
	_, err := io.Copy(dst, src)
	if err == nil {
		err = closeWrite(dst)
	}
	if err != nil {
		_ = dst.Close()
		_ = src.Close()
	}
}

// closeWrite ends our direction of a TCP connection.
func closeWrite(conn net.Conn) error {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}
