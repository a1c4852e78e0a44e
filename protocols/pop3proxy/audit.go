package pop3proxy

import (
	"bytes"

	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// Audit implements proxy.Auditor: mails are among the replies of several lines.
// Without the commands nobody knows which these are, and a listing does no harm.
func (d *Driver) Audit(rec *proxy.Recording, judge func(*scanner.Object)) {
	for m := range mail.Recorded(rec.Down, isStatus) {
		mail.Judge(scanner.Mail, m, judge)
	}
}

// isStatus tells that a line is a reply's first one (RFC 1939 section 3).
func isStatus(line []byte) bool {
	return bytes.HasPrefix(line, []byte("+")) || bytes.HasPrefix(line, []byte("-ERR"))
}
