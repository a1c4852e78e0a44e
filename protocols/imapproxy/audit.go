package imapproxy

import (
	"bytes"
	"strconv"

	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// Audit implements proxy.Auditor: every literal may be a mail or a part of one.
// Short ones that are neither do no harm.
func (d *Driver) Audit(rec *proxy.Recording, judge func(*scanner.Object)) {
	for _, b := range [][]byte{rec.Up, rec.Down} {
		for len(b) > 0 {
			line, rest, _ := bytes.Cut(b, []byte("\n"))
			b = rest
			n, ok := announced(line)
			if !ok {
				continue
			}
			n = min(n, uint64(len(b)))
			mail.Judge(scanner.Mail, b[:n], judge)
			b = b[n:]
		}
	}
}

// announced is the length of the literal that follows a line (RFC 9051 section 4.3).
func announced(line []byte) (n uint64, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || line[len(line)-1] != '}' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(bytes.TrimRight(line[open+1:len(line)-1], "+-")), 10, 63)
	return n, err == nil
}
