package proxy

import (
	"net"
	"net/netip"
)

// places are addresses of this host that are not connected to.
type places struct {
	doors   []netip.AddrPort // of the proxy itself: the way would have no end
	managed []netip.AddrPort // of the console: not for explicit clients
}

// placeLocked notes where the listeners accept, and the console. Who listens on every
// address does so on those that the host has now.
func (e *Engine) placeLocked() {
	host := hostAddresses()
	own := new(places)
	for _, l := range e.listeners {
		own.doors = append(own.doors, everywhere(l.addr, host)...)
	}
	if at := e.settings().snap.Global.SSH(); at.Port() != 0 {
		own.managed = everywhere(at, host)
	}
	e.own.Store(own)
}

// hostAddresses are the addresses of this host; none where the system does not tell.
func hostAddresses() (list []netip.Addr) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, ip.Unmap())
			}
		}
	}
	return list
}

// everywhere is where one can come in that listens on at, on a host with these
// addresses. At [::] those who come by IPv4 are heard too.
func everywhere(at netip.AddrPort, host []netip.Addr) []netip.AddrPort {
	list := []netip.AddrPort{at}
	if !at.Addr().IsUnspecified() {
		return list
	}
	for _, ip := range host {
		if ip.Is4() || at.Addr().Is6() {
			list = append(list, netip.AddrPortFrom(ip, at.Port()))
		}
	}
	return list
}

// isOwn tells whether a connection to a would come back to the proxy.
func (e *Engine) isOwn(a netip.AddrPort) bool { return leadsTo(e.own.Load().doors, a) }

func leadsTo(list []netip.AddrPort, a netip.AddrPort) bool {
	ip := a.Addr().Unmap()
	for _, o := range list {
		if o.Port() != a.Port() {
			continue
		}
		if o.Addr().Unmap() == ip || (o.Addr().IsUnspecified() && isLocal(ip)) {
			return true
		}
	}
	return false
}

// mayConnect tells whether an explicit client may be connected to a. loopback lets
// it reach this host, its console included.
func (e *Engine) mayConnect(a netip.AddrPort, loopback bool) bool {
	ip := a.Addr().Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip == broadcast || e.isOwn(a) {
		return false
	}
	return loopback || !(isLocal(ip) || ip.IsLinkLocalUnicast() || leadsTo(e.own.Load().managed, a))
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// isLocal tells whether an address is of this host, as far as that can be known
// without asking the system.
func isLocal(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }
