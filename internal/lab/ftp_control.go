package lab

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"goftp.io/server/v2"
)

// maxFTPLine bounds a command, in bytes with its line end.
const maxFTPLine = 2 << 10

// ftpControl is a control connection as the library sees it. It hands over one
// command line at a time, and none while a transfer runs but ABOR, which ends
// the transfer first. So the library, which does one thing after the other,
// never writes at the same time as a transfer.
type ftpControl struct {
	net.Conn
	origin  *FTP
	passive int // first passive port, 0 for any
	lines   *bufio.Reader
	line    []byte // what the library hasn't read yet of the line handed over

	// The fields below are the library's goroutine's, which runs the commands.
	opener   dataOpener // made by the last PASV or PORT; nil for none
	extended bool       // EPSV ALL was said: RFC 2428 section 4
	restart  int64      // given by REST for the next command

	mu      sync.Mutex // guards the field below
	running *ftpTransfer
	once    sync.Once
	closed  error
}

func newFTPControl(conn net.Conn, origin *FTP, passive int) *ftpControl {
	if gated, ok := conn.(*gatedConn); ok {
		keepUrgentInline(gated.Conn)
	}
	return &ftpControl{Conn: conn, origin: origin, passive: passive, lines: bufio.NewReaderSize(conn, maxFTPLine)}
}

// Read hands over the next command line, or the rest of the last one.
func (c *ftpControl) Read(p []byte) (int, error) {
	if len(c.line) == 0 {
		line, err := c.nextLine()
		if err != nil {
			c.endTransfer(true)
			return 0, err
		}
		c.endTransfer(isAbort(line))
		c.line = line
	}
	n := copy(p, c.line)
	c.line = c.line[n:]
	return n, nil
}

func (c *ftpControl) nextLine() ([]byte, error) {
	line, err := c.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		c.endTransfer(true)
		_, _ = io.WriteString(c.Conn, "500 line too long\r\n")
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	c.origin.gate.commands.Add(1)
	return []byte(withoutTelnet(string(line))), nil
}

// withoutTelnet takes out the interrupt and synch signals that a client may put
// in front of ABOR (RFC 959 section 4.1.3).
func withoutTelnet(line string) string {
	return strings.NewReplacer("\xff\xf4", "", "\xff\xf2", "", "\xff\xff", "\xff").Replace(line)
}

func isAbort(line []byte) bool {
	return strings.EqualFold(strings.TrimSpace(string(line)), "ABOR")
}

// endTransfer waits until no transfer runs; abort ends it first.
func (c *ftpControl) endTransfer(abort bool) {
	c.mu.Lock()
	running := c.running
	c.mu.Unlock()
	if running == nil {
		return
	}
	if abort {
		running.abort()
	}
	<-running.done
}

// Close ends the session with everything that belongs to it.
func (c *ftpControl) Close() error {
	c.once.Do(func() {
		c.endTransfer(true)
		c.forgetOpener()
		c.closed = c.Conn.Close()
	})
	return c.closed
}

// RemoteAddr is the peer's address, by which a command finds its connection
// again: the library shows a command nothing else of it.
func (c *ftpControl) RemoteAddr() net.Addr { return ftpPeer{c.Conn.RemoteAddr(), c} }

type ftpPeer struct {
	net.Addr
	control *ftpControl
}

func controlOf(sess *server.Session) *ftpControl {
	return sess.RemoteAddr().(ftpPeer).control // every connection of the listener is one
}

// peer and local are the addresses of the control connection's ends.
func (c *ftpControl) peer() netip.Addr  { return addressOf(c.Conn.RemoteAddr()) }
func (c *ftpControl) local() netip.Addr { return addressOf(c.Conn.LocalAddr()) }

func addressOf(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// say writes reply lines as they are. The library has flushed what it wrote
// before, since it flushes every reply.
func (c *ftpControl) say(lines ...string) {
	_, _ = io.WriteString(c.Conn, strings.Join(lines, "\r\n")+"\r\n") // a broken connection shows at the next Read
}

// takeOpener returns what PASV or PORT prepared, once.
func (c *ftpControl) takeOpener() dataOpener {
	opener := c.opener
	c.opener = nil
	return opener
}

func (c *ftpControl) forgetOpener() {
	if opener := c.takeOpener(); opener != nil {
		opener.close()
	}
}

// takeRestart returns the offset of a REST that came directly before.
func (c *ftpControl) takeRestart() int64 {
	offset := c.restart
	c.restart = 0
	return offset
}
