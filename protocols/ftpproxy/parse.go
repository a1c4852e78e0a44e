package ftpproxy

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"utmsim/protocols/wire"
)

// verb is what a command asks for, as far as the proxy has to know. What is not
// among them is passed on and answered by the server.
type verb uint8

const (
	verbOther verb = iota
	verbUSER
	verbQUIT
	verbNOOP
	verbREIN
	verbFEAT
	verbABOR
	verbPASV
	verbEPSV
	verbPORT
	verbEPRT
	verbRETR
	verbSTOR
	verbSTOU
	verbAPPE
	verbLIST // and what else sends names over a data connection
	verbREST // and what else picks a part of a file
	verbMODE
	verbSTRU
	verbTYPE
	verbRNFR
	verbRNTO
	verbAUTH    // makes the session opaque
	verbSecure  // belongs to that
	verbRefused // would open data connections past the proxy; never passed on

	// What else the server answers.
	verbGreeting
	verbFinal // the end of a transfer
)

// verbs are the commands by their names. LPRT and LPSV are of RFC 1639; SPSV, CPSV
// and SSCN are other ways to PASV; RANG of a draft picks a range of bytes.
var verbs = map[string]verb{
	"USER": verbUSER, "QUIT": verbQUIT, "NOOP": verbNOOP, "REIN": verbREIN, "FEAT": verbFEAT, "ABOR": verbABOR,
	"PASV": verbPASV, "EPSV": verbEPSV, "PORT": verbPORT, "EPRT": verbEPRT,
	"RETR": verbRETR, "STOR": verbSTOR, "STOU": verbSTOU, "APPE": verbAPPE,
	"LIST": verbLIST, "NLST": verbLIST, "MLSD": verbLIST, "REST": verbREST, "RANG": verbREST,
	"MODE": verbMODE, "STRU": verbSTRU, "TYPE": verbTYPE, "RNFR": verbRNFR, "RNTO": verbRNTO,
	"AUTH": verbAUTH, "ADAT": verbSecure, "PBSZ": verbSecure, "PROT": verbSecure, "CCC": verbSecure,
	"MIC": verbSecure, "CONF": verbSecure, "ENC": verbSecure,
	"LPRT": verbRefused, "LPSV": verbRefused, "SPSV": verbRefused, "CPSV": verbRefused, "SSCN": verbRefused,
}

// Limits of what is read besides the line limit of the options.
const (
	maxName  = 32       // of a command's name, bytes
	maxReply = 64 << 10 // that is held in one piece
)

// fault is why a line is refused: the whole answer to it.
type fault string

func (f fault) Error() string { return strings.TrimSuffix(string(f), "\r\n") }

// The faults of command lines (RFC 959 section 4.2, RFC 2428).
const (
	faultLineEnd = fault("500 Lines end with CR LF\r\n")
	faultControl = fault("500 Control characters have no place in a command\r\n")
	faultTelnet  = fault("500 Telnet options have no place in a command\r\n")
	faultName    = fault("500 Command not recognized\r\n")
	faultLength  = fault("500 Line too long\r\n")
	faultAddress = fault("501 Malformed address\r\n")
	faultFamily  = fault("522 Network protocol not supported\r\n")
)

// The telnet bytes (RFC 854) that may stand in a command line (RFC 959 section 5.3,
// RFC 1123 section 4.1.2.12).
const (
	telnetIAC  = 255
	telnetDONT = 254
	telnetWILL = 251
	telnetGA   = 249
	telnetNOP  = 241
)

// cleanLine takes telnet signals and offers of options out of a line, in place, and
// refuses lines that two servers could read in two ways. A doubled IAC, which stands
// for the byte itself, stays as it came. The error is a fault.
func cleanLine(line []byte) ([]byte, error) {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return nil, faultLineEnd
	}
	out := line[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == telnetIAC && i+1 < len(text):
			next := text[i+1]
			i++
			switch {
			case next == telnetIAC:
				out = append(out, c, c)
			case next >= telnetWILL && next <= telnetDONT && i+1 < len(text):
				i++ // and the option it is about
			case next < telnetNOP || next > telnetGA:
				return nil, faultTelnet
			}
			continue
		case c == telnetIAC:
			return nil, faultTelnet
		case c == '\r':
			return nil, faultLineEnd
		case c < ' ' && c != '\t', c == 0x7f:
			return nil, faultControl
		}
		out = append(out, c)
	}
	return append(out, '\r', '\n'), nil
}

// parseCommand reads a clean command line. arg is what stands behind the name and
// one blank, and is valid as long as line. The error is a fault.
func parseCommand(line []byte) (v verb, arg []byte, err error) {
	text := bytes.TrimSuffix(line, []byte("\r\n"))
	n := 0
	for n < len(text) && isNameChar(text[n]) {
		n++
	}
	if n == 0 || n > maxName || n < len(text) && text[n] != ' ' {
		return 0, nil, faultName
	}
	if n < len(text) {
		arg = text[n+1:]
	}
	return verbs[strings.ToUpper(string(text[:n]))], arg, nil
}

func isNameChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

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

// hides names the features that a client is not to see.
type hides struct{ tls, rest, mode bool }

// editFeatures takes the lines of hidden features out of the answer to FEAT (RFC
// 2389 section 3.2) and leaves every other byte as it was. The result is reply
// itself when there is nothing to take out.
func editFeatures(reply []byte, h hides) []byte {
	out := reply
	at := 0 // of the copy
	for pos, first := 0, true; pos < len(reply); first = false {
		n := bytes.IndexByte(reply[pos:], '\n') + 1
		if n == 0 {
			n = len(reply) - pos
		}
		line := reply[pos : pos+n]
		pos += n
		if !first && pos < len(reply) && h.has(feature(line)) {
			if at == pos-n && len(out) == len(reply) {
				out = append(make([]byte, 0, len(reply)), reply[:at]...)
			}
			continue
		}
		if at != pos-n {
			out = append(out[:at], line...)
		}
		at += n
	}
	return out[:at]
}

// feature is the words of a line between the first and the last. Some servers write
// the code in front of it.
func feature(line []byte) []string {
	text := string(line)
	if code, _ := wire.ReplyLine(line); code != 0 && len(text) > 3 && text[3] == '-' {
		text = text[4:]
	}
	return strings.Fields(strings.ToUpper(text))
}

func (h hides) has(words []string) bool {
	if len(words) == 0 {
		return false
	}
	name, _, _ := strings.Cut(words[0], ";")
	switch verbs[name] {
	case verbAUTH, verbSecure:
		return h.tls
	case verbREST:
		return h.rest
	case verbMODE:
		return h.mode
	case verbRefused:
		return true
	}
	return false
}

// storedName is the name in the answer to STOU: "150 FILE: name" (RFC 1123 section
// 4.1.2.9); empty when there is none.
func storedName(reply []byte) string {
	line, _, _ := bytes.Cut(reply, []byte("\n"))
	text := strings.TrimRight(string(line), "\r")
	if len(text) < 4 || !strings.HasPrefix(text[4:], "FILE: ") {
		return ""
	}
	name := strings.TrimSpace(text[len("150 FILE: "):])
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return name
}

// fileName is the last element of a path, for people and scanners.
func fileName(arg string) string {
	arg = strings.ReplaceAll(arg, "\xff\xff", "\xff")
	return arg[strings.LastIndexAny(arg, `/\`)+1:]
}
