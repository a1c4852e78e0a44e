package httpproxy

import (
	"strconv"
	"strings"

	"utmsim/internal/replacemsg"
	"utmsim/proxy"
)

// page is what the user sees instead of what was asked for: a replacement message, or
// a title and a text of the proxy's own, which are plain and escaped.
type page struct {
	status int
	title  string
	text   string
	body   *string // the message, instead of title and text
	plain  bool    // it is no HTML
	retry  int     // Retry-After in seconds, 0: none
	close  bool    // the connection ends behind the page
	// persist says in so many words that it does not: a client of HTTP/1.0 that
	// asked for it has to be told.
	persist bool
	bare    bool // in reply to HEAD: the head alone
}

// blockStatus is the status of blocked pages. One that can't have a page in its
// body (RFC 9110 section 6.4.1) would leave the client without an answer and is
// taken for 403.
func blockStatus(configured int) int {
	if configured < 200 || configured == 204 || configured == 304 {
		return 403
	}
	return configured
}

// blocked is the page for an object that is not delivered, as it is said there.
func (x *exchange) blocked(hold *proxy.Hold, place replacemsg.Place) page {
	if hold.Outcome == proxy.Backlog {
		p := trouble(503, "Too many files wait to be scanned. Try again in a moment.")
		p.retry = busyRetry
		return p
	}
	about := hold.About("")
	if about.File == "" {
		about.File = x.inspection.Object.Name
	}
	return x.message(place.For(hold.Cause()), about)
}

// message is a replacement message as a page.
func (x *exchange) message(k replacemsg.Kind, about *replacemsg.Values) page {
	about.URL = x.label()
	body := x.s.Message(k, about)
	return page{status: x.blockStatus(), body: &body, plain: !x.s.IsHTML(k)}
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

// render is the whole response.
func (p page) render() []byte {
	if p.body != nil {
		return p.respond(*p.body)
	}
	title := escapeText(p.title)
	return p.respond("<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>" + title + "</title></head>\n<body>\n<h1>" +
		title + "</h1>\n<p>" + escapeText(p.text) + "</p>\n</body>\n</html>\n")
}

func (p page) respond(body string) []byte {
	b := make([]byte, 0, len(body)+256)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(append(b, ' '), reason(p.status)...)
	subtype := "html"
	if p.plain {
		subtype = "plain"
	}
	b = append(append(append(b, "\r\nContent-Type: text/"...), subtype...), "; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: "...)
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
// stay: nothing of the proxy's own goes into an attribute.
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
