package lab

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
)

// maxEcho is how many body bytes /echo sends back; the rest is counted.
const maxEcho = 1 << 20

// serveUpload reads the body as it came, without taking multipart forms apart.
// An upload that breaks off is counted in Counts and answered to nobody.
func (o *HTTP) serveUpload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	size, err := io.Copy(sum, &countedBody{Reader: r.Body, origin: o})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	sendText(w, http.StatusOK, fmt.Sprintf("size %d\nsha256 %x\n", size, sum.Sum(nil)))
}

type countedBody struct {
	io.Reader
	origin *HTTP
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.origin.uploaded.Add(int64(n))
	return n, err
}

// serveEcho answers the head of the request byte for byte, followed by its body
// without the chunked framing.
func serveEcho(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEcho))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	more, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	var head []byte
	if conn, ok := r.Context().Value(connKey{}).(*watchedConn); ok {
		head = conn.current
	}
	answer := string(head) + string(body)
	if more > 0 {
		answer += fmt.Sprintf("\n... and %d bytes more\n", more)
	}
	sendText(w, http.StatusOK, answer)
}

// serveTrailers sends three chunks and two trailer fields, one of which is the
// checksum of the body.
func serveTrailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Trailer", "X-Content-SHA256, X-Chunks")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	sum := sha256.New()
	body := io.MultiWriter(w, sum)
	const chunks = 3
	for i := range chunks {
		_, err := fmt.Fprintf(body, "chunk %d of %d\n", i+1, chunks)
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	w.Header().Set("X-Content-SHA256", fmt.Sprintf("%x", sum.Sum(nil)))
	w.Header().Set("X-Chunks", fmt.Sprint(chunks))
}

// serveEarlyHints sends 103 (RFC 8297) before the answer.
func serveEarlyHints(w http.ResponseWriter, _ *http.Request) {
	const link = "</page/css/0.css>; rel=preload; as=style"
	w.Header().Set("Link", link)
	w.WriteHeader(http.StatusEarlyHints)
	sendText(w, http.StatusOK, "this answer was announced by a 103\n")
}
