package icap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"utmsim/scanner"
	"utmsim/scanner/remote"
)

const (
	// maxPreview bounds what is sent before the server says whether it wants more.
	maxPreview = 64 << 10
	chunk      = 16 << 10 // bytes that follow one length
	maxName    = 200      // bytes of the name of a detection
)

// transfer is one request and its answer.
type transfer struct {
	*service
	conn    *remote.Conn
	ctx     context.Context
	obj     *scanner.Object
	content io.Reader
	preview int // bytes; -1: none

	sum     hash.Hash // of the content as far as it was sent
	sent    int64
	last    atomic.Bool // the end of the content is being sent
	partial bool        // the server answered before it had everything
	readErr error       // why content ended early
}

// run sends the object and reads the verdict. again tells that the connection can be
// used for another.
func (t *transfer) run() (v scanner.Verdict, again bool, err error) {
	t.sum = sha256.New()
	first, complete, err := t.first()
	if err != nil {
		return v, false, err
	}
	t.head()
	if t.preview >= 0 {
		t.chunk(first)
		if !complete {
			t.conn.W.WriteString("0\r\n\r\n")
			return t.afterPreview()
		}
		t.conn.W.WriteString("0; ieof\r\n\r\n")
		return t.short()
	}
	return t.answer()
}

// first reads the preview; complete tells that it is all.
func (t *transfer) first() (p []byte, complete bool, err error) {
	if t.preview < 0 {
		return nil, false, nil
	}
	p = make([]byte, t.preview+1)
	n, err := io.ReadFull(t.content, p)
	switch err {
	case nil:
		t.content = io.MultiReader(bytes.NewReader(p[t.preview:]), t.content)
		return p[:t.preview], false, nil
	case io.EOF, io.ErrUnexpectedEOF:
		return p[:n], true, nil
	}
	return nil, false, err
}

// head writes the headers in front of the content.
func (t *transfer) head() {
	w, request, response := t.conn.W, "", ""
	at, host := target(t.obj)
	kind := "Content-Type: " + printable(t.obj.ContentType) + "\r\n"
	if t.obj.ContentType == "" {
		kind = ""
	}
	fmt.Fprintf(w, "%s %s ICAP/1.0\r\nHost: %s\r\nUser-Agent: utmsim\r\nAllow: 204\r\n", t.method, t.uri, t.host)
	if t.preview >= 0 {
		fmt.Fprintf(w, "Preview: %d\r\n", t.preview)
	}
	if t.method == "REQMOD" {
		request = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", at, host, kind)
		fmt.Fprintf(w, "Encapsulated: req-hdr=0, req-body=%d\r\n\r\n%s", len(request), request)
		return
	}
	request = fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", at, host)
	response = fmt.Sprintf("HTTP/1.1 200 OK\r\n%s\r\n", kind)
	fmt.Fprintf(w, "Encapsulated: req-hdr=0, res-hdr=%d, res-body=%d\r\n\r\n%s%s", len(request), len(request)+len(response), request, response)
}

// target is the URL that the object is said to have, and its host. Objects that no
// URL leads to get one under a name that can't exist (RFC 6761 section 6.4).
func target(obj *scanner.Object) (at, host string) {
	if u, err := url.Parse(obj.URL); err == nil && u.Host != "" && u.Scheme != "" {
		u.Fragment = ""
		return printable(u.String()), printable(u.Host)
	}
	return "http://scan.invalid/" + url.PathEscape(obj.Name), "scan.invalid"
}

// printable keeps a text from being more than part of one line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, text)
}

func (t *transfer) chunk(p []byte) {
	if len(p) == 0 {
		return
	}
	t.sum.Write(p)
	t.sent += int64(len(p))
	fmt.Fprintf(t.conn.W, "%x\r\n", len(p))
	t.conn.W.Write(p)
	t.conn.W.WriteString("\r\n")
}

// short reads the answer to content that was sent in one piece.
func (t *transfer) short() (v scanner.Verdict, again bool, err error) {
	werr := t.conn.W.Flush()
	r, returned, err := t.receive(werr)
	if err != nil {
		return v, false, err
	}
	v, err = t.judge(r, returned)
	return v, werr == nil && !r.closes(), err
}

// afterPreview reads what the server says to a preview that is not all.
func (t *transfer) afterPreview() (v scanner.Verdict, again bool, err error) {
	werr := t.conn.W.Flush()
	r, err := readReply(t.ctx, t.conn)
	switch {
	case err != nil:
		return v, false, t.writing(werr, err)
	case r.code == 100:
		return t.answer()
	}
	returned, err := t.read(r)
	if err != nil {
		return v, false, err
	}
	t.partial = true
	v, err = t.judge(r, returned)
	return v, werr == nil && !r.closes(), err
}

