// Package blocklist knows how lists of hosts are asked by DNS (RFC 5782): the name
// that stands for a host in a list's zone, and what an answer means.
//
// It asks nobody, and does not know what becomes of a host that is listed.
package blocklist

import (
	"net/netip"
	"strconv"
	"strings"
)

// Name is what is asked for to learn whether host is listed in zone (RFC 5782 sections
// 2.1 and 2.4): its bytes backwards, or the digits of an IPv6 address.
func Name(host netip.Addr, zone string) string {
	host = host.Unmap()
	b := host.AsSlice()
	name := make([]byte, 0, 4*len(b)+len(zone))
	for i := len(b) - 1; i >= 0; i-- {
		if host.Is4() {
			name = append(strconv.AppendUint(name, uint64(b[i]), 10), '.')
			continue
		}
		const digits = "0123456789abcdef"
		name = append(name, digits[b[i]&15], '.', digits[b[i]>>4], '.')
	}
	return string(append(name, strings.Trim(zone, ".")...))
}

// codes are the answers that list a host (RFC 5782 section 2.1). What other addresses a
// zone has are those of its web server, of a domain's new owner, or forged.
var codes = netip.MustParsePrefix("127.0.0.0/8")

// faults are the answers with which lists say that they do not answer: asked through a
// server that they do not serve, asked too often, or for a name that is no question.
var faults = netip.MustParsePrefix("127.255.255.0/24")

// Listed is the first answer that lists the host; not valid when none does.
func Listed(answers []netip.Addr) netip.Addr {
	for _, a := range answers {
		if codes.Contains(a) && !faults.Contains(a) {
			return a
		}
	}
	return netip.Addr{}
}

// Fault is the first answer that says that the list does not answer; not valid when
// none does.
func Fault(answers []netip.Addr) netip.Addr {
	for _, a := range answers {
		if faults.Contains(a) {
			return a
		}
	}
	return netip.Addr{}
}

// Asked tells that a list may know about the host: not about one whose address means
// another host in every network. Loopback addresses are asked for, because lists are
// tested with them (RFC 5782 section 5).
func Asked(host netip.Addr) bool {
	host = host.Unmap()
	return host.IsValid() && !host.IsUnspecified() && !host.IsMulticast() && !host.IsPrivate() && !host.IsLinkLocalUnicast()
}
