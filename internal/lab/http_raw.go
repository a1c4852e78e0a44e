package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// echoProtocol is the name /upgrade answers to in the Upgrade field.
const echoProtocol = "echo"

// serveUpgrade switches to a protocol that sends every byte back until the
// client has sent its last (RFC 9110 section 7.8).
func (o *HTTP) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), echoProtocol) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", echoProtocol)
		sendText(w, http.StatusUpgradeRequired, "ask with Connection: Upgrade and Upgrade: echo\n")
		return
	}
	raw(w, func(conn net.Conn, rw *bufio.ReadWriter) error {
		const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + echoProtocol + "\r\n\r\n"
		if _, err := io.WriteString(conn, head); err != nil {
			return fmt.Errorf("answering 101: %w", err)
		}
		_, err := io.Copy(conn, rw.Reader) // the reader may hold bytes sent right behind the request
		return err
	})
}

// serveUntilClose answers as HTTP/1.0 servers do: no length, the end of the
// connection is the end of the body.
func (o *HTTP) serveUntilClose(w http.ResponseWriter, r *http.Request) {
	size, err := querySize(r.URL.Query(), "n", 1024)
	if err != nil {
		badRequest(w, err)
		return
	}
	raw(w, func(conn net.Conn, _ *bufio.ReadWriter) error {
		const head = "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"
		if _, err := io.WriteString(conn, head); err != nil || r.Method == http.MethodHead {
			return err
		}
		_, err := io.Copy(conn, NewContent(size))
		return err
	})
}

// serveReset promises n bytes, sends half of them and resets the connection.
func (o *HTTP) serveReset(w http.ResponseWriter, r *http.Request) {
	size, err := querySize(r.URL.Query(), "n", 64<<10)
	if err != nil {
		badRequest(w, err)
		return
	}
	raw(w, func(conn net.Conn, _ *bufio.ReadWriter) error {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
		if _, err := io.WriteString(conn, head); err != nil || r.Method == http.MethodHead {
			return err
		}
		if _, err := io.Copy(conn, NewContent(size/2)); err != nil {
			return err
		}
		return resetOnClose(conn)
	})
}

// raw takes the connection over from net/http for as long as talk runs, then
// closes it. An error of talk has the same consequence as its end.
func raw(w http.ResponseWriter, talk func(net.Conn, *bufio.ReadWriter) error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		sendText(w, http.StatusHTTPVersionNotSupported, "this address needs a connection of its own (HTTP/1)\n")
		return
	}
	defer func() { _ = conn.Close() }()
	_ = talk(conn, rw)
}

// resetOnClose makes the coming Close send RST instead of FIN.
func resetOnClose(conn net.Conn) error {
	if watched, ok := conn.(*watchedConn); ok {
		conn = watched.Conn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("resetting a %T: not a TCP connection", conn)
	}
	return tcp.SetLinger(0)
}