// rest sends what is left of the content.
func (t *transfer) rest() error {
	buf := make([]byte, chunk)
	for {
		n, err := io.ReadFull(t.content, buf)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			t.readErr = err
			return err
		}
		t.chunk(buf[:n])
		if err != nil {
			t.conn.W.WriteString("0\r\n\r\n")
			t.last.Store(true)
			return t.conn.W.Flush()
		}
		if _, err := t.conn.W.Write(nil); err != nil {
			return err // of a write before
		}
	}
}

// answer sends the rest and reads the answer at the same time, because a server may
// send back what it gets while it gets it, or answer before it has everything.
func (t *transfer) answer() (v scanner.Verdict, again bool, err error) {
	done := make(chan error, 1)
	go func() {
		err := t.rest()
		if t.readErr != nil {
			_ = t.conn.Close() // the server waits for more than there is
		}
		done <- err
	}()
	r, returned, err := t.receive(nil)
	complete := t.last.Load()
	t.partial = !complete
	if err != nil || !complete {
		_ = t.conn.Close() // so that sending ends
	}
	werr := <-done
	switch {
	case t.readErr != nil:
		return v, false, t.readErr
	case err != nil:
		return v, false, t.writing(werr, err)
	}
	v, err = t.judge(r, returned)
	return v, complete && werr == nil && !r.closes(), err
}

// writing is the error of a transfer: what kept it from being sent, unless that was
// this side's end of the connection.
func (t *transfer) writing(werr, err error) error {
	if werr == nil || errors.Is(err, errSilent) || errors.Is(werr, net.ErrClosed) || t.ctx.Err() != nil {
		return err
	}
	return remote.Failed(t.ctx, "writing to the ICAP server", werr)
}

// content that came back.
type returned struct {
	headers map[string]string
	body    bool
	sum     []byte
	size    int64
}

// receive reads an answer.
func (t *transfer) receive(werr error) (*reply, *returned, error) {
	r, err := readReply(t.ctx, t.conn)
	if err == nil && r.code == 100 {
		err = errors.New("the ICAP server asks for more than there is")
	}
	if err != nil {
		return nil, nil, t.writing(werr, err)
	}
	back, err := t.read(r)
	return r, back, err
}

// read reads what an answer encapsulates.
func (t *transfer) read(r *reply) (*returned, error) {
	b, err := r.readBody(t.conn.R)
	if err != nil {
		return nil, remote.Failed(t.ctx, "reading from the ICAP server", err)
	}
	back := &returned{headers: b.headers}
	if b.r == nil {
		return back, nil
	}
	sum := sha256.New()
	back.body = true
	if back.size, err = io.Copy(sum, b.r); err != nil {
		return nil, remote.Failed(t.ctx, "reading from the ICAP server", err)
	}
	back.sum = sum.Sum(nil)
	return back, nil
}

// judge reads the verdict from an answer. Servers have several headers of their own
// for what they have found; none of them means that the answer itself says it.
func (t *transfer) judge(r *reply, back *returned) (scanner.Verdict, error) {
	if name := found(r); name != "" {
		return verdict(name), nil
	}
	switch {
	case r.code == 204:
		return scanner.Verdict{}, nil
	case r.code != 200:
		return scanner.Verdict{}, fmt.Errorf("the ICAP server answers %d", r.code)
	case t.method == "REQMOD" && r.has("res-hdr"):
		return verdict("Suspicious.ICAP.Refused"), nil // an answer in the place of the request
	case t.method == "RESPMOD" && !strings.HasPrefix(statusOf(back.headers["res-hdr"]), "200"):
		return verdict("Suspicious.ICAP.Refused"), nil
	case t.partial, !back.body && t.sent > 0, back.body && (back.size != t.sent || !bytes.Equal(back.sum, t.sum.Sum(nil))):
		return verdict("Suspicious.ICAP.Changed"), nil
	}
	return scanner.Verdict{}, nil
}

// statusOf is the status in a header of a response.
func statusOf(header string) string {
	_, rest, _ := strings.Cut(header, " ")
	return rest
}

func verdict(name string) scanner.Verdict {
	name = printable(name[:min(len(name), maxName)])
	v := scanner.Verdict{Class: scanner.ClassOf(name), Name: name, Engine: Name}
	if !v.Class.Detection() {
		v.Findings = scanner.SetOf(v.Class)
	}
	return v
}

// found is the name of what the server has found, empty for nothing.
func found(r *reply) string {
	if text := r.header.Get("X-Infection-Found"); text != "" {
		for _, field := range strings.Split(text, ";") {
			if name, ok := strings.CutPrefix(strings.TrimSpace(field), "Threat="); ok && name != "" {
				return name
			}
		}
		return "unnamed"
	}
	if name := r.header.Get("X-Virus-Id"); name != "" && !strings.EqualFold(name, "no threats") {
		return name
	}
	if count := r.header.Get("X-Violations-Found"); count != "" && count != "0" {
		return "unnamed"
	}
	return ""
}
