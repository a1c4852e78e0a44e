package smtpproxy

import (
	"bytes"
	"strconv"
	"strings"
)

// verb is what a command asks for, as far as the proxy has to know. What is not
// among them is passed on and answered by the server.
type verb uint8

const (
	verbOther verb = iota
	verbHELO
	verbEHLO
	verbMAIL // and what else begins a transaction
	verbRCPT
	verbDATA
	verbBDAT
	verbRSET
	verbQUIT
	verbNOOP
	verbAUTH
	verbTLS     // makes the session opaque
	verbRefused // would bring in or out what the proxy can't see; never passed on

	// What else the server answers.
	verbGreeting
	verbContent // the end of a message
	verbChunk   // a chunk that is not the last, whose answer the client has already
)

// verbs are the commands by their names. SEND, SOML and SAML are MAIL under names
// of old (RFC 821 section 3.4). BURL fetches the message from elsewhere (RFC 4468),
// ATRN and TURN make the server the client (RFC 2645, RFC 821 section 3.8), XEXCH50
// has content of its own, and LHLO gives the end of a message many answers (RFC
// 2033 section 4.2).
var verbs = map[string]verb{
	"HELO": verbHELO, "EHLO": verbEHLO, "RCPT": verbRCPT, "DATA": verbDATA, "BDAT": verbBDAT,
	"MAIL": verbMAIL, "SEND": verbMAIL, "SOML": verbMAIL, "SAML": verbMAIL,
	"RSET": verbRSET, "QUIT": verbQUIT, "NOOP": verbNOOP, "AUTH": verbAUTH,
	"X-ANONYMOUSTLS": verbTLS, "COMPRESS": verbTLS,
	"BURL": verbRefused, "ATRN": verbRefused, "TURN": verbRefused, "XEXCH50": verbRefused, "LHLO": verbRefused,
}

// lastOfGroup tells the commands behind which a client has to wait for the answer
// (RFC 2920 section 3.1), and what else has to be settled before the next command
// goes to the server.
func (v verb) lastOfGroup() bool {
	switch v {
	case verbGreeting, verbEHLO, verbHELO, verbDATA, verbAUTH, verbTLS, verbQUIT, verbContent:
		return true
	}
	return false
}

// Limits of what is read besides the line limit of the options.
const (
	maxName  = 32 // of a command's name, bytes
	maxReply = 64 << 10
	// maxChunkDigits bounds the size of a chunk; 18 digits fit 63 bits.
	maxChunkDigits = 18
)

// fault is why a line is refused: the whole answer to it.
type fault string

func (f fault) Error() string { return strings.TrimSuffix(string(f), "\r\n") }

// The faults of command lines (RFC 5321 section 4.2.4; codes of RFC 3463).
const (
	faultLineEnd = fault("500 5.5.2 Lines end with CR LF\r\n")
	faultControl = fault("500 5.5.2 Control characters have no place in a command\r\n")
	faultName    = fault("500 5.5.2 Command not recognized\r\n")
	faultLength  = fault("500 5.5.2 Line too long\r\n")
	faultChunk   = fault("501 5.5.4 Syntax: BDAT size [LAST]\r\n")
)

// checkLine refuses lines that two servers could read in two ways.
func checkLine(line []byte) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return faultLineEnd
	}
	for _, c := range text {
		switch {
		case c == '\r':
			return faultLineEnd
		case c < ' ' && c != '\t', c == 0x7f:
			return faultControl
		}
	}
	return nil
}

// parseCommand reads a command line, line end included. The error is a fault.
func parseCommand(line []byte) (verb, error) {
	if err := checkLine(line); err != nil {
		return 0, err
	}
	n := 0
	for n < len(line) && isNameChar(line[n]) {
		n++
	}
	if n == 0 || n > maxName || line[n] > ' ' {
		return 0, faultName
	}
	name := strings.ToUpper(string(line[:n]))
	if strings.HasPrefix(name, "STARTTLS") { // some servers look no further
		return verbTLS, nil
	}
	return verbs[name], nil
}

func isNameChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

// chunkSize reads a BDAT line that parseCommand has accepted (RFC 3030 section 2).
// The error is a fault: nobody can tell where the chunk behind it ends.
func chunkSize(line []byte) (size int64, last bool, err error) {
	arg, ok := strings.CutPrefix(strings.ToUpper(string(line)), "BDAT ")
	if !ok {
		return 0, false, faultChunk
	}
	arg, last = strings.CutSuffix(strings.TrimSuffix(arg, "\r\n"), " LAST")
	if arg == "" || len(arg) > maxChunkDigits {
		return 0, false, faultChunk
	}
	for _, c := range []byte(arg) {
		if c < '0' || c > '9' {
			return 0, false, faultChunk
		}
	}
	size, err = strconv.ParseInt(arg, 10, 64)
	if err != nil {
		return 0, false, faultChunk
	}
	return size, last, nil
}

// editOffers takes the offers that the proxy can't let through out of the reply to
// EHLO and leaves every other byte as it was. tls keeps those that make the session
// opaque. chunking tells that BDAT is offered. The result is reply itself when
// there is nothing to take out.
func editOffers(reply []byte, tls bool) (edited []byte, chunking bool) {
	edited = reply
	lastLine, at := -1, 0 // of the copy
	for pos := 0; pos < len(reply); {
		n := bytes.IndexByte(reply[pos:], '\n') + 1
		if n == 0 {
			n = len(reply) - pos
		}
		line := reply[pos : pos+n]
		pos += n
		keyword := offerOf(line)
		if at > 0 && isHidden(keyword, tls) {
			if len(edited) == len(reply) && at == pos-n {
				edited = append(make([]byte, 0, len(reply)), reply[:at]...)
			}
			continue
		}
		chunking = chunking || at > 0 && keyword == "CHUNKING"
		lastLine = at
		if at != pos-n {
			edited = append(edited[:at], line...)
		}
		at += n
	}
	if at < len(reply) && edited[lastLine+3] == '-' {
		edited[lastLine+3] = ' ' // the last line that is left was not the last
	}
	return edited[:at], chunking
}

// offerOf is the keyword of a line of the reply to EHLO.
func offerOf(line []byte) string {
	if len(line) < 4 {
		return ""
	}
	text := line[4:]
	if i := bytes.IndexAny(text, " =\r\n\t"); i >= 0 {
		text = text[:i]
	}
	return strings.ToUpper(string(text))
}

func isHidden(keyword string, tls bool) bool {
	if strings.HasPrefix(keyword, "STARTTLS") {
		return !tls
	}
	switch verbs[keyword] {
	case verbTLS:
		return !tls
	case verbRefused:
		return true
	}
	return false
}
