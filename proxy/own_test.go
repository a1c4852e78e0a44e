package proxy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEverywhere(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	host := []netip.Addr{four, six}
	for at, want := range map[string][]string{
		"192.0.2.9:80": {"192.0.2.9:80"},
		"0.0.0.0:80":   {"0.0.0.0:80", "192.0.2.1:80"},
		"[::]:80":      {"[::]:80", "192.0.2.1:80", "[2001:db8::1]:80"},
	} {
		var list []netip.AddrPort
		for _, w := range want {
			list = append(list, netip.MustParseAddrPort(w))
		}
		assert.Equal(t, list, everywhere(netip.MustParseAddrPort(at), host))
	}
}

// The proxy connects neither to itself nor, for explicit clients, to the console, by
// whatever address of the host.
func TestNobodyIsConnectedToTheProxyItself(t *testing.T) {
	r := newRig(t, "config system global\nset admin-ssh-address 0.0.0.0\nset admin-ssh-port 2222\nend\nconfig system admin\nedit admin\nset password lab\nnext\nend\n"+
		"config web-proxy explicit\nset status enable\nset incoming-ip 0.0.0.0\nset http-incoming-port 10\nend\n")
	door, err := r.e.Addr(netip.MustParseAddrPort("0.0.0.0:10"))
	require.NoError(t, err)
	for _, ip := range append(hostAddresses(), netip.MustParseAddr("127.0.0.7"), netip.MustParseAddr("::ffff:127.0.0.7")) {
		if ip.Unmap().Is6() {
			continue
		}
		assert.False(t, r.e.mayConnect(netip.AddrPortFrom(ip, door.Port()), true), "%s", ip)
		assert.False(t, r.e.mayConnect(netip.AddrPortFrom(ip, 2222), false), "%s", ip)
		assert.True(t, r.e.mayConnect(netip.AddrPortFrom(ip, 2222), true), "%s: the configuration says so", ip)
	}
	assert.True(t, r.e.mayConnect(netip.MustParseAddrPort("203.0.113.77:2222"), false), "another host's")
}
