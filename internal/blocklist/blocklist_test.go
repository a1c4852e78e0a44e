package blocklist

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// The examples of RFC 5782.
func TestName(t *testing.T) {
	for host, want := range map[string]string{
		"192.0.2.99":                "99.2.0.192.bad.example.com",
		"::ffff:127.0.0.2":          "2.0.0.127.bad.example.com",
		"2001:db8:1:2:3:4:567:89ab": "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bad.example.com",
	} {
		assert.Equal(t, want, Name(netip.MustParseAddr(host), "bad.example.com."), host)
	}
}

func TestListed(t *testing.T) {
	for _, c := range []struct {
		answers       []netip.Addr
		listed, fault string
	}{
		{nil, "invalid IP", "invalid IP"},
		{addrs("127.0.0.2"), "127.0.0.2", "invalid IP"},
		{addrs("127.255.255.254"), "invalid IP", "127.255.255.254"},
		{addrs("127.255.255.255", "127.0.0.4"), "127.0.0.4", "127.255.255.255"},
		{addrs("127.255.0.1"), "127.255.0.1", "invalid IP"},
		{addrs("192.0.2.1", "10.0.0.2", "::1"), "invalid IP", "invalid IP"},
	} {
		assert.Equal(t, c.listed, Listed(c.answers).String(), "%v", c.answers)
		assert.Equal(t, c.fault, Fault(c.answers).String(), "%v", c.answers)
	}
}

func TestAsked(t *testing.T) {
	for _, a := range addrs("127.0.0.1", "127.0.0.2", "192.0.2.1", "::1", "2001:db8::1", "::ffff:192.0.2.1") {
		assert.True(t, Asked(a), a)
	}
	for _, a := range append(addrs("0.0.0.0", "::", "10.1.1.1", "192.168.0.1", "::ffff:10.1.1.1", "169.254.1.1", "fe80::1", "fd00::1", "224.0.0.1", "ff02::1"), netip.Addr{}) {
		assert.False(t, Asked(a), a)
	}
}

func FuzzName(f *testing.F) {
	f.Add([]byte{127, 0, 0, 2})
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		host, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		labels := strings.Split(strings.TrimSuffix(Name(host, "zone.test"), ".zone.test"), ".")
		slices.Reverse(labels)
		if host.Unmap().Is4() {
			require.Equal(t, host.Unmap().String(), strings.Join(labels, "."))
			return
		}
		require.Equal(t, strings.ReplaceAll(host.StringExpanded(), ":", ""), strings.Join(labels, ""))
	})
}
