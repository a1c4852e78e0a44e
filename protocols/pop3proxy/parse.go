package pop3proxy

import (
	"bytes"
)

// kind says what answers a command, and whether others may follow it before it is
// answered.
type kind uint8

const (
	single       kind = iota // one line
	listing                  // several lines
	capabilities             // several lines, some of which may have to go
	message                  // a mail
	login                    // AUTH: challenges and responses, then one line
	upgrade                  // what follows may not be POP3 any more
	goodbye                  // one line, and the end
	unknown                  // one line, if anything; nobody knows
	refused                  // the proxy's own line
)

// alone tells that nothing may follow before the reply: what the next line means
// depends on it.
func (k kind) alone() bool { return k == login || k == upgrade || k == goodbye || k == unknown }

// command is a client's line as far as it decides about the reply.
type command struct {
	kind kind
	// final tells that the server may remove mails because of it: a mail that could
	// not be delivered must not be lost.
	final bool
}

// fault is a line that must not be passed on. Its text is for the one who sent it.
type fault string

func (f fault) Error() string { return string(f) }

const (
	faultLineEnd fault = "a line does not end with CR LF"
	faultChar    fault = "a line has a CR or NUL in it"
	faultStatus  fault = "a reply is neither +OK nor -ERR"
	faultUnasked fault = "a reply to no command"
	faultInject  fault = "there is something behind STLS"
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

// parseCommand understands a line of the client. The error is a fault.
func parseCommand(line []byte) (command, error) {
	if err := checkLine(line); err != nil {
		return command{}, err
	}
	verb, rest, _ := bytes.Cut(line[:len(line)-2], []byte{' '})
	return classify(verb, len(bytes.Trim(rest, " ")) > 0), nil
}

// longestVerb is the length of the longest verb that classify knows.
const longestVerb = 8

// classify looks a verb up; bare commands have no argument.
func classify(verb []byte, argument bool) command {
	if len(verb) > longestVerb {
		return command{kind: unknown}
	}
	var buf [longestVerb]byte
	for i, c := range verb {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(verb)]) {
	case "USER", "PASS", "APOP", "STAT", "NOOP", "RSET": // RFC 1939
		return command{kind: single}
	case "LAST", "RPOP": // RFC 1081
		return command{kind: single}
	case "UTF8": // RFC 6856
		return command{kind: single}
	case "DELE":
		return command{kind: single, final: true}
	case "QUIT":
		return command{kind: goodbye, final: true}
	case "RETR", "TOP":
		return command{kind: message}
	case "CAPA": // RFC 2449
		return command{kind: capabilities}
	case "STLS", "COMPRESS":
		return command{kind: upgrade}
	case "LIST", "UIDL", "LANG":
		if argument {
			return command{kind: single}
		}
		return command{kind: listing}
	case "AUTH": // without a mechanism a list of them
		if argument {
			return command{kind: login}
		}
		return command{kind: listing}
	}
	return command{kind: unknown}
}

// status is what a server's line says.
type status uint8

const (
	statusError     status = iota // -ERR
	statusOK                      // +OK
	statusChallenge               // + and something else, in AUTH
)

// parseStatus understands the first line of a reply; challenges exist where AUTH is
// under way (RFC 5034 section 4). The error is a fault.
func parseStatus(line []byte, challenges bool) (status, error) {
	if err := checkLine(line); err != nil {
		return 0, err
	}
	text := line[:len(line)-2]
	switch {
	case isWord(text, "+OK"):
		return statusOK, nil
	case isWord(text, "-ERR"):
		return statusError, nil
	case challenges && isWord(text, "+"):
		return statusChallenge, nil
	}
	return 0, faultStatus
}

// isWord tells that text is word, alone or with more behind a blank.
func isWord(text []byte, word string) bool {
	return len(text) >= len(word) && string(text[:len(word)]) == word && (len(text) == len(word) || text[len(word)] == ' ')
}

// opaque tells a line of a capability list that offers what upgrade is for.
func opaque(line []byte) bool {
	word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{' '})
	return classify(word, false).kind == upgrade
}

// isEnd tells the last line of a reply of several lines.
func isEnd(line []byte) bool { return string(line) == ".\r\n" }
