package console

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"utmsim/protocols"
	"utmsim/proxy"
)

// tcpInfo is level 55: what the system knows of the clients' connections. Where it
// tells nothing the figures are missing.
func (c *call) tcpInfo(p protocols.Protocol) error {
	list, more := c.rows(func(r proxy.Row) bool { return r.Proto == p && r.Session != 0 })
	slices.SortFunc(list, byNumber)
	sockets := systemSockets()
	c.perProtocol([]protocols.Protocol{p}, func(protocols.Protocol) {
		for _, r := range list {
			fmt.Fprintf(c.out, "id=%d %s->%s ", r.Session, end(r.Client), end(r.Door))
			s, ok := sockets[tcpEnds{r.Client, r.Door.Port()}]
			if !ok {
				fmt.Fprintln(c.out, "tcp=unknown")
				continue
			}
			fmt.Fprintf(c.out, "tcp=%s txq=%d rxq=%d retransmits=%d\n", s.state, s.unsent, s.unread, s.retransmits)
		}
	})
	c.andMore(more)
	return nil
}

// tcpEnds tells sockets apart: the address of the peer, and our port.
type tcpEnds struct {
	peer netip.AddrPort
	port uint16
}

// tcpSocket is one socket of this machine.
type tcpSocket struct {
	state          string
	unsent, unread int64 // bytes that the system holds
	retransmits    int64 // of what is unacknowledged
}

// tcpStates are the states by their numbers in Linux.
var tcpStates = [...]string{"", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"}

// readSockets reads a table of /proc/net/tcp or tcp6 into found.
func readSockets(r io.Reader, found map[tcpEnds]tcpSocket) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 7 {
			continue
		}
		own, known := procAddr(f[1])
		peer, ok := procAddr(f[2])
		unsent, unread, cut := strings.Cut(f[4], ":")
		state, err := strconv.ParseUint(f[3], 16, 8)
		if !known || !ok || !cut || err != nil || state == 0 || int(state) >= len(tcpStates) {
			continue
		}
		found[tcpEnds{peer, own.Port()}] = tcpSocket{tcpStates[state], hexNumber(unsent), hexNumber(unread), hexNumber(f[6])}
	}
}

// procAddr reads an address as the kernel prints it: words in the machine's byte
// order, then the port.
func procAddr(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	n, perr := strconv.ParseUint(port, 16, 16)
	if cmp.Or(err, perr) != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), ok
}

func hexNumber(text string) int64 {
	n, err := strconv.ParseInt(text, 16, 64)
	if err != nil {
		return 0
	}
	return n
}
