package nntpproxy

import (
	"bytes"
	"strings"
)

// verb is what a command asks for, as far as the proxy has to know: how its reply
// looks, and what may follow before there is one.
type verb uint8

const (
	verbUnknown      verb = iota // nobody knows how its reply looks
	verbSingle                   // one line, or an article
	verbListing                  // several lines
	verbCapabilities             // several lines, some of which may have to go
	verbMode                     // MODE READER: what the server can do may change
	verbStream                   // MODE STREAM
	verbCheck                    // CHECK
	verbAuth                     // challenges and responses
	verbPost                     // an article follows when the server asks for it
	verbIhave                    // likewise
	verbTakeThis                 // an article follows at once
	verbTLS                      // makes the session opaque
	verbQuit
	verbRefused // would bring in or out what the proxy can't see; never passed on

	// What else the server answers.
	verbGreeting
	verbContent // the end of an article that was posted or offered
	verbProbe   // a MODE STREAM of the proxy's own
)

// verbs are the commands by their names. XBATCH hands in a compressed batch, XREPLIC
// an article with numbers of its own; both are for servers that trust each other.
var verbs = map[string]verb{
	// RFC 3977
	"CAPABILITIES": verbCapabilities, "QUIT": verbQuit, "MODE": verbMode,
	"GROUP": verbSingle, "LISTGROUP": verbListing, "LAST": verbSingle, "NEXT": verbSingle,
	"ARTICLE": verbSingle, "HEAD": verbSingle, "BODY": verbSingle, "STAT": verbSingle,
	"POST": verbPost, "IHAVE": verbIhave, "DATE": verbSingle, "HELP": verbListing,
	"NEWGROUPS": verbListing, "NEWNEWS": verbListing, "LIST": verbListing, "OVER": verbListing, "HDR": verbListing,
	// RFC 4642, RFC 4643, RFC 4644, RFC 8054
	"STARTTLS": verbTLS, "AUTHINFO": verbAuth, "CHECK": verbCheck, "TAKETHIS": verbTakeThis, "COMPRESS": verbTLS,
	// RFC 977, RFC 2980
	"SLAVE": verbSingle, "XHDR": verbListing, "XOVER": verbListing, "XPAT": verbListing,
	"XROVER": verbListing, "XGTITLE": verbListing, "XINDEX": verbListing, "XTHREAD": verbListing, "XPATH": verbSingle,
	"XREPLIC": verbRefused,
	// in use without an RFC; XZVER and XZHDR are XOVER and XHDR with compressed lines
	"XMOTD": verbListing, "XZVER": verbListing, "XZHDR": verbListing, "XFEATURE": verbTLS, "XBATCH": verbRefused,
}

// lastOfGroup tells the commands whose reply decides what the client's next bytes
// are, or what the server is from then on. Nothing else goes up before it has come.
func (v verb) lastOfGroup() bool {
	switch v {
	case verbUnknown, verbMode, verbStream, verbAuth, verbPost, verbIhave, verbTLS, verbQuit,
		verbGreeting, verbContent, verbProbe:
		return true
	}
	return false
}

// short tells the commands whose reply is a line for certain, so that an article may
// go up before they are answered.
func (v verb) short() bool { return v == verbCheck || v == verbTakeThis }

// Limits of what is read besides the line limit of the options.
const (
	maxName     = 32  // of a command's name, bytes
	maxTakeThis = 512 // of a TAKETHIS line, bytes (RFC 3977 section 3.1)
	maxID       = 250 // of a message-id, bytes (RFC 3977 section 3.6)
)

// fault is why a line is refused.
type fault string

func (f fault) Error() string { return string(f) }

const (
	faultLineEnd fault = "a line does not end with CR LF"
	faultChar    fault = "a line has a CR or NUL in it"
	faultName    fault = "a line does not begin with a command"
	faultLong    fault = "a line is too long"
	faultStatus  fault = "a reply has no code"
	faultSequel  fault = "a reply asks for more than the command has"
	faultUnasked fault = "a reply to no command"
	faultInject  fault = "there is something behind STARTTLS"
)

// checkLine finds what two readers would understand in two ways. line has its LF.
func checkLine(line []byte) error {
	n := len(line)
	if n < 2 || line[n-2] != '\r' {
		return faultLineEnd
	}
	if bytes.IndexByte(line[:n-2], '\r') >= 0 || bytes.IndexByte(line[:n-2], 0) >= 0 {
		return faultChar
	}
	return nil
}

