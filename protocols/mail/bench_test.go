package mail_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"utmsim/protocols/mail"
)

func BenchmarkWalk(b *testing.B) {
	head := "From: alice@lab.test\nTo: bob@lab.test\nSubject: x\nDate: Thu, 1 Oct 2026 10:00:00 +0000\nMIME-Version: 1.0\n"
	body := make([]byte, 3<<18)
	for i := range body {
		body[i] = byte(i * 7)
	}
	b64 := folded(base64.StdEncoding.EncodeToString(body), 76)
	text := strings.Repeat("This is a line of text, as people write them to each other.\n", 70)
	for _, c := range []struct {
		name, in string
		flat     bool
	}{
		{"text-4KiB", head + "Content-Type: text/plain\n\n" + text[:4<<10], true},
		{"attachment-4KiB", head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + text[:1<<10] + "\n--b\nContent-Type: application/pdf; name=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\n" + b64[:3<<10] + "\n--b--\n", true},
		{"base64-1MiB", head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n--b\nContent-Type: application/pdf; name=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\n" + b64 + "\n--b--\n", false},
		{"text-1MiB", head + "\n" + strings.Repeat(text, 250), false},
		{"undeclared-1MiB", head + "\n" + b64, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			raw := crlf(c.in)
			o := object(raw, c.flat)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				m, err := mail.Walk(o, mail.Limits{})
				if err != nil || m.Exceeded != mail.WithinLimits {
					b.Fatal(err, m.Exceeded)
				}
				m.Release()
			}
		})
	}
}

func BenchmarkReplace(b *testing.B) {
	raw := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n")
	m := walk(b, raw, true)
	b.ReportAllocs()
	for b.Loop() {
		p, err := mail.Replace(bytes.NewReader(raw), int64(len(raw)), mail.Replacement{Part: &m.Parts[0], Notice: removed})
		if err != nil || p.Size() == 0 {
			b.Fatal(err)
		}
	}
}
