package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ICAP is the lab's ICAP server (RFC 3507): the service avscan looks for the EICAR
// test file in what it gets by REQMOD and RESPMOD, with and without a preview. It
// answers 204 to what is clean, where that is allowed, else gives it back, and a page
// of its own in the place of what is not.
//
// Commands of Traffic counts requests, OPTIONS included. The fields are set before
// Listen.
type ICAP struct {
	// MaxSessions is how many connections the server says it takes, and takes; 0
	// means that it says nothing and takes 32,768. A connection more is closed.
	MaxSessions int
	// Preview is how many bytes of a preview the server asks for; 0 means 1024, a
	// negative number that it wants none.
	Preview int
	// No204 has clean content given back even where 204 is allowed.
	No204 bool

	gate  gate
	mood  atomic.Int32
	mu    sync.Mutex    // guards the field below
	awake chan struct{} // closed when the mood changes

	scanned, infected, scannedBytes atomic.Int64
	previews                        atomic.Int64
}

// ICAPMood is how the server behaves towards requests other than OPTIONS.
type ICAPMood int32

// The moods.
const (
	ICAPHonest   ICAPMood = iota
	ICAPSilent            // reads requests and does not answer until the mood changes
	ICAPFailing           // answers 500
	ICAPNonsense          // answers with what is no answer
	ICAPHangup            // closes the connection in the place of an answer
	ICAPCut               // closes the connection in the middle of an answer
	ICAPChanging          // gives content back with a byte changed
)

// ICAPCounts is what the server has seen since it was created.
type ICAPCounts struct {
	Traffic
	Scanned  int64 // objects that were looked at
	Bytes    int64 // of these
	Infected int64 // of Scanned
	Previews int64 // objects of which the preview was enough
}

// NewICAP returns a server that listens nowhere yet.
func NewICAP() *ICAP { return &ICAP{awake: make(chan struct{})} }

// Listen serves on address (host:port; port 0 picks a free one) until Close and
// returns the address in use.
func (o *ICAP) Listen(address string) (string, error) {
	return o.gate.listen(address, o.MaxSessions, func(listener net.Listener) {
		acceptAll(listener, func(conn net.Conn) { go o.serve(conn) }) // the gate waits for the Close in serve
	})
}

// Close ends all connections and returns when nothing is left of them.
func (o *ICAP) Close() error {
	o.Behave(ICAPHangup) // who waits for another mood
	o.gate.close()
	return nil
}

// Counts is what the server has seen.
func (o *ICAP) Counts() ICAPCounts {
	return ICAPCounts{o.gate.traffic(), o.scanned.Load(), o.scannedBytes.Load(), o.infected.Load(), o.previews.Load()}
}

// Behave changes the server's mood.
func (o *ICAP) Behave(m ICAPMood) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mood.Store(int32(m))
	close(o.awake)
	o.awake = make(chan struct{})
}

func (o *ICAP) asleep() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.awake
}

func (o *ICAP) serve(conn net.Conn) {
	defer conn.Close()
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		req, err := readICAP(r)
		if err != nil {
			return
		}
		o.gate.commands.Add(1)
		if !o.respond(req, r, w) || w.Flush() != nil {
			return
		}
	}
}

// icapRequest is a request up to its body.
type icapRequest struct {
	method, uri string
	header      textproto.MIMEHeader
	http        []byte // the encapsulated headers
	hasBody     bool
}

// maxICAPHeaders bounds the encapsulated headers, in bytes.
const maxICAPHeaders = 256 << 10

func readICAP(r *bufio.Reader) (*icapRequest, error) {
	tp := textproto.NewReader(r)
	line, err := tp.ReadLine()
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) != 3 || words[2] != "ICAP/1.0" {
		return nil, fmt.Errorf("request line %q", line)
	}
	req := &icapRequest{method: words[0], uri: words[1]}
	if req.header, err = tp.ReadMIMEHeader(); err != nil {
		return nil, err
	}
	for item := range strings.SplitSeq(req.header.Get("Encapsulated"), ",") {
		name, at, _ := strings.Cut(strings.TrimSpace(item), "=")
		if !strings.HasSuffix(name, "-body") {
			continue
		}
		n, err := strconv.Atoi(at)
		if err != nil || n < 0 || n > maxICAPHeaders {
			return nil, fmt.Errorf("encapsulated %q", item)
		}
		req.http, req.hasBody = make([]byte, n), name != "null-body"
		_, err = io.ReadFull(r, req.http)
		return req, err
	}
	return req, nil
}

