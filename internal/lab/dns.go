package lab

import (
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// DNS is an authoritative server for a list of zones, over UDP and TCP. It
// answers what its zones say, REFUSED outside of them, and counts the queries.
type DNS struct {
	zones   []loadedZone
	custody custody

	mu      sync.Mutex // guards the field below
	queries map[string]int64
}

// maxCountedNames bounds the query counter; further names are counted together
// under OtherNames.
const maxCountedNames = 10_000

// OtherNames is the entry of the query counter that stands for all names beyond
// the first 10,000.
const OtherNames = "(other)."

// NewDNS returns a server for zones that listens nowhere yet. A record that
// doesn't parse is an error that names its zone and line.
func NewDNS(zones ...Zone) (*DNS, error) {
	d := &DNS{queries: make(map[string]int64)}
	for _, zone := range zones {
		loaded, err := zone.load()
		if err != nil {
			return nil, err
		}
		d.zones = append(d.zones, loaded)
	}
	return d, nil
}

// Queries returns how many queries for name have come in, answered or not. Case
// and the final dot don't matter.
func (d *DNS) Queries(name string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queries[dns.CanonicalName(name)]
}

// Listen serves UDP and TCP on the same address (host:port; port 0 picks one
// that is free for both) until Close and returns the address in use.
func (d *DNS) Listen(address string) (string, error) {
	listener, packets, err := listenBoth(address)
	if err != nil {
		return "", err
	}
	for _, server := range []*dns.Server{
		{Listener: listener, Handler: d, MsgAcceptFunc: acceptQuery},
		{PacketConn: packets, Handler: d, MsgAcceptFunc: acceptQuery, UDPSize: dns.MaxMsgSize},
	} {
		if err := d.serve(server); err != nil {
			_, _ = listener.Close(), packets.Close()
			return "", fmt.Errorf("serving DNS on %s: %w", address, err)
		}
	}
	return listener.Addr().String(), nil
}

// Close ends the listeners and waits for queries under way.
func (d *DNS) Close() error {
	d.custody.close()
	return nil
}

// serve runs one transport and returns when it can be shut down.
func (d *DNS) serve(server *dns.Server) error {
	started := make(chan struct{})
	failed := make(chan error, 1)
	server.NotifyStartedFunc = func() { close(started) }
	running := d.custody.run(server, func() { _ = server.Shutdown() }, func() {
		failed <- server.ActivateAndServe()
	})
	if !running {
		return net.ErrClosed
	}
	select {
	case <-started:
		return nil
	case err := <-failed:
		return err
	}
}

// listenBoth opens TCP and UDP on one port. With port 0 the TCP side chooses
// and a few choices are tried, since the number may be taken in UDP.
func listenBoth(address string) (net.Listener, net.PacketConn, error) {
	const attempts = 20
	var err error
	for range attempts {
		var listener net.Listener
		if listener, err = net.Listen("tcp", address); err != nil {
			return nil, nil, fmt.Errorf("listening on %s (TCP): %w", address, err)
		}
		var packets net.PacketConn
		if packets, err = net.ListenPacket("udp", listener.Addr().String()); err == nil {
			return listener, packets, nil
		}
		_ = listener.Close()
		if !strings.HasSuffix(address, ":0") {
			break
		}
	}
	return nil, nil, fmt.Errorf("listening on %s (UDP): %w", address, err)
}

// acceptQuery lets every query reach the handler, which refuses what the server
// doesn't do with the right code; answers are dropped.
func acceptQuery(h dns.Header) dns.MsgAcceptAction {
	const response = 1 << 15
	if h.Bits&response != 0 {
		return dns.MsgIgnore
	}
	if h.Qdcount != 1 {
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// count notes one query.
func (d *DNS) count(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = dns.CanonicalName(name)
	if _, known := d.queries[name]; !known && len(d.queries) >= maxCountedNames {
		name = OtherNames
	}
	d.queries[name]++
}
