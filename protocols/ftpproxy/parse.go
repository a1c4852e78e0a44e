package ftpproxy

import (
	"bytes"
	"strings"
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
