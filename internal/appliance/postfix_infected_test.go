package appliance_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// mailCarrier is a way a mail can carry a file.
type mailCarrier struct {
	name  string
	whole bool // nothing but the file is in it
	mail  func(file []byte) string
}

// mailCarriers are all of them. Lines end with CR LF.
func mailCarriers() []mailCarrier {
	attached := func(coding, body string) string {
		return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nkept text\r\n--b1\r\n" +
			"Content-Type: application/octet-stream; name=\"file.com\"\r\nContent-Transfer-Encoding: " + coding + "\r\n" +
			"Content-Disposition: attachment; filename=\"file.com\"\r\n\r\n" + body + "\r\n--b1--\r\n"
	}
	text := func(body string) string { return "\r\nkept text\r\n\r\n" + body + "\r\n\r\nmore text\r\n" }
	zipped := func(file []byte) []byte { return samples.Zip(samples.File{Name: "file.com", Data: file}) }
	return []mailCarrier{
		{"plain", true, func(f []byte) string { return "\r\n" + string(f) + "\r\n" }},
		{"plain attachment", false, func(f []byte) string { return attached("7bit", string(f)) }},
		{"base64", false, func(f []byte) string { return attached("base64", mailBase64(f)) }},
		{"base64, the whole mail", true, func(f []byte) string { return "Content-Transfer-Encoding: base64\r\n\r\n" + mailBase64(f) + "\r\n" }},
		{"quoted-printable", false, func(f []byte) string { return attached("quoted-printable", mailQuoted(f)) }},
		{"uuencode", false, func(f []byte) string { return text(mailUUencode(f)) }},
		{"yEnc", false, func(f []byte) string { return text(mailYEnc(f)) }},
		{"zip", false, func(f []byte) string { return attached("base64", mailBase64(zipped(f))) }},
		{"zip in zip", false, func(f []byte) string { return attached("base64", mailBase64(zipped(zipped(f)))) }},
		{"nested mail", false, func(f []byte) string {
			return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b2\"\r\n\r\n--b2\r\nContent-Type: message/rfc822\r\n\r\n" +
				"Subject: inner\r\n" + attached("base64", mailBase64(f)) + "--b2--\r\n"
		}},
		{"nested mail, encoded", false, func(f []byte) string {
			return attached("7bit", "kept") + "\r\n--b1\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
				mailBase64([]byte("Subject: inner\r\n"+attached("base64", mailBase64(f)))) + "\r\n--b1--\r\n"
		}},
	}
}

func mailBase64(data []byte) string {
	s, lines := base64.StdEncoding.EncodeToString(data), []string(nil)
	for len(s) > 76 {
		lines, s = append(lines, s[:76]), s[76:]
	}
	return strings.Join(append(lines, s), "\r\n")
}

// mailQuoted encodes every third byte, and breaks lines.
func mailQuoted(data []byte) string {
	var b strings.Builder
	for i, c := range data {
		if i%3 == 0 || c == '=' {
			fmt.Fprintf(&b, "=%02X", c)
		} else {
			b.WriteByte(c)
		}
		if i%20 == 19 {
			b.WriteString("=\r\n")
		}
	}
	return b.String()
}

func mailUUencode(data []byte) string {
	var b strings.Builder
	char := func(v byte) { b.WriteByte(' ' + (v-1)&63 + 1) } // a backquote stands for 0
	b.WriteString("begin 644 file.com\r\n")
	for len(data) > 0 {
		n := min(45, len(data))
		l := append(bytes.Clone(data[:n]), 0, 0)
		data = data[n:]
		char(byte(n))
		for i := 0; i < n; i += 3 {
			char(l[i] >> 2)
			char(l[i]<<4&63 | l[i+1]>>4)
			char(l[i+1]<<2&63 | l[i+2]>>6)
			char(l[i+2] & 63)
		}
		b.WriteString("\r\n")
	}
	return b.String() + "`\r\nend"
}

func mailYEnc(data []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "=ybegin line=128 size=%d name=file.com\r\n", len(data))
	for _, c := range data {
		switch c += 42; c {
		case 0, '\n', '\r', '=':
			b.Write([]byte{'=', c + 64})
		default:
			b.WriteByte(c)
		}
	}
	fmt.Fprintf(&b, "\r\n=yend size=%d crc32=%08x", len(data), crc32.ChecksumIEEE(data))
	return b.String()
}

// mailHarmless is a file like the EICAR file in which nothing is found.
func mailHarmless() []byte { return bytes.ReplaceAll(samples.EICAR(), []byte("X5O!"), []byte("Y5O!")) }

// TestPostfixInfected sends the EICAR file in everything that can carry it: with
// splice it is refused, without it is replaced in the mail that is delivered. The
// same mail with a harmless file passes as it is.
func TestPostfixInfected(t *testing.T) {
	curl := program(t, "curl", "--version")
	p := startPostfix(t)
	file := filepath.Join(t.TempDir(), "mail")
	for _, splice := range []bool{true, false} {
		config := ""
		if !splice {
			config = noSplice
		}
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		send := func(mail string) (string, error) {
			require.NoError(t, os.WriteFile(file, []byte(mail), 0o600))
			return attempt(t, curl, "-sS", "-v", "--max-time", "120", "smtp://"+s.proxyOf("SMTP")+"/client.test",
				"--mail-from", "alice@lab.test", "--mail-rcpt", "bob@lab.test", "-T", file)
		}
		carriers := mailCarriers()
		for _, c := range carriers {
			t.Run(fmt.Sprintf("%s, splice %t", c.name, splice), func(t *testing.T) {
				mail := func(payload []byte) string {
					return strings.TrimSuffix(postfixText(c.name, ""), "\r\n") + c.mail(payload)
				}
				clean := mail(mailHarmless())
				said, err := send(clean)
				require.NoError(t, err, said)
				mails := p.take()
				require.Len(t, mails, 1)
				assert.Equal(t, strings.ReplaceAll(clean, "\r\n", "\n"), mails[0].content)

				said, err = send(mail(samples.EICAR()))
				mails = p.take()
				if splice {
					require.Error(t, err)
					assert.Contains(t, said, "< 554 5.7.1 The ")
					assert.Contains(t, said, `is infected with the virus "EICAR_TEST_FILE"`)
					assert.Empty(t, mails)
					return
				}
				require.NoError(t, err, said)
				require.Len(t, mails, 1)
				assert.Contains(t, mails[0].content, "has been removed because of a virus")
				assert.NotContains(t, mails[0].content, strings.ReplaceAll(c.mail(samples.EICAR()), "\r\n", "\n"))
				if !c.whole {
					assert.Contains(t, mails[0].content, "kept")
				}
				head, _, _ := strings.Cut(strings.ReplaceAll(postfixText(c.name, ""), "\r\n", "\n"), "\n\n")
				assert.True(t, strings.HasPrefix(mails[0].content, head), "the header is as it was")
				_, err = send(strings.ReplaceAll(mails[0].content, "\n", "\r\n"))
				require.NoError(t, err, "the cleaned mail is clean")
				require.Equal(t, mails[0].content, p.take()[0].content)
			})
		}
		s.mailStat(protocols.SMTP, "Emails infected with viruses", int64(len(carriers)))
		s.invariants()
		s.stop()
	}
}

// mailStat waits until a line of a protocol's Stat block has a value.
func (s *site) mailStat(p protocols.Protocol, line string, want int64) {
	s.t.Helper()
	s.eventually(func() bool {
		got, ok := s.Engine().Report().Stat[p].Get(line)
		return ok && got == want
	}, "%s becomes %d", line, want)
}
