package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"goftp.io/server/v2"
)

const (
	dataAcceptTimeout = 60 * time.Second // from the transfer command to the client's connection
	dataDialTimeout   = 10 * time.Second
)

// dataOpener makes one data connection.
type dataOpener interface {
	// open connects, or fails when ctx is done; afterwards the opener is used up.
	open(ctx context.Context) (net.Conn, error)
	// close gives up an opener that wasn't used.
	close()
}

// passiveData waits for the client.
type passiveData struct {
	listener *net.TCPListener
	peer     netip.Addr // only this one may connect (RFC 2577 section 3)
	origin   *FTP
}

func (d *passiveData) close() { _ = d.listener.Close() }

func (d *passiveData) open(ctx context.Context) (net.Conn, error) {
	defer d.close()
	stop := context.AfterFunc(ctx, d.close)
	defer stop()
	if err := d.listener.SetDeadline(time.Now().Add(dataAcceptTimeout)); err != nil {
		return nil, fmt.Errorf("waiting for the data connection: %w", err)
	}
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return nil, fmt.Errorf("waiting for the data connection: %w", err)
		}
		if addressOf(conn.RemoteAddr()) == d.peer {
			return conn, nil
		}
		d.origin.dataRefused.Add(1)
		_ = conn.Close()
	}
}

// activeData connects to the client.
type activeData struct {
	local  netip.Addr
	target netip.AddrPort
}

func (d activeData) close() {}

func (d activeData) open(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dataDialTimeout, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.local, 0))}
	conn, err := dialer.DialContext(ctx, "tcp", d.target.String())
	if err != nil {
		return nil, fmt.Errorf("opening the data connection: %w", err)
	}
	return conn, nil
}

// listenPassive opens the next passive port on the address of the control
// connection, passing over those that are taken.
func (c *ftpControl) listenPassive() (port int, err error) {
	c.forgetOpener()
	tries := 1
	if c.passive != 0 {
		tries = passivePorts
	}
	for range tries {
		if c.passive != 0 {
			port = c.passive + int(c.origin.nextPassive.Add(1)-1)%passivePorts
		}
		var listener *net.TCPListener
		listener, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.local(), uint16(port))))
		if err == nil {
			c.opener = &passiveData{listener, c.peer(), c.origin}
			return listener.Addr().(*net.TCPAddr).Port, nil
		}
	}
	return 0, fmt.Errorf("opening a passive port: %w", err)
}

func (c *ftpControl) pasv(_ *server.Session, _ string) {
	if c.extended {
		c.say("501 EPSV ALL was said")
		return
	}
	if !c.local().Is4() {
		c.say("425 PASV is for IPv4, use EPSV")
		return
	}
	port, err := c.listenPassive()
	if err != nil {
		c.say("425 can't open a data connection")
		return
	}
	address := strings.ReplaceAll(c.local().String(), ".", ",")
	c.say(fmt.Sprintf("227 Entering Passive Mode (%s,%d,%d)", address, port>>8, port&0xff))
}

func (c *ftpControl) epsv(_ *server.Session, param string) {
	family := "1"
	if c.local().Is6() {
		family = "2"
	}
	switch strings.ToUpper(param) {
	case "ALL":
		c.extended = true
		c.say("200 from now on EPSV only")
		return
	case "", family:
	default:
		c.say("522 network protocol not supported, use (" + family + ")")
		return
	}
	port, err := c.listenPassive()
	if err != nil {
		c.say("425 can't open a data connection")
		return
	}
	c.say(fmt.Sprintf("229 Entering Extended Passive Mode (|||%d|)", port))
}

func (c *ftpControl) port(_ *server.Session, param string) {
	target, err := parsePort(param)
	c.activate(target, err)
}

func (c *ftpControl) eprt(_ *server.Session, param string) {
	target, err := parseEprt(param)
	c.activate(target, err)
}

// activate takes a client's address, if it is the client's own (RFC 2577
// section 3: a server must not be made to connect to third parties).
func (c *ftpControl) activate(target netip.AddrPort, err error) {
	switch {
	case c.extended:
		c.say("501 EPSV ALL was said")
	case errors.Is(err, errFamily):
		c.say("522 network protocol not supported, use (1,2)")
	case err != nil:
		c.say("501 malformed address")
	case target.Addr() != c.peer() || target.Port() < 1024:
		c.say("500 illegal address")
	default:
		c.forgetOpener()
		c.opener = activeData{c.local(), target}
		c.say("200 address noted")
	}
}

var (
	errFamily  = errors.New("unknown address family")
	errAddress = errors.New("malformed address")
)

// parsePort reads h1,h2,h3,h4,p1,p2 of RFC 959 section 4.1.2.
func parsePort(param string) (netip.AddrPort, error) {
	var bytes [6]byte
	parts := strings.Split(param, ",")
	if len(parts) != len(bytes) {
		return netip.AddrPort{}, errAddress
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 8)
		if err != nil {
			return netip.AddrPort{}, errAddress
		}
		bytes[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(bytes[:4])), uint16(bytes[4])<<8|uint16(bytes[5])), nil
}

// parseEprt reads |family|address|port| of RFC 2428 section 2, with any
// delimiter.
func parseEprt(param string) (netip.AddrPort, error) {
	if param == "" {
		return netip.AddrPort{}, errAddress
	}
	parts := strings.Split(param, param[:1])
	if len(parts) != 5 {
		return netip.AddrPort{}, errAddress
	}
	if parts[1] != "1" && parts[1] != "2" {
		return netip.AddrPort{}, errFamily
	}
	address, err := netip.ParseAddr(parts[2])
	port, portErr := strconv.ParseUint(parts[3], 10, 16)
	if err != nil || portErr != nil || address.Is4() != (parts[1] == "1") {
		return netip.AddrPort{}, errAddress
	}
	return netip.AddrPortFrom(address, uint16(port)), nil
}
