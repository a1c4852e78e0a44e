package mail_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/mail"
	"utmsim/scanner"
	"utmsim/scanner/builtin"
	"utmsim/scanner/samples"
)

const corpus = "../../testdata/mail"

// harmless is a file of the same size and kind of bytes as the EICAR file.
var harmless = bytes.ReplaceAll(samples.EICAR(), []byte("X5O!"), []byte("Y5O!"))

// odd is a message of the corpus.
type odd struct {
	name string
	raw  []byte
}

// messages are the messages of the corpus with payload in them. In the files line
// ends are LF; the messages have CR LF unless the name says otherwise, and payload
// stands in them as {{encoding}}.
func messages(t testing.TB, payload []byte) (list []odd) {
	paths, err := filepath.Glob(corpus + "/*.eml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(p), ".eml")
		list = append(list, odd{name, filled(t, name, string(b), payload)})
	}
	return list
}

var placeholder = regexp.MustCompile(`\{\{[a-z0-9-]+\}\}`)

func filled(t testing.TB, name, text string, payload []byte) []byte {
	text = placeholder.ReplaceAllStringFunc(text, func(s string) string {
		return encoded(t, strings.Trim(s, "{}"), payload)
	})
	switch {
	case strings.HasSuffix(name, ".lf"):
	case strings.HasSuffix(name, ".cr"):
		text = strings.ReplaceAll(text, "\n", "\r")
	default:
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return []byte(text)
}

// encoded is what stands in the place of a placeholder, its line ends LF.
func encoded(t testing.TB, how string, payload []byte) string {
	b64 := base64.StdEncoding.EncodeToString(payload)
	switch how {
	case "eicar":
		return string(payload)
	case "base64":
		return folded(b64, 76)
	case "base64-4":
		return folded(b64, 4)
	case "base64-blanks":
		return strings.Join(strings.Split(folded(b64, 5), "\n"), " \t")
	case "base64-junk":
		return folded(b64[:10]+"*"+b64[10:20]+"-%"+b64[20:], 30)
	case "base64-junk-lines":
		return "\x00\x01\n" + folded(b64[:40], 20) + "\n!!!! ----\n" + b64[40:]
	case "base64-nopad":
		return strings.TrimRight(b64, "=")
	case "base64-pieces":
		return base64.StdEncoding.EncodeToString(payload[:10]) + "\n" + base64.StdEncoding.EncodeToString(payload[10:])
	case "base64-false-padding":
		return b64[:9] + "=" + b64[9:30] + "\n==\n" + b64[30:]
	case "base64-spaced":
		return folded(b64[:42], 42) + "\n\n\n" + b64[42:]
	case "base64-cut":
		return b64[:40] + "\n--" + b64[40:48] + "\n" + b64[48:]
	case "base64-cr-cut":
		return b64[:40] + "\r--" + b64[40:48] + "\r" + b64[48:]
	case "cut":
		return b64[40:48]
	case "cr":
		return "\r"
	case "nul":
		return "\x00"
	case "qp", "qp-lower":
		format := map[string]string{"qp": "=%02X", "qp-lower": "=%02x"}[how]
		var s string
		for i, c := range payload {
			if s += fmt.Sprintf(format, c); i%24 == 23 {
				s += "=\n"
			}
		}
		return s
	case "qp-blanks": // behind soft line breaks, and lines of nothing else
		return strings.ReplaceAll(encoded(t, "qp", payload), "=\n", "= \t\n=\n")
	case "qp-soft":
		return folded(strings.ReplaceAll(string(payload), "=", "=3D"), 7, "= \n")
	case "uu":
		return uu(payload)
	case "uu-trimmed":
		return strings.ReplaceAll(strings.ReplaceAll(uu(append(bytes.Clone(payload), 0, 0)), "`", " "), " \n", "\n")
	case "uu-qp":
		return strings.ReplaceAll(uu(payload), "=", "=3D")
	case "uu-base64":
		return folded(base64.StdEncoding.EncodeToString([]byte("begin 644 eicar.com\n"+uu(payload)+"\nend\n")), 76)
	case "yenc":
		return yenc(payload)
	case "yenc-1":
		return yenc(payload[:30])
	case "yenc-2":
		return yenc(payload[30:])
	case "zip":
		return folded(base64.StdEncoding.EncodeToString(samples.Zip(samples.File{Name: "eicar.com", Data: payload})), 76)
	case "gzip":
		return folded(base64.StdEncoding.EncodeToString(samples.Gzip(payload)), 76)
	case "message-base64":
		return folded(base64.StdEncoding.EncodeToString([]byte(inner(encoded(t, "base64-junk", payload)))), 76)
	case "message-qp":
		return strings.ReplaceAll(inner(encoded(t, "base64-junk", payload)), "=", "=3D")
	case "multipart-base64":
		return folded(base64.StdEncoding.EncodeToString([]byte("--b1\r\nContent-Transfer-Encoding: base64\r\n\r\n"+encoded(t, "base64-junk", payload)+"\r\n--b1--\r\n")), 76)
	case "deep":
		s := "Content-Transfer-Encoding: base64\n\n" + encoded(t, "base64-junk", payload) + "\n"
		for i := range 20 {
			s = fmt.Sprintf("Content-Type: multipart/mixed; boundary=d%d\n\n--d%d\n%s--d%d--\n", i, i, s, i)
		}
		return s
	}
	t.Fatalf("unknown placeholder %q", how)
	return ""
}

func inner(body string) string {
	return "Subject: inner\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name=eicar.com\nContent-Transfer-Encoding: base64\n\n" + body + "\n"
}

func folded(s string, n int, with ...string) string {
	end := "\n"
	if len(with) > 0 {
		end = with[0]
	}
	var lines []string
	for len(s) > n {
		lines, s = append(lines, s[:n]), s[n:]
	}
	return strings.Join(append(lines, s), end)
}

func uu(data []byte) string {
	var b strings.Builder
	char := func(v byte) { b.WriteByte("`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"[v&63]) }
	for len(data) > 0 {
		n := min(45, len(data))
		l := append(bytes.Clone(data[:n]), 0, 0)
		data = data[n:]
		char(byte(n))
		for i := 0; i < n; i += 3 {
			char(l[i] >> 2)
			char(l[i]<<4 | l[i+1]>>4)
			char(l[i+1]<<2 | l[i+2]>>6)
			char(l[i+2])
		}
		b.WriteByte('\n')
	}
	return b.String() + "`"
}

func yenc(data []byte) string {
	var b []byte
	for i, c := range data {
		c += 42
		if c == 0 || c == '\r' || c == '\n' || c == '=' {
			b = append(b, '=')
			c += 64
		}
		if b = append(b, c); i%40 == 39 {
			b = append(b, '\n')
		}
	}
	return string(b)
}

// object is a message as an object; with flat false it has to be read.
func object(raw []byte, flat bool) *scanner.Object {
	o := &scanner.Object{Kind: scanner.Mail, Size: int64(len(raw)), Body: bytes.NewReader(raw)}
	if flat {
		o.Flat = raw
	}
	return o
}

func engine(t testing.TB) scanner.Scanner {
	e, err := builtin.New()
	require.NoError(t, err)
	return e
}

// detected are the parts of a message in which the engine finds something.
func detected(t testing.TB, e scanner.Scanner, m *mail.Message) (list []*mail.Part) {
	for i := range m.Parts {
		v, err := e.Scan(context.Background(), &m.Parts[i].Object)
		require.NoError(t, err)
		if v.Class.Detection() {
			list = append(list, &m.Parts[i])
		}
	}
	return list
}

func walk(t testing.TB, raw []byte, flat bool) *mail.Message {
	m, err := mail.Walk(object(raw, flat), mail.Limits{})
	require.NoError(t, err)
	t.Cleanup(m.Release)
	return m
}

// expected is what corpus.txt says about each message: how the first part in which
// something is found is encoded ("whole" for the message itself), and its names.
func expected(t testing.TB) map[string]string {
	b, err := os.ReadFile(corpus + "/corpus.txt")
	require.NoError(t, err)
	list := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && line[0] != '#' {
			list[name] = rest
		}
	}
	return list
}

