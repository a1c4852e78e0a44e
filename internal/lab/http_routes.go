package lab

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Route is one address of the HTTP origin, for tables that people read.
type Route struct {
	Path  string // as typed, with placeholders in capitals
	Holds string
}

// route is a Route with what net/http needs. A GET pattern answers HEAD too.
type route struct {
	Route
	pattern string
	serve   http.HandlerFunc
}

// Routes lists what the HTTP origin holds, in the order people should read it.
func (o *HTTP) Routes() []Route {
	var list []Route
	for _, r := range o.routes() {
		if r.Holds != "" {
			list = append(list, r.Route)
		}
	}
	return list
}

func (o *HTTP) routes() []route {
	list := []route{
		{Route{"/", "1 KiB of text"}, "GET /{$}", serveHome},
		{Route{"/bytes/N", "N bytes; ?chunked=1, ?rate=BYTES_PER_S, Range"}, "GET /bytes/{n}", serveBytes},
		{Route{"/eicar.com", "the EICAR test file; ?chunked=1"}, "GET /eicar.com", serveFile("application/octet-stream", "", EICAR())},
		{Route{"/eicar.zip", "the same in a zip archive"}, "GET /eicar.zip", serveFile("application/zip", "", EICARZip())},
	}
	list = append(list,
		route{Route{"/samples/", "archives, codings, test strings, a bomb ..., listed"}, "GET /samples/{$}", o.serveSamples},
		route{Route{}, "GET /samples/{name}", o.serveSample})
	for _, c := range codings() {
		path := "/eicar." + c.extension
		list = append(list, route{Route{path, "the same with Content-Encoding " + c.name}, "GET " + path,
			serveFile("application/octet-stream", c.name, encode(c, EICAR()))})
	}
	for _, c := range codings() {
		list = append(list, route{Route{"/" + c.name + "/N", "N bytes with Content-Encoding " + c.name + "; ?zeros=1"},
			"GET /" + c.name + "/{n}", serveEncoded(c)})
	}
	return append(list,
		route{Route{"/status/CODE", "an answer with that status (200-599)"}, "/status/{code}", serveStatus},
		route{Route{"/delay/MS", "an answer after MS milliseconds"}, "/delay/{ms}", serveDelay},
		route{Route{"/upload", "POST or PUT: size and SHA-256 of what arrived"}, "POST /upload", o.serveUpload},
		route{Route{}, "PUT /upload", o.serveUpload},
		route{Route{"/echo", "the request as the origin saw it"}, "/echo", serveEcho},
		route{Route{"/count", "how many requests the origin has seen"}, "GET /count", o.serveCount},
		route{Route{"/page?n=50", "an HTML page with n objects"}, "GET /page", servePage},
		route{Route{}, "GET /page/{kind}/{name}", servePageObject},
		route{Route{"/trailers", "a chunked answer with trailers"}, "GET /trailers", serveTrailers},
		route{Route{"/early-hints", "103, then 200"}, "GET /early-hints", serveEarlyHints},
		route{Route{"/upgrade", "101 to a protocol that echoes (Upgrade: echo)"}, "GET /upgrade", o.serveUpgrade},
		route{Route{"/close", "an HTTP/1.0 answer that ends with the connection; ?n=BYTES"}, "GET /close", o.serveUntilClose},
		route{Route{"/reset", "an answer that breaks off in the middle; ?n=BYTES"}, "GET /reset", o.serveReset},
	)
}

// serveHome answers exactly 1,024 bytes of text.
func serveHome(w http.ResponseWriter, _ *http.Request) {
	const line = "This is the origin server of the lab. Try /bytes/N, /echo or /page.\n"
	sendText(w, http.StatusOK, strings.Repeat(line, 1024/len(line)+1)[:1023]+"\n")
}

const maxDelay = time.Hour

func serveStatus(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		sendText(w, http.StatusBadRequest, "the status must be a number from 200 to 599; for 1xx see /early-hints and /upgrade\n")
		return
	}
	switch {
	case code >= 300 && code < 400 && code != http.StatusNotModified:
		w.Header().Set("Location", "/")
	case code == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
	case code == http.StatusProxyAuthRequired:
		w.Header().Set("Proxy-Authenticate", `Basic realm="lab"`)
	}
	if code == http.StatusNoContent || code == http.StatusNotModified {
		w.WriteHeader(code)
		return
	}
	sendText(w, code, fmt.Sprintf("%d %s\n", code, http.StatusText(code)))
}

func serveDelay(w http.ResponseWriter, r *http.Request) {
	ms, err := sizeOf(r.PathValue("ms"))
	if err != nil || ms > maxDelay.Milliseconds() {
		sendText(w, http.StatusBadRequest, "the delay must be a number of milliseconds, at most one hour\n")
		return
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		sendText(w, http.StatusOK, fmt.Sprintf("answered after %d ms\n", ms))
	case <-r.Context().Done():
	}
}

// sizeOf reads a number of bytes or milliseconds from a path or query.
func sizeOf(digits string) (int64, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading size %q: %w", digits, errors.Unwrap(err))
	}
	if n < 0 {
		return 0, fmt.Errorf("reading size %q: negative", digits)
	}
	return n, nil
}

// querySize reads an optional size; absent is fallback.
func querySize(query url.Values, key string, fallback int64) (int64, error) {
	if !query.Has(key) {
		return fallback, nil
	}
	return sizeOf(query.Get(key))
}

func badRequest(w http.ResponseWriter, err error) {
	sendText(w, http.StatusBadRequest, err.Error()+"\n")
}