// parseCommand reads a command line, line end included. The error is a fault; with
// faultName the line is a line all the same.
func parseCommand(line []byte) (verb, error) {
	if err := checkLine(line); err != nil {
		return 0, err
	}
	n := 0
	for isNameChar(line[n]) {
		n++
	}
	if n == 0 || n > maxName || line[0] < 'A' || !isBlank(line[n]) && line[n] != '\r' {
		return 0, faultName
	}
	v := verbs[strings.ToUpper(string(line[:n]))]
	switch argument := firstArgument(line[n:]); {
	case v == verbAuth && strings.EqualFold(argument, "GENERIC"):
		return verbRefused, nil // a dialogue of its own (RFC 2980 section 3.1.3)
	case v == verbMode && strings.EqualFold(argument, "STREAM"):
		return verbStream, nil
	}
	return v, nil
}

// isNameChar tells what a command's name may have in it (RFC 3977 section 9.2), and
// the underscore.
func isNameChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// firstArgument is the first word of what stands behind a name.
func firstArgument(rest []byte) string {
	rest = bytes.TrimLeft(rest, " \t")
	if i := bytes.IndexAny(rest, " \t\r"); i >= 0 {
		rest = rest[:i]
	}
	return string(rest)
}

// takeThisID is the message-id in a TAKETHIS line that parseCommand has accepted, nil
// when there is none that every server would take for one.
func takeThisID(line []byte) []byte {
	words := bytes.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' })
	if len(line) > maxTakeThis || len(words) != 2 {
		return nil
	}
	id := words[1]
	n := len(id)
	if n < 3 || n > maxID || id[0] != '<' || id[n-1] != '>' {
		return nil
	}
	for _, c := range id[1 : n-1] {
		if c <= ' ' || c >= 0x7f || c == '<' || c == '>' {
			return nil
		}
	}
	return id
}

// parseStatus is the code of a reply's first line. The error is a fault.
func parseStatus(line []byte) (code int, err error) {
	if err := checkLine(line); err != nil {
		return 0, err
	}
	if len(line) < 5 || line[0] < '1' || line[0] > '5' || !isBlank(line[3]) && line[3] != '\r' {
		return 0, faultStatus
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, faultStatus
		}
		code = code*10 + int(c-'0')
	}
	return code, nil
}

// Codes that the proxy acts on (RFC 3977 section 3.2, RFC 4642 to 4644, RFC 8054).
const (
	codeCapabilities = 101
	codeExtensions   = 202 // LIST EXTENSIONS of servers before RFC 3977
	codeStreaming    = 203
	codeArticle      = 220
	codeBody         = 222
	codeSendIt       = 335
	codePostIt       = 340
	codeMoreSimple   = 350 // AUTHINFO SIMPLE (RFC 2980 section 3.1.2)
	codeMoreUser     = 381
	codeTLS          = 382
	codeMoreSASL     = 383
	codeGone         = 400
)

// hasLines tells whether lines follow a reply's first one. The code says so, whatever
// the command was, with one exception (RFC 3977 section 3.2: 211).
func hasLines(v verb, code int) bool {
	switch code {
	case 100, codeCapabilities, 215, 218, codeArticle, 221, codeBody, 224, 225, 230, 231, 282, 288:
		return true
	}
	return v == verbListing && code/100 == 2
}

// asksForMore tells that a reply asks the client for something that the proxy
// expects. Behind any other the client would send what the proxy takes for commands.
func asksForMore(v verb, code int) bool {
	switch code {
	case codePostIt:
		return v == verbPost
	case codeSendIt:
		return v == verbIhave
	case codeMoreSimple, codeMoreUser, codeMoreSASL:
		return v == verbAuth
	case codeTLS:
		return v == verbTLS
	}
	return false
}

// offersOpaque tells a line of a capability list that offers what verbTLS is for.
func offersOpaque(line []byte) bool {
	label := firstArgument(line)
	return verbs[strings.ToUpper(label)] == verbTLS || strings.HasPrefix(strings.ToUpper(label), "XFEATURE-COMPRESS")
}

// offersStreaming tells the line of a capability list that offers TAKETHIS.
func offersStreaming(line []byte) bool { return strings.EqualFold(firstArgument(line), "STREAMING") }

// isEnd tells the last line of a reply of several lines.
func isEnd(line []byte) bool { return string(line) == ".\r\n" }
