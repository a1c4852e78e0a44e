package nntpproxy

import (
	"bytes"

	"utmsim/protocols/mail"
	"utmsim/proxy"
	"utmsim/scanner"
)

// Audit implements proxy.Auditor: articles are among the replies of several lines,
// and behind the commands that post.
func (d *Driver) Audit(rec *proxy.Recording, judge func(*scanner.Object)) {
	for a := range mail.Recorded(rec.Down, isReply) {
		mail.Judge(scanner.Article, a, judge)
	}
	for a := range mail.Recorded(rec.Up, posts) {
		mail.Judge(scanner.Article, a, judge)
	}
}

// isReply tells that a line begins with a code (RFC 3977 section 3.2).
func isReply(line []byte) bool {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// posts tells that an article may follow a command.
func posts(line []byte) bool {
	word, _, _ := bytes.Cut(bytes.ToUpper(bytes.TrimSpace(line)), []byte(" "))
	return string(word) == "POST" || string(word) == "IHAVE" || string(word) == "TAKETHIS"
}
