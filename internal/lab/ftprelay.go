package lab

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strconv"
	"strings"
)

// FTPRelay is the plainest proxy for FTP: a Relay that also stands between the
// passive data connections, for which it puts an address of its own into the
// answers to PASV. Nothing else is looked at.
type FTPRelay struct {
	*Relay
	ports dataPorts
}

// StartFTPRelay listens on address and relays every connection to server.
func StartFTPRelay(address, server string) (*FTPRelay, error) {
	r := &FTPRelay{Relay: new(Relay)}
	r.ports = newDataPorts(&r.custody)
	return r, r.start(address, server, r.replies)
}

// replies passes the server's replies on, line by line.
func (r *FTPRelay) replies(client, server net.Conn) {
	from, to := bufio.NewReader(server), bufio.NewWriter(client)
	for {
		line, err := from.ReadSlice('\n')
		if bytes.HasPrefix(line, []byte("227 ")) {
			line = r.passive(client, server, line)
		}
		_, _ = to.Write(line) // its error comes back from Flush
		if err == nil && from.Buffered() > 0 {
			continue // more to send with it
		}
		if flushed := to.Flush(); err != nil && !errors.Is(err, bufio.ErrBufferFull) || flushed != nil {
			break
		}
	}
	if closeWrite(client) != nil {
		_ = client.Close()
		_ = server.Close()
	}
}

// passive is an answer to PASV with an address of the relay's own, behind which
// the next connection goes to the server's.
func (r *FTPRelay) passive(client, server net.Conn, line []byte) []byte {
	_, list, _ := bytes.Cut(line, []byte("("))
	list, _, _ = bytes.Cut(list, []byte(")"))
	offered, err := parsePort(string(list))
	if err != nil {
		return line
	}
	l, err := r.ports.take(client)
	if err != nil {
		return []byte("425 no listener\r\n")
	}
	host, _, _ := net.SplitHostPort(server.RemoteAddr().String())
	behind := net.JoinHostPort(host, strconv.Itoa(int(offered.Port())))
	r.custody.run(new(int), func() {}, func() {
		data, err := r.ports.accept(l)
		if err != nil {
			r.ports.drop(l)
			return
		}
		r.ports.keep(l)
		if !r.custody.admit(data, func() { _ = data.Close() }) {
			_ = data.Close()
			return
		}
		defer r.custody.leave(data)
		r.between(data, behind, pour)
	})
	return []byte(passiveReply(l.Addr().(*net.TCPAddr)))
}

// passiveReply is the answer of RFC 959 section 4.1.2 with an IPv4 address.
func passiveReply(at *net.TCPAddr) string {
	ip := at.IP.To4()
	if ip == nil {
		return "425 PASV is for IPv4\r\n"
	}
	return "227 here (" + strings.ReplaceAll(ip.String(), ".", ",") + "," + strconv.Itoa(at.Port>>8) + "," + strconv.Itoa(at.Port&0xff) + ")\r\n"
}
