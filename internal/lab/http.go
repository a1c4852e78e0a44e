package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// httpIdleTimeout ends connections at rest. It is longer than any proxy's
// keep-alive, so that it is always the proxy that decides.
const httpIdleTimeout = 15 * time.Minute

// HTTP is the lab's web server. Create it with NewHTTP; the zero value serves
// nothing. Its addresses are listed by Routes.
type HTTP struct {
	server   *http.Server
	accept   custody // accept loops
	conns    custody // open connections, hijacked ones too
	handlers custody // running handlers

	requests    atomic.Int64
	connections atomic.Int64
	bytes       atomic.Int64
	uploaded    atomic.Int64
	samples     atomic.Pointer[[]Sample]
}

// HTTPCounts is what an origin has seen since it was created: the evidence that
// something did, or did not, get past the proxy.
type HTTPCounts struct {
	Requests    int64 // requests well-formed enough to reach a handler, without those for /count
	Connections int64 // connections accepted
	Bytes       int64 // bytes received on them, malformed or not
	Uploaded    int64 // body bytes that reached /upload, of whole and of broken-off uploads
}

// NewHTTP returns an origin that listens nowhere yet.
func NewHTTP() *HTTP {
	o := &HTTP{}
	mux := http.NewServeMux()
	for _, route := range o.routes() {
		mux.HandleFunc(route.pattern, route.serve)
	}
	o.server = &http.Server{
		Handler:     o.counted(mux),
		IdleTimeout: httpIdleTimeout,
		ErrorLog:    log.New(io.Discard, "", 0), // malformed requests are the clients' business; Counts shows them
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	return o
}

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use. It may be called for several addresses.
func (o *HTTP) Listen(address string) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("listening on %s: %w", address, err)
	}
	watched := &watchedListener{Listener: listener, origin: o}
	running := o.accept.run(watched, func() { _ = listener.Close() }, func() {
		_ = o.server.Serve(watched) // always ends with ErrServerClosed or the closed listener
	})
	if !running {
		_ = listener.Close()
		return "", fmt.Errorf("listening on %s: %w", address, net.ErrClosed)
	}
	return listener.Addr().String(), nil
}

// Counts returns what the origin has seen so far.
func (o *HTTP) Counts() HTTPCounts {
	return HTTPCounts{
		Requests:    o.requests.Load(),
		Connections: o.connections.Load(),
		Bytes:       o.bytes.Load(),
		Uploaded:    o.uploaded.Load(),
	}
}

// Close resets nothing and waits for everything: listeners, connections and
// handlers have ended when it returns.
func (o *HTTP) Close() error {
	err := o.server.Close()
	o.accept.close()
	o.conns.close()
	o.handlers.close()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the HTTP origin: %w", err)
	}
	return nil
}

type connKey struct{}

// counted counts the request, gives its raw head to the connection and keeps
// the handler in custody.
func (o *HTTP) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !o.handlers.admit(r, func() {}) {
			return
		}
		defer o.handlers.leave(r)
		if r.URL.Path != "/count" {
			o.requests.Add(1)
		}
		if conn, ok := r.Context().Value(connKey{}).(*watchedConn); ok {
			conn.current = conn.heads.take()
		}
		next.ServeHTTP(w, r)
	})
}

// serveCount answers the number of requests in the body and the rest in fields.
func (o *HTTP) serveCount(w http.ResponseWriter, _ *http.Request) {
	counts := o.Counts()
	w.Header().Set("X-Origin-Connections", strconv.FormatInt(counts.Connections, 10))
	w.Header().Set("X-Origin-Bytes", strconv.FormatInt(counts.Bytes, 10))
	w.Header().Set("X-Origin-Uploaded", strconv.FormatInt(counts.Uploaded, 10))
	w.Header().Set("Cache-Control", "no-store")
	sendText(w, http.StatusOK, fmt.Sprintf("%d\n", counts.Requests))
}

type watchedListener struct {
	net.Listener
	origin *HTTP
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.origin.connections.Add(1)
	watched := &watchedConn{Conn: conn, origin: l.origin}
	if !l.origin.conns.admit(watched, func() { _ = watched.Close() }) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	return watched, nil
}

// watchedConn counts and follows what the origin receives.
type watchedConn struct {
	net.Conn
	origin  *HTTP
	heads   requestHeads
	current []byte // head of the request being handled; set and read by the handler's goroutine
	close   sync.Once
	closed  error
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.origin.bytes.Add(int64(n))
	c.heads.feed(p[:n])
	return n, err
}

func (c *watchedConn) Close() error {
	c.close.Do(func() {
		c.closed = c.Conn.Close()
		c.origin.conns.leave(c)
	})
	return c.closed
}

// sendText writes one short text/plain answer with its length.
func sendText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // a client that has gone is not the handler's concern
}
