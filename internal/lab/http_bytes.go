package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// serveBytes answers Content of any 64-bit size, streaming. Range and If-Range
// work (206, 416) unless the answer is chunked.
func serveBytes(w http.ResponseWriter, r *http.Request) {
	n, err := sizeOf(r.PathValue("n"))
	if err != nil {
		badRequest(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", fmt.Sprintf(`"bytes-%d"`, n))
	serveContent(w, r, NewContent(n))
}

// serveFile answers a small object held in memory.
func serveFile(mediaType, contentEncoding string, data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if contentEncoding != "" {
			w.Header().Set("Content-Encoding", contentEncoding)
		}
		serveContent(w, r, bytes.NewReader(data))
	}
}

// serveContent applies ?rate= and ?chunked= to an object.
func serveContent(w http.ResponseWriter, r *http.Request, object io.ReadSeeker) {
	query := r.URL.Query()
	if query.Has("rate") {
		rate, err := sizeOf(query.Get("rate"))
		if err != nil || rate == 0 {
			badRequest(w, fmt.Errorf("the rate must be a positive number of bytes per second, not %q", query.Get("rate")))
			return
		}
		w = &pacedWriter{ResponseWriter: w, ctx: r.Context(), rate: rate, start: time.Now()}
	}
	if query.Get("chunked") == "1" {
		serveChunked(w, r, object)
		return
	}
	if w.Header().Get("Content-Encoding") == "" {
		http.ServeContent(w, r, "", time.Time{}, object)
		return
	}
	serveWhole(w, r, object) // ServeContent leaves out the length of encoded content
}

// serveWhole answers the object with its length and without Range.
func serveWhole(w http.ResponseWriter, r *http.Request, object io.ReadSeeker) {
	size, err := object.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = object.Seek(0, io.SeekStart)
	}
	if err != nil {
		sendText(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusOK)
	copyBody(w, r, object)
}

// serveChunked answers without a length, which in HTTP/1.1 is chunked and in
// HTTP/1.0 ends with the connection.
func serveChunked(w http.ResponseWriter, r *http.Request, object io.Reader) {
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return // the client has gone
	}
	copyBody(w, r, object)
}

// copyBody sends the object unless the request was HEAD. Errors mean that the
// client has gone; the connection ends with them.
func copyBody(w http.ResponseWriter, r *http.Request, object io.Reader) {
	if r.Method == http.MethodHead {
		return
	}
	buf := make([]byte, 64<<10)
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, object, buf)
}

// pacedWriter sends no faster than rate bytes per second, in pieces of about a
// tenth of a second, each flushed.
type pacedWriter struct {
	http.ResponseWriter
	ctx   context.Context
	rate  int64
	start time.Time
	sent  int64
}

// Unwrap lets http.ResponseController reach the real writer.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *pacedWriter) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		piece := b[:min(int64(len(b)), max(1, p.rate/10))]
		if err := p.await(p.sent + int64(len(piece))); err != nil {
			return written, err
		}
		n, err := p.ResponseWriter.Write(piece)
		written += n
		p.sent += int64(n)
		if err == nil {
			err = http.NewResponseController(p.ResponseWriter).Flush()
		}
		if err != nil {
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}

// await returns when the first total bytes are due.
func (p *pacedWriter) await(total int64) error {
	due := time.Duration(float64(total) / float64(p.rate) * float64(time.Second))
	timer := time.NewTimer(due - time.Since(p.start))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// serveEncoded answers N bytes of Content in a content coding; ?zeros=1 takes N
// zero bytes instead, which become a decompression bomb, and ?raw=1 leaves out
// the zlib wrapper of deflate.
func serveEncoded(c coding) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, err := sizeOf(r.PathValue("n"))
		if err != nil {
			badRequest(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Encoding", c.name)
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodHead {
			return
		}
		chosen := c
		if c.name == "deflate" && r.URL.Query().Get("raw") == "1" {
			chosen = rawDeflate()
		}
		var plain io.Reader = NewContent(n)
		if r.URL.Query().Get("zeros") == "1" {
			plain = io.LimitReader(zeros{}, n)
		}
		sendEncoded(w, chosen, plain)
	}
}

// sendEncoded streams; an error means that the client has gone.
func sendEncoded(w io.Writer, c coding, plain io.Reader) {
	encoder, err := c.encoder(w)
	if err != nil {
		panic(http.ErrAbortHandler) // nothing sensible can follow the header
	}
	if _, err := io.Copy(struct{ io.Writer }{encoder}, plain); err != nil {
		panic(http.ErrAbortHandler)
	}
	if err := encoder.Close(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// zeros reads zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
