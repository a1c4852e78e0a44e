package ftpproxy

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// parsePort reads the argument of PORT: h1,h2,h3,h4,p1,p2 (RFC 959 section 4.1.2).
// The error is a fault.
func parsePort(arg string) (netip.AddrPort, error) {
	parts := strings.Split(arg, ",")
	if len(parts) != 6 {
		return netip.AddrPort{}, faultAddress
	}
	var b [6]byte
	for i, p := range parts {
		n, err := decimal(p, 255)
		if err != nil {
			return netip.AddrPort{}, faultAddress
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])), nil
}

// parseEPRT reads the argument of EPRT: |family|address|port| with any delimiter
// (RFC 2428 section 2). The error is a fault.
func parseEPRT(arg string) (netip.AddrPort, error) {
	if arg == "" || arg[0] < '!' || arg[0] > '~' {
		return netip.AddrPort{}, faultAddress
	}
	parts := strings.Split(arg, arg[:1])
	if len(parts) != 5 || parts[4] != "" {
		return netip.AddrPort{}, faultAddress
	}
	if _, err := decimal(parts[1], 65535); err != nil {
		return netip.AddrPort{}, faultAddress
	}
	if parts[1] != "1" && parts[1] != "2" {
		return netip.AddrPort{}, faultFamily
	}
	ip, err := netip.ParseAddr(parts[2])
	port, perr := decimal(parts[3], 65535)
	if err != nil || perr != nil || ip.Zone() != "" || ip.Is4() != (parts[1] == "1") {
		return netip.AddrPort{}, faultAddress
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

var errAnswer = errors.New("no port in the answer")

// passivePort reads the port in the answer to PASV. Where the six numbers stand and
// what is around them differs between servers (RFC 1123 section 4.1.2.6); the
// address in it is of no interest, because it may be anybody's.
func passivePort(reply []byte) (uint16, error) {
	if len(reply) < 4 {
		return 0, errAnswer
	}
	text := reply[4:]
	for i := 0; i < len(text); i++ {
		if !isDigit(text[i]) {
			continue
		}
		end := i
		for end < len(text) && (isDigit(text[end]) || text[end] == ',') {
			end++
		}
		if at, err := parsePort(strings.TrimRight(string(text[i:end]), ",")); err == nil {
			return atLeast1024(at.Port())
		}
		i = end
	}
	return 0, errAnswer
}

// extendedPort reads the port in the answer to EPSV: (|||port|) with any delimiter
// (RFC 2428 section 3).
func extendedPort(reply []byte) (uint16, error) {
	open := bytes.IndexByte(reply, '(')
	if open < 0 {
		return 0, errAnswer
	}
	text := reply[open+1:]
	end := bytes.IndexByte(text, ')')
	if end < 5 {
		return 0, errAnswer
	}
	text = text[:end]
	d := text[0]
	if d < '!' || d > '~' || isDigit(d) || text[1] != d || text[2] != d || text[end-1] != d {
		return 0, errAnswer
	}
	port, err := decimal(string(text[3:end-1]), 65535)
	if err != nil {
		return 0, errAnswer
	}
	return atLeast1024(uint16(port))
}

// atLeast1024 refuses the ports of well-known services: no data connection goes
// there (RFC 2577 section 3).
func atLeast1024(port uint16) (uint16, error) {
	if port < 1024 {
		return 0, errAnswer
	}
	return port, nil
}

// decimal reads digits and nothing else.
func decimal(s string, limit int) (int, error) {
	if s == "" || len(s) > 5 || strings.Trim(s, "0123456789") != "" {
		return 0, errAnswer
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > limit {
		return 0, errAnswer
	}
	return n, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
