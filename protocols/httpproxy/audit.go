package httpproxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"

	"utmsim/proxy"
	"utmsim/scanner"
)

// Audit implements proxy.Auditor: the bodies of the requests and responses, as far
// as the standard library's parser reads them; it is another one than ours, and
// nobody waits for it. Behind an upgrade nothing is known.
func (d *Driver) Audit(rec *proxy.Recording, judge func(*scanner.Object)) {
	if o := rec.Object; o != nil {
		judgeForm(o, judge)
		return
	}
	asked := auditRequests(rec.Up, judge)
	r := bufio.NewReader(bytes.NewReader(rec.Down))
	for i := 0; ; {
		ask := &http.Request{Method: http.MethodGet}
		if i < len(asked) {
			ask = asked[i]
		}
		res, err := http.ReadResponse(r, ask)
		if err != nil || res.StatusCode == http.StatusSwitchingProtocols {
			return
		}
		if res.StatusCode/100 == 1 {
			continue
		}
		i++
		judge(recorded(scanner.WebResponse, ask, res.Header, res.Body))
	}
}

// auditRequests judges what a client has sent and returns its requests.
func auditRequests(up []byte, judge func(*scanner.Object)) (asked []*http.Request) {
	r := bufio.NewReader(bytes.NewReader(up))
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return asked
		}
		asked = append(asked, req)
		kind := scanner.WebRequest
		if req.Method == http.MethodPost {
			kind = scanner.Post
		}
		o := recorded(kind, req, req.Header, req.Body)
		judgeForm(o, judge)
		judge(o)
	}
}

// judgeForm judges the files of a form one by one.
func judgeForm(o *scanner.Object, judge func(*scanner.Object)) {
	declared := []byte(o.ContentType)
	if o.Size == 0 || !isForm(declared) {
		return
	}
	for _, part := range splitForm(o, false, boundariesOf(declared)...) {
		judge(&part)
	}
}

// recorded is a body, as far as it was recorded.
func recorded(kind scanner.Kind, req *http.Request, head http.Header, body io.ReadCloser) *scanner.Object {
	b, _ := io.ReadAll(body) // an error means that it was cut off
	_ = body.Close()
	o := &scanner.Object{Kind: kind, ContentType: head.Get("Content-Type"), Size: int64(len(b)), Flat: b, Body: bytes.NewReader(b)}
	if req.URL != nil {
		o.URL = req.Host + req.URL.Path
		o.Name = req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	}
	for _, coding := range strings.Split(strings.Join(head["Content-Encoding"], ","), ",") {
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
			o.Encodings = append(o.Encodings, coding)
		}
	}
	return o
}