func described(p *mail.Part) string {
	if p.Whole() {
		return "whole"
	}
	return strings.TrimSpace(p.Coding.String() + " " + strings.Join(p.Names, ", "))
}

func TestCorpusIsFound(t *testing.T) {
	e := engine(t)
	want := expected(t)
	for _, msg := range messages(t, samples.EICAR()) {
		t.Run(msg.name, func(t *testing.T) {
			require.Contains(t, want, msg.name, "corpus.txt has a line for each message")
			for _, flat := range []bool{true, false} {
				m := walk(t, msg.raw, flat)
				found := detected(t, e, m)
				require.NotEmpty(t, found, "%s", msg.raw)
				assert.Equal(t, want[msg.name], described(found[0]))
				assert.Equal(t, mail.WithinLimits, m.Exceeded)
				assert.True(t, m.Parts[len(m.Parts)-1].Whole())
			}
		})
	}
}

func TestCorpusWithHarmlessFileIsClean(t *testing.T) {
	e := engine(t)
	for _, msg := range messages(t, harmless) {
		m := walk(t, msg.raw, true)
		assert.Empty(t, detected(t, e, m), msg.name)
		assert.LessOrEqual(t, len(m.Parts), 12, "%s: few parts, though some were read twice", msg.name)
	}
}

func TestFlatIsReadLikeTheRest(t *testing.T) {
	for _, msg := range messages(t, samples.EICAR()) {
		a, b := walk(t, msg.raw, true), walk(t, msg.raw, false)
		require.Equal(t, len(a.Parts), len(b.Parts), msg.name)
		for i := range a.Parts {
			assert.Equal(t, content(t, &a.Parts[i]), content(t, &b.Parts[i]), msg.name)
			assert.Equal(t, a.Parts[i].Body, b.Parts[i].Body, msg.name)
		}
	}
}

// content reads a part through its Body and checks that Flat says the same.
func content(t testing.TB, p *mail.Part) string {
	b := make([]byte, p.Object.Size)
	n, err := p.Object.Body.ReadAt(b, 0)
	if err != io.EOF {
		require.NoError(t, err)
	}
	require.Equal(t, len(b), n)
	if p.Object.Flat != nil {
		require.Equal(t, string(p.Object.Flat), string(b))
	}
	return string(b)
}
