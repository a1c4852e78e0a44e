package smtpproxy

import (
	"bytes"
	"strconv"

	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// Audit implements proxy.Auditor: what the client has said behind DATA, and in the
// chunks of BDAT. Whether the server has taken it makes no difference.
func (d *Driver) Audit(rec *proxy.Recording, judge func(*scanner.Object)) {
	b := rec.Up
	var chunks []byte
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		words := bytes.Fields(bytes.ToUpper(line))
		switch {
		case len(words) == 1 && string(words[0]) == "DATA":
			var message []byte
			message, b = mail.CutDot(b)
			mail.Judge(scanner.Mail, message, judge)
		case len(words) >= 2 && string(words[0]) == "BDAT":
			n, err := strconv.ParseUint(string(words[1]), 10, 63)
			if err != nil {
				continue
			}
			n = min(n, uint64(len(b)))
			chunks = append(chunks, b[:n]...)
			if b = b[n:]; len(words) > 2 || len(b) == 0 { // LAST (RFC 3030 section 2), or cut off
				mail.Judge(scanner.Mail, chunks, judge)
				chunks = nil
			}
		}
	}
	if len(chunks) > 0 {
		mail.Judge(scanner.Mail, chunks, judge)
	}
}
