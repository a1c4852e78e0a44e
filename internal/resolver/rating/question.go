package rating

import (
	"net/netip"
	"strconv"
	"strings"

	"utmsim/internal/resolver"
)

// question is the name that is asked for: the host under the zone. An address is
// written backwards, as block lists have it (RFC 5782 section 2), so that the zone can
// rate networks.
func question(host, zone string) string {
	if addr, ok := resolver.Literal(host); ok {
		return backwards(addr.Unmap()) + zone
	}
	return strings.TrimSuffix(host, ".") + "." + zone
}

// backwards is an address with its last part first and a dot behind each: octets of
// IPv4, half bytes of IPv6.
func backwards(addr netip.Addr) string {
	raw := addr.AsSlice()
	var b strings.Builder
	for i := len(raw) - 1; i >= 0; i-- {
		if addr.Is4() {
			b.WriteString(strconv.Itoa(int(raw[i])))
		} else {
			const digits = "0123456789abcdef"
			b.WriteByte(digits[raw[i]&15])
			b.WriteByte('.')
			b.WriteByte(digits[raw[i]>>4])
		}
		b.WriteByte('.')
	}
	return b.String()
}
