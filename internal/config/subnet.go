package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseSubnet reads a network: "192.0.2.0 255.255.255.0", "192.0.2.0/24" or
// "2001:db8::/32". The canonical form is the first for IPv4 and the last for IPv6, as
// the appliance shows them; bits of the host are cut off.
func parseSubnet(words []Word) ([]string, *CLIError) {
	text := words[0].Text
	switch {
	case len(words) > 2:
		return nil, unknownWord(words[2].Text)
	case len(words) == 2:
		text += " " + words[1].Text
	}
	p, err := readSubnet(text)
	if err != nil {
		return nil, badAddress(text)
	}
	return []string{showSubnet(p)}, nil
}

func readSubnet(text string) (netip.Prefix, error) {
	address, mask, found := strings.Cut(text, " ")
	if !found {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, err
	}
	bits, ok := maskBits(mask)
	if !ok || !a.Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is no mask of %s", mask, address)
	}
	return netip.PrefixFrom(a, bits).Masked(), nil
}

// maskBits counts the bits of a mask such as 255.255.255.0, which are all in front.
func maskBits(mask string) (int, bool) {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return 0, false
	}
	for bits := range 33 {
		if maskOf(bits) == m {
			return bits, true
		}
	}
	return 0, false
}

// maskOf is the IPv4 mask of so many bits.
func maskOf(bits int) netip.Addr {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), bits).Masked().Addr()
}

func showSubnet(p netip.Prefix) string {
	if p.Addr().Is4() {
		return p.Addr().String() + " " + maskOf(p.Bits()).String()
	}
	return p.String()
}

// mustSubnet reads a canonical value.
func mustSubnet(text string) netip.Prefix {
	p, err := readSubnet(text)
	if err != nil {
		panic("config: " + err.Error())
	}
	return p
}
