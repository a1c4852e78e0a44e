package eventlog

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// SyslogSettings name a syslog server. The zero value is none.
type SyslogSettings struct {
	Server   string // host:port; "" for none
	Reliable bool   // over TCP (RFC 6587, octet counting), otherwise UDP (RFC 5426)
	Facility int    // 0 to 23
}

// syslogQueue is how many lines may wait for a server that is slow or away.
const syslogQueue = 4096

const (
	syslogDial  = 5 * time.Second // to connect
	syslogWrite = 5 * time.Second // to take one message
	syslogRetry = time.Second     // between attempts to connect
	syslogGrace = time.Second     // for what still waits at the end
)

// sender sends lines as messages of RFC 5424, in order. It never makes its callers
// wait: a full queue drops.
type sender struct {
	settings SyslogSettings
	hostname string
	queue    chan Line
	dropped  atomic.Uint64
	life     context.Context
	end      context.CancelFunc
	done     sync.WaitGroup
}

func newSender(s SyslogSettings, hostname string) *sender {
	out := &sender{settings: s, hostname: hostname, queue: make(chan Line, syslogQueue)}
	out.life, out.end = context.WithCancel(context.Background())
	out.done.Go(out.run)
	return out
}

// send queues a line, or drops it.
func (s *sender) send(l Line) {
	select {
	case s.queue <- l:
	default:
		s.dropped.Add(1)
	}
}

// close ends the sender after what waits was sent, if that takes no longer than
// syslogGrace. It is not called while send may be.
func (s *sender) close() {
	close(s.queue)
	grace := time.AfterFunc(syslogGrace, s.end)
	s.done.Wait()
	grace.Stop()
	s.end()
}

func (s *sender) run() {
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for l := range s.queue {
		for {
			if conn == nil {
				if conn = s.dial(); conn == nil {
					s.dropped.Add(1)
					break // the sender is being closed
				}
			}
			if s.write(conn, s.message(l)) == nil {
				break
			}
			// A datagram that was refused is lost; on a stream the message is sent anew.
			conn.Close()
			conn = nil
			if !s.settings.Reliable {
				s.dropped.Add(1)
				break
			}
		}
	}
}

// write gives up when the server takes nothing for syslogWrite, or the sender is
// being closed.
func (s *sender) write(conn net.Conn, message []byte) error {
	conn.SetWriteDeadline(time.Now().Add(syslogWrite))
	stop := context.AfterFunc(s.life, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := conn.Write(message)
	return err
}

// dial connects, however long that takes; nil when the sender is being closed.
func (s *sender) dial() net.Conn {
	network := "udp"
	if s.settings.Reliable {
		network = "tcp"
	}
	dialer := net.Dialer{Timeout: syslogDial}
	for {
		conn, err := dialer.DialContext(s.life, network, s.settings.Server)
		if err == nil {
			return conn
		}
		select {
		case <-s.life.Done():
			return nil
		case <-time.After(syslogRetry):
		}
	}
}

// message is a line as RFC 5424 section 6 has it, without structured data. The
// message itself is the line of the appliance.
func (s *sender) message(l Line) []byte {
	b := fmt.Appendf(nil, "<%d>1 %s %s utmsim %d %s - %s", s.settings.Facility*8+int(l.Severity),
		l.Time.Format("2006-01-02T15:04:05.000000Z07:00"), printable(s.hostname, 255), os.Getpid(), l.Category, l.Text)
	if !s.settings.Reliable {
		return b
	}
	return append(strconv.AppendInt(nil, int64(len(b)), 10), append([]byte{' '}, b...)...)
}

// printable is a field of the header: visible ASCII only, "-" for nothing.
func printable(s string, max int) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && len(out) < max; i++ {
		if s[i] > ' ' && s[i] < 0x7f {
			out = append(out, s[i])
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}
