package httpproxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"

	"utmsim/protocols/wire"
)

const (
	benchRequest = "GET /bytes/1024?page=7 HTTP/1.1\r\nHost: www.example.org:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n" +
		"Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n"
	benchResponse = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 1024\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\n" +
		"ETag: \"0123456789abcdef\"\r\nCache-Control: max-age=0\r\nServer: origin\r\n\r\n"
)

func BenchmarkParseRequestHead(b *testing.B) {
	in, h := []byte(benchRequest), new(head)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		h.reset(false)
		if done, err := h.parse(in); !done || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseResponseHead(b *testing.B) {
	in, h := []byte(benchResponse), new(head)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		h.reset(true)
		if done, err := h.parse(in); !done || err != nil {
			b.Fatal(err)
		}
	}
}

// Everything between the bytes of a request and the head its server gets.
func BenchmarkEditRequestHead(b *testing.B) {
	in, h, out := []byte(benchRequest), new(head), []byte(nil)
	var d draft
	b.ReportAllocs()
	for b.Loop() {
		h.reset(false)
		_, _ = h.parse(in)
		_, err := requestFraming(h)
		said, err2 := connectionOf(h, false)
		to, err3 := destinationOf(h)
		if err != nil || err2 != nil || err3 != nil {
			b.Fatal(err, err2, err3)
		}
		d.begin(h)
		d.hops(said, optionNone)
		d.retarget(to)
		out = d.apply(out[:0])
	}
}

func BenchmarkChunkedBody(b *testing.B) {
	var in bytes.Buffer
	for range 64 {
		in.WriteString("400\r\n")
		in.Write(make([]byte, 1024))
		in.WriteString("\r\n")
	}
	in.WriteString("0\r\n\r\n")
	src := &endless{data: in.Bytes()}
	conn := wire.NewConn(src)
	var body chunkedBody
	b.ReportAllocs()
	b.SetBytes(int64(in.Len()))
	for b.Loop() {
		body.begin(conn, 1<<10)
		for {
			if _, _, err := body.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// endless delivers the same data again and again.
type endless struct {
	script
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

// What the standard library needs for the same head, for comparison.
func BenchmarkStandardLibraryRequest(b *testing.B) {
	r := bytes.NewReader(nil)
	br := bufio.NewReader(r)
	b.ReportAllocs()
	for b.Loop() {
		r.Reset([]byte(benchRequest))
		br.Reset(r)
		if _, err := http.ReadRequest(br); err != nil {
			b.Fatal(err)
		}
	}
}
