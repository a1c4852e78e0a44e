package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Target says what to do, where, and from which addresses.
type Target struct {
	Address string // host:port of a server or reverse proxy; the host is a loopback IP address
	Script  Script
	Sources []netip.Addr // loopback addresses to connect from, taken in turn; none leaves the choice to the system
	Timeout time.Duration
}

// defaultTimeout is how long a connect, and the last transactions of a run, may
// take when the Target doesn't say.
const defaultTimeout = 10 * time.Second

// route is a Target that has been checked and prepared.
type route struct {
	dial    string // where connections go
	player  player
	dialers []net.Dialer
	timeout time.Duration
}

func (t Target) prepare() (route, error) {
	if err := loopback("server", t.Address); err != nil {
		return route{}, err
	}
	r := route{dial: t.Address, timeout: t.Timeout}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	}
	if proxied, ok := t.Script.(interface{ via() string }); ok && proxied.via() != "" {
		if err := loopback("proxy", proxied.via()); err != nil {
			return route{}, err
		}
		r.dial = proxied.via()
	}
	if t.Script == nil {
		return route{}, errors.New("checking the script: there is none")
	}
	var err error
	if r.player, err = t.Script.prepare(t); err != nil {
		return route{}, err
	}
	for _, source := range t.Sources {
		if !source.IsLoopback() {
			return route{}, fmt.Errorf("checking the source address %s: it is not a loopback address", source)
		}
		r.dialers = append(r.dialers, net.Dialer{
			Timeout:   r.timeout,
			LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0)),
			Control:   latePort,
		})
	}
	if len(r.dialers) == 0 {
		r.dialers = []net.Dialer{{Timeout: r.timeout}}
	}
	return r, nil
}

// loopback refuses every address that leads out of the machine. Names are
// refused too: what they lead to can change.
func loopback(role, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("checking the %s address %q: it must be an IP address and a port: %w", role, address, err)
	}
	if !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("checking the %s address %s: load is sent to loopback addresses only", role, address)
	}
	return nil
}

// connect opens connection number i of a run.
func (r route) connect(ctx context.Context, i int) (net.Conn, error) {
	return r.connectTo(ctx, i, r.dial)
}

// connectTo opens a connection to elsewhere, from the same source as number i.
func (r route) connectTo(ctx context.Context, i int, address string) (net.Conn, error) {
	return r.dialers[i%len(r.dialers)].DialContext(ctx, "tcp", address)
}
