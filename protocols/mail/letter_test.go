package mail

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner"
)

func letterOf(t *testing.T, text string) *Letter {
	l, err := ReadLetter(strings.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	return l
}

const received = "Received: from mx.test (mx.test [192.0.2.1])\r\n\tby here (x [192.0.2.99]) with SMTP; today\r\n" +
	"RECEIVED: from unknown (HELO x) (198.51.100.7) by mx.test\r\n" +
	"Received: from six (six [IPv6:2001:db8::7]) by y; now\r\n" +
	"Received: from mx.test ([192.0.2.1]) by z\r\n"

func TestLetter(t *testing.T) {
	l := letterOf(t, received+"From: \"A, B\" <Anna@Client.TEST>, c@client.test\r\nSender: nobody at all\r\n"+
		"Subject: =?utf-8?q?Caf=C3=A9?=\r\n =?iso-8859-1?q?_cr=E8me?=\r\nSubject: twice\r\n\r\nSubject: body\r\nFrom: x@y\r\n")
	assert.Equal(t, "Café crème twice", l.Subject)
	assert.Equal(t, []string{"anna@client.test", "c@client.test", "nobody at all"}, l.From)
	assert.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")}, l.Hops)
}

func TestMarks(t *testing.T) {
	long := strings.Repeat("x", 990)
	for _, c := range []struct{ mail, subject, header string }{
		{"Subject: hello\r\n\r\nbody", "Subject: Spam hello\r\n\r\nbody", "X-Spam: Spam\r\nSubject: hello\r\n\r\nbody"},
		{"A: b\nsubject :hello\n\nbody", "A: b\nsubject :Spam hello\n\nbody", "X-Spam: Spam\nA: b\nsubject :hello\n\nbody"},
		{"Subject:\r\n folded\r\n\r\n", "Subject:Spam \r\n folded\r\n\r\n", "X-Spam: Spam\r\nSubject:\r\n folded\r\n\r\n"},
		{"A: b\r\n\r\nSubject: body", "Subject: Spam\r\nA: b\r\n\r\nSubject: body", "X-Spam: Spam\r\nA: b\r\n\r\nSubject: body"},
		{"Subject: " + long + "\r\n\r\n", "Subject: Spam\r\n " + long + "\r\n\r\n", "X-Spam: Spam\r\nSubject: " + long + "\r\n\r\n"},
		{"", "Subject: Spam\r\n", "X-Spam: Spam\r\n"},
		{"Subject: Spam x\r\n", "Subject: Spam x\r\n", "X-Spam: Spam\r\nSubject: Spam x\r\n"},
	} {
		for header, want := range map[bool]string{false: c.subject, true: c.header} {
			got, err := Marked([]byte(c.mail), header, "Spam")
			require.NoError(t, err)
			assert.Equal(t, want, string(got))
		}
	}
	l := letterOf(t, "Subject: x\r\n\r\n")
	for mark, want := range map[string][2]string{
		"Weiß":            {"=?utf-8?q?Wei=C3=9F?= ", "X-Spam: =?utf-8?q?Wei=C3=9F?=\r\n"},
		"X-Bulk: yes":     {"X-Bulk: yes ", "X-Bulk: yes\r\n"},
		"not a name: yes": {"not a name: yes ", "X-Spam: not a name: yes\r\n"},
		".dot: yes":       {".dot: yes ", "X-Spam: .dot: yes\r\n"},
	} {
		_, subject := l.Mark(false, mark)
		_, field := l.Mark(true, mark)
		assert.Equal(t, want, [2]string{subject, field})
	}
}

func TestTexts(t *testing.T) {
	type Text struct {
		ContentType string
		Content     []byte
	}
	texts := func(mail string) (list []Text) {
		whole := &scanner.Object{Kind: scanner.Mail, Size: int64(len(mail)), Body: strings.NewReader(mail), Flat: []byte(mail)}
		m, err := Walk(whole, Limits{})
		require.NoError(t, err)
		defer m.Release()
		require.NoError(t, m.EachText(strings.NewReader(mail), 1000, func(contentType string, content []byte) error {
			list = append(list, Text{contentType, content})
			return nil
		}))
		return list
	}
	has := func(list []Text, want Text) {
		t.Helper()
		assert.Contains(t, list, want)
	}
	has(texts("Subject: x\r\n\r\nplain words\r\n"), Text{"", []byte("plain words\r\n")})
	has(texts("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nCaf=E9 f=\r\nree\r\n"), Text{"text/plain; charset=iso-8859-1", []byte("Caf\xe9 free\r\n")})
	parts := texts("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html;\r\n charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+d29yZHM8L2I+\r\n--b\r\nContent-Type: image/png\r\n\r\nwords in a picture\r\n--b\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nwords in a file\r\n--b--\r\n")
	has(parts, Text{"text/html; charset=\"utf-8\"", []byte("<b>words</b>")})
	for _, p := range parts {
		assert.NotContains(t, string(p.Content), "picture")
		assert.NotContains(t, string(p.Content), "file")
	}
}

func FuzzLetter(f *testing.F) {
	f.Add([]byte(received + "Subject: x\r\n y\r\nFrom: a@b\r\n\r\nbody"))
	f.Add([]byte("Subject:\n\n"))
	f.Add([]byte("ReCeived:\x80\x80\x80 BY "))
	f.Add([]byte(" \r\nSubject"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := ReadLetter(bytes.NewReader(text), int64(len(text)))
		require.NoError(t, err)
		for _, header := range []bool{false, true} {
			at, in := l.Mark(header, "Spam")
			out, err := Marked(bytes.Clone(text), header, "Spam")
			require.NoError(t, err)
			require.Equal(t, string(text), string(out[:at])+string(out[int(at)+len(in):]))
			again, err := ReadLetter(bytes.NewReader(out), int64(len(out)))
			require.NoError(t, err)
			if at > 0 {
				require.Contains(t, again.Subject, "Spam")
			}
		}
	})
}
