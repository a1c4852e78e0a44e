package httpproxy

import (
	"strconv"
	"strings"

	"utmsim/proxy"
	"utmsim/scanner"
)

// page is what the user sees instead of what was asked for. Its texts are plain;
// render escapes them.
type page struct {
	status int
	title  string
	text   string
	rows   [][2]string // of the table below the text
	retry  int         // Retry-After in seconds, 0: none
	close  bool        // the connection ends behind the page
	// persist says in so many words that it does not: a client of HTTP/1.0 that
	// asked for it has to be told.
	persist bool
	bare    bool // in reply to HEAD: the head alone
}

// The phrases the appliance is known for (fidelity notes, section 5.4). The other
// texts are ours.
const (
	alertTitle  = "High Security Alert"
	downloading = "download"
	uploading   = "transfer"
)

// blockStatus is the status of blocked pages. One that can't have a page in its
// body (RFC 9110 section 6.4.1) would leave the client without an answer and is
// taken for 403.
func blockStatus(configured int) int {
	if configured < 200 || configured == 204 || configured == 304 {
		return 403
	}
	return configured
}

// blocked is the page for an object that is not delivered. verb is downloading
// or uploading.
func blocked(status int, outcome proxy.Outcome, v scanner.Verdict, verb, file, url string) page {
	p := page{status: status, title: alertTitle, rows: [][2]string{{"URL", url}, {"Quarantined File Name", ""}}}
	quoted := `the file "` + file + `"`
	switch {
	case outcome == proxy.Detected && v.Class.Detection():
		p.text = "You are not permitted to " + verb + " " + quoted + ` because it is infected with the virus "` + v.Name + `".`
	case outcome == proxy.Detected:
		p.text = "You are not permitted to " + verb + " " + quoted + " because archives of this kind are blocked: " + v.Class.String() + "."
	case outcome == proxy.TooLarge:
		p.text = "You are not permitted to " + verb + " " + quoted + " because it is larger than the size limit for files."
	case outcome == proxy.Backlog:
		p.status, p.retry = 503, busyRetry
		p.text = "You can't " + verb + " " + quoted + " now because too many files wait to be scanned. Try again in a moment."
	default:
		p.text = "You are not permitted to " + verb + " " + quoted + " because it could not be scanned."
	}
	return p
}

// Seconds after which it is worth to try again.
const (
	busyRetry     = 5
	farewellRetry = 30
)

// trouble is the page for everything that is no verdict.
func trouble(status int, text string) page {
	return page{status: status, title: reason(status), text: text}
}

// render is the whole response, HTML as the body.
func (p page) render() []byte {
	var body strings.Builder
	body.WriteString("<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>" + escapeText(p.title) + "</title></head>\n<body>\n<h1>" +
		escapeText(p.title) + "</h1>\n<p>" + escapeText(p.text) + "</p>\n")
	if len(p.rows) > 0 {
		body.WriteString("<table>\n")
		for _, r := range p.rows {
			body.WriteString("<tr><td>" + escapeText(r[0]) + "</td><td>" + escapeText(r[1]) + "</td></tr>\n")
		}
		body.WriteString("</table>\n")
	}
	body.WriteString("</body>\n</html>\n")
	return p.respond(body.String())
}

func (p page) respond(body string) []byte {
	b := make([]byte, 0, len(body)+256)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(append(b, ' '), reason(p.status)...)
	b = append(b, "\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n"...)
	if p.retry > 0 {
		b = append(b, "Retry-After: "...)
		b = strconv.AppendInt(b, int64(p.retry), 10)
		b = append(b, "\r\n"...)
	}
	switch {
	case p.close:
		b = append(b, optionClose.line...)
	case p.persist:
		b = append(b, optionKeepAlive.line...)
	}
	b = append(b, "\r\n"...)
	if p.bare {
		return b
	}
	return append(b, body...)
}

// escapeText escapes what HTML would take for a tag or an entity. Quotation marks
// stay: nothing of ours goes into an attribute.
func escapeText(s string) string { return textEscaper.Replace(s) }

var textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// reason is the phrase of a status the proxy itself uses; the phrase of any other
// that the configuration chooses for blocked pages is "Blocked".
func reason(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 403:
		return "Forbidden"
	case 408:
		return "Request Timeout"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 417:
		return "Expectation Failed"
	case 431:
		return "Request Header Fields Too Large"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Blocked"
}
