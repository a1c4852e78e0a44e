package imapproxy

import (
	"bytes"
)

// verb is what a command asks for, as far as the proxy has to know. What is not
// among them is passed on and answered by the server.
type verb uint8

const (
	verbOther verb = iota
	verbAppend
	verbReplace
	verbFetch
	verbAuthenticate
	verbIdle
	verbLogout
	verbTLS     // makes the session opaque
	verbRefused // brings out what the proxy can't see; never passed on
)

// longestVerb is the length of the longest verb that verbOf knows.
const longestVerb = 12

// verbOf looks a command's name up. CONVERT gives contents in another form (RFC
// 5259), GENURLAUTH and URLFETCH give them by address (RFC 4467), and PARTIAL cuts
// pieces out of them in IMAP4's own way (RFC 1730 section 6.4.6).
func verbOf(name []byte) verb {
	switch string(upper(name, new([longestVerb]byte))) {
	case "APPEND":
		return verbAppend
	case "REPLACE": // RFC 8508
		return verbReplace
	case "FETCH":
		return verbFetch
	case "AUTHENTICATE":
		return verbAuthenticate
	case "IDLE": // RFC 2177
		return verbIdle
	case "LOGOUT":
		return verbLogout
	case "STARTTLS", "COMPRESS": // RFC 4978
		return verbTLS
	case "CONVERT", "GENURLAUTH", "URLFETCH", "PARTIAL":
		return verbRefused
	}
	return verbOther
}

// upper is a short word in capitals; a longer one is nothing.
func upper(word []byte, into *[longestVerb]byte) []byte {
	if len(word) > len(into) {
		return nil
	}
	for i, c := range word {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		into[i] = c
	}
	return into[:len(word)]
}

// fault is a line that must not be passed on. Its text is for the one who sent it.
type fault string

func (f fault) Error() string { return string(f) }

const (
	faultLineEnd  fault = "a line does not end with CR LF"
	faultChar     fault = "a line has a CR or NUL in it"
	faultTag      fault = "there is no tag"
	faultVerb     fault = "there is no command"
	faultQuote    fault = "a line ends inside a string"
	faultLiteral  fault = "a literal is not announced as it should be"
	faultPlus     fault = "the server does not offer literals that do not wait"
	faultInside   fault = "a literal that does not wait has a line in it"
	faultDone     fault = "DONE is missing"
	faultSize     fault = "a literal is too large"
	faultLength   fault = "a line is too long"
	faultResponse fault = "this is no response"
	faultUnasked  fault = "an answer to no command"
	faultGreeting fault = "this is no greeting"
	faultInject   fault = "there is something behind a change to another layer"
)

// checkText finds what two readers would understand in two ways in a line, or a
// part of one, without its end.
func checkText(b []byte) error {
	if bytes.IndexByte(b, '\r') >= 0 || bytes.IndexByte(b, 0) >= 0 {
		return faultChar
	}
	return nil
}

// checkLine is checkText for a line with its LF.
func checkLine(line []byte) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return faultLineEnd
	}
	return checkText(text)
}

// command is the beginning of a client's line.
type command struct {
	tag  []byte // nil where there is none
	verb verb
	rest int // where in the line the arguments begin
}

// maxTag bounds a tag, in bytes. Clients count up from a letter.
const maxTag = 64

// parseCommand reads the beginning of a line that checkLine has accepted (RFC 9051
// section 9, "command"). The error is a fault.
func parseCommand(line []byte) (command, error) {
	var c command
	tag, at := word(line, 0)
	if len(tag) == 0 || len(tag) > maxTag || !isTag(tag) {
		return c, faultTag
	}
	c.tag = tag
	if line[at] != ' ' {
		return c, faultVerb
	}
	name, at := word(line, at+1)
	if line[at] == ' ' && string(upper(name, new([longestVerb]byte))) == "UID" {
		name, at = word(line, at+1)
	}
	if !isName(name) {
		return c, faultVerb
	}
	c.verb, c.rest = verbOf(name), at
	return c, nil
}

// word is what stands before the next blank or the line's end, and where that is.
func word(line []byte, from int) ([]byte, int) {
	i := bytes.IndexAny(line[from:], " \r\n")
	if i < 0 {
		i = len(line) - from
	}
	return line[from : from+i], from + i
}

// isName tells that a word can be a command's name.
func isName(b []byte) bool {
	for _, c := range b {
		isLetter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !isLetter && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return len(b) > 0
}

// isTag tells that a word is made of ASTRING-CHARs without the plus sign.
func isTag(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`(){%*"\+`), c) >= 0 {
			return false
		}
	}
	return true
}

// announcement is the kind of a response, as its first words announce it.
type announcement uint8

const (
	responseData       announcement = iota // untagged, and nothing of the below
	responseFetch                          // begins with a number, so that contents may follow
	responseStatus                         // OK, NO, BAD, PREAUTH
	responseBye                            // the session's end
	responseCapability                     // a list of what the server can do
	responseTagged                         // the answer to a command
	responseGoAhead                        // the server waits for more of a command
)

// response is the beginning of a server's response.
type response struct {
	kind  announcement
	tag   []byte // of a tagged one
	ok    bool   // the status is OK
	greet bool   // it can be a greeting
	offer bool   // a list of capabilities is in the status line
}

// maxAnnouncement is how much of a response parseResponse wants to see, in bytes: a
// tag, a status and the beginning of a response code.
const maxAnnouncement = maxTag + 32

// parseResponse reads the beginning of a response: its first line, or
// maxAnnouncement bytes of it. The error is a fault.
func parseResponse(b []byte) (response, error) {
	if b[0] == '+' {
		if len(b) > 1 && b[1] != ' ' && b[1] != '\r' {
			return response{}, faultResponse
		}
		return response{kind: responseGoAhead}, nil
	}
	first, at := word(b, 0)
	if at >= len(b) || b[at] != ' ' {
		return response{}, faultResponse
	}
	second, at := word(b, at+1)
	if len(second) == 0 {
		return response{}, faultResponse
	}
	name := string(upper(second, new([longestVerb]byte)))
	r := response{ok: name == "OK", offer: offers(b[at:])}
	r.greet = r.ok || name == "PREAUTH" || name == "BYE"
	isStatus := r.ok || name == "NO" || name == "BAD"
	switch {
	case string(first) != "*":
		if !isTag(first) || !isStatus {
			return response{}, faultResponse
		}
		r.kind, r.tag = responseTagged, first
	case name == "BYE":
		r.kind = responseBye
	case isStatus, name == "PREAUTH":
		r.kind = responseStatus
	case name == "CAPABILITY":
		r.kind = responseCapability
	case '0' <= second[0] && second[0] <= '9':
		r.kind = responseFetch
	}
	return r, nil
}

// offers tells that a response code with a list of capabilities follows.
func offers(b []byte) bool {
	const code = " [CAPABILITY"
	return len(b) > len(code) && bytes.EqualFold(b[:len(code)], []byte(code)) && (b[len(code)] == ' ' || b[len(code)] == ']')
}