// respond answers a request and tells whether the connection goes on.
func (o *ICAP) respond(req *icapRequest, r *bufio.Reader, w *bufio.Writer) bool {
	switch {
	case !strings.HasSuffix(strings.TrimRight(req.uri, "/"), "/avscan"):
		return o.refuse(w, "404 ICAP Service not found")
	case req.method == "OPTIONS":
		o.options(w)
		return true
	case req.method != "REQMOD" && req.method != "RESPMOD":
		return o.refuse(w, "405 Method not allowed for service")
	}
	content, goesOn, ok := o.content(req, r, w)
	if !ok {
		return false
	}
	for ICAPMood(o.mood.Load()) == ICAPSilent {
		wait := o.asleep()
		if ICAPMood(o.mood.Load()) == ICAPSilent {
			<-wait
		}
	}
	switch ICAPMood(o.mood.Load()) {
	case ICAPFailing:
		return o.refuse(w, "500 Internal Server Error")
	case ICAPNonsense:
		fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		return true
	case ICAPHangup:
		return false
	case ICAPCut:
		fmt.Fprintf(w, "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n%x\r\n", len(content)+1)
		_ = w.Flush()
		return false
	case ICAPChanging:
		content = append(bytes.Clone(content), '!')
	}
	o.answer(req, content, w)
	return goesOn
}

func (o *ICAP) refuse(w *bufio.Writer, status string) bool {
	fmt.Fprintf(w, "ICAP/1.0 %s\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n", status)
	_ = w.Flush() // the connection ends either way
	return false
}

func (o *ICAP) options(w *bufio.Writer) {
	fmt.Fprintf(w, "ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nService: lab\r\nISTag: \"lab-1\"\r\nAllow: 204\r\nOptions-TTL: 3600\r\n")
	if preview := o.preview(); preview >= 0 {
		fmt.Fprintf(w, "Preview: %d\r\nTransfer-Preview: *\r\n", preview)
	}
	if o.MaxSessions > 0 {
		fmt.Fprintf(w, "Max-Connections: %d\r\n", o.MaxSessions)
	}
	fmt.Fprintf(w, "Encapsulated: null-body=0\r\n\r\n")
}

func (o *ICAP) preview() int {
	if o.Preview == 0 {
		return 1024
	}
	return o.Preview
}

// content reads the body of a request, of which a preview may be enough.
func (o *ICAP) content(req *icapRequest, r *bufio.Reader, w *bufio.Writer) (content []byte, goesOn, ok bool) {
	if !req.hasBody {
		return nil, true, true
	}
	content, ended, err := readICAPChunks(r, nil)
	if err != nil {
		return nil, false, false
	}
	if req.header.Get("Preview") == "" || ended {
		return content, true, true
	}
	if ICAPMood(o.mood.Load()) == ICAPHonest && bytes.Contains(content, EICAR()) {
		o.previews.Add(1)
		return content, true, true
	}
	fmt.Fprintf(w, "ICAP/1.0 100 Continue\r\n\r\n")
	if w.Flush() != nil {
		return nil, false, false
	}
	content, _, err = readICAPChunks(r, content)
	return content, true, err == nil
}

// readICAPChunks appends a body in chunks to b. ended tells that nothing is missing
// behind a preview.
func readICAPChunks(r *bufio.Reader, b []byte) (content []byte, ended bool, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, false, err
		}
		digits, extension, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(digits, 16, 31)
		if err != nil {
			return nil, false, err
		}
		at := len(b)
		b = append(b, make([]byte, n+2)...)
		if _, err := io.ReadFull(r, b[at:]); err != nil {
			return nil, false, err
		}
		b = b[:at+int(n)]
		if n == 0 {
			return b, strings.TrimSpace(extension) == "ieof", nil
		}
	}
}

// answer says what was found in the content of a request.
func (o *ICAP) answer(req *icapRequest, content []byte, w *bufio.Writer) {
	o.scanned.Add(1)
	o.scannedBytes.Add(int64(len(content)))
	if bytes.Contains(content, EICAR()) {
		o.infected.Add(1)
		const page = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n"
		const text = "the lab has found the EICAR test file\n"
		fmt.Fprintf(w, "ICAP/1.0 200 OK\r\nISTag: \"lab-1\"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=EICAR_LAB_ICAP;\r\n"+
			"Encapsulated: res-hdr=0, res-body=%d\r\n\r\n%s%x\r\n%s\r\n0\r\n\r\n", len(page), page, len(text), text)
		return
	}
	if !o.No204 && ICAPMood(o.mood.Load()) != ICAPChanging && strings.Contains(req.header.Get("Allow"), "204") {
		fmt.Fprintf(w, "ICAP/1.0 204 No Content\r\nISTag: \"lab-1\"\r\nEncapsulated: null-body=0\r\n\r\n")
		return
	}
	o.giveBack(req, content, w)
}

// giveBack answers with what came.
func (o *ICAP) giveBack(req *icapRequest, content []byte, w *bufio.Writer) {
	header, name := req.http, "req"
	if req.method == "RESPMOD" {
		name = "res"
		if _, response, ok := bytes.Cut(req.http, []byte("\r\n\r\n")); ok {
			header = response
		}
	}
	fmt.Fprintf(w, "ICAP/1.0 200 OK\r\nISTag: \"lab-1\"\r\nEncapsulated: %s-hdr=0, %s-body=%d\r\n\r\n%s", name, name, len(header), header)
	if len(content) > 0 {
		fmt.Fprintf(w, "%x\r\n%s\r\n", len(content), content)
	}
	fmt.Fprintf(w, "0\r\n\r\n")
}
