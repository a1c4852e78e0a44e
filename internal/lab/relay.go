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
	server   string
	custody  custody
}

// StartRelay listens on address and relays every connection to server.
func StartRelay(address, server string) (*Relay, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	r := &Relay{listener: listener, server: server}
	r.custody.run(listener, func() { _ = listener.Close() }, func() {
		acceptAll(listener, func(client net.Conn) {
			if !r.custody.run(client, func() { _ = client.Close() }, func() { r.session(client) }) {
				_ = client.Close()
			}
		})
	})
	return r, nil
}

// Addr returns the address in use.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Close ends all sessions and waits for their goroutines.
func (r *Relay) Close() error {
	r.custody.close()
	return nil
}

// session relays until both directions have ended, passing half-closes on.
func (r *Relay) session(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.DialTimeout("tcp", r.server, relayDialTimeout)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	downDone := make(chan struct{})
	started := r.custody.run(server, func() { _ = server.Close() }, func() {
		defer close(downDone)
		pour(client, server)
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
	if tcp, ok := dst.(*net.TCPConn); ok && err == nil {
		err = tcp.CloseWrite()
	}
	if err != nil {
		_ = dst.Close()
		_ = src.Close()
	}
}
