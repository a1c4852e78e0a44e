package mail_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/mail"
	"utmsim/scanner"
	"utmsim/scanner/samples"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, head string
		want       []string
	}{
		{"none", "Content-Type: text/plain", nil},
		{"disposition", `Content-Disposition: attachment; filename="a.txt"`, []string{"a.txt"}},
		{"type", `Content-Type: image/png; name=a.png`, []string{"a.png"}},
		{"both, the disposition first", "Content-Type: image/png; name=b.png\nContent-Disposition: attachment; filename=a.png", []string{"a.png", "b.png"}},
		{"twice", `Content-Disposition: attachment; filename=a.txt; filename=b.exe`, []string{"a.txt", "b.exe"}},
		{"RFC 2231", `Content-Disposition: attachment; filename*=iso-8859-1'de'%C4rger.txt`, []string{"Ärger.txt"}},
		{"RFC 2231 in pieces, out of order", `Content-Disposition: attachment; filename*1="b.txt"; filename*0*=utf-8''a%20`, []string{"a b.txt"}},
		{"RFC 2231 beside the plain one", `Content-Disposition: attachment; filename=plain.txt; filename*=utf-8''fancy.txt`, []string{"fancy.txt", "plain.txt"}},
		{"RFC 2047", `Content-Disposition: attachment; filename="=?utf-8?Q?na=C3=AFve?=.txt"`, []string{"naïve.txt"}},
		{"RFC 2047, another charset", `Content-Type: x/y; name="=?koi8-r?B?89TP0A==?="`, []string{"Стоп"}},
		{"raw Latin-1", "Content-Type: x/y; name=\"\xc4rger\"", []string{"Ärger"}},
		{"quotes that do not end", `Content-Type: x/y; name="a.txt`, []string{"a.txt"}},
		{"quoted pairs", `Content-Type: x/y; name="a\"b.txt"`, []string{`a"b.txt`}},
		{"blanks around", `Content-Type: x/y; name = " a.txt " `, []string{"a.txt"}},
		{"control characters", "Content-Type: x/y; name=\"a\x00\x07.txt\"", []string{"a.txt"}},
		{"path", `Content-Disposition: attachment; filename="../a.txt"`, []string{"../a.txt"}},
		{"too long", "Content-Type: x/y; name=" + strings.Repeat("é", 900), []string{strings.Repeat("é", 500)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := walk(t, crlf(c.head+"\n\nhello\n"), true)
			assert.Equal(t, c.want, m.Parts[0].Names)
			if len(c.want) > 0 {
				assert.Equal(t, c.want[0], m.Parts[0].Object.Name)
			}
		})
	}
}

func TestPartial(t *testing.T) {
	for head, want := range map[string]*mail.Partial{
		"Content-Type: text/plain; id=x":                                         nil,
		"Content-Type: message/partial; id=\"a@b\"; number=2; total=3":           {ID: "a@b", Number: 2, Total: 3},
		"Content-Type: Message / Partial ; number=1":                             {Number: 1},
		"Content-Type: message/partial (x); number=-1; total=9999999999999; id=": {},
	} {
		m := walk(t, crlf(head+"\n\nSubject: x\n\nhello\n"), true)
		assert.Equal(t, want, m.Partial, head)
	}
}

func TestPartsOfAnHonestMessage(t *testing.T) {
	raw := crlf("From: a@lab.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\nThis is a multi-part message in MIME format.\n\n" +
		"--b\nContent-Type: text/plain\n\nHello\n" +
		"--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nQUJDRA==\n" +
		"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nhi\n" +
		"--b--\n")
	whole := object(raw, true)
	whole.Kind, whole.Name = scanner.Article, "article"
	m, err := mail.Walk(whole, mail.Limits{})
	require.NoError(t, err)
	defer m.Release()
	var got []string
	for i, o := range m.Objects() {
		p := &m.Parts[i]
		assert.Equal(t, scanner.Article, o.Kind)
		got = append(got, fmt.Sprintf("%s %s %q %q", p.Coding, o.ContentType, o.Name, content(t, p)))
	}
	assert.Equal(t, []string{
		`identity text/plain "" "Hello"`,
		`base64 application/pdf "a.pdf" "ABCD"`,
		`identity  "" "hi"`,
		`identity message/rfc822 "" "Subject: inner\r\n\r\nhi"`,
		fmt.Sprintf(`identity  "article" %q`, raw),
	}, got, "no part twice, and nothing for the sentence about MIME")
	p := m.Parts[1]
	assert.Equal(t, "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n", string(raw[p.Head.From:p.Head.To]))
	assert.Equal(t, "QUJDRA==", string(raw[p.Body.From:p.Body.To]))
}

func TestDecoders(t *testing.T) {
	for _, c := range []struct{ name, encoding, in, want string }{
		{"base64", "base64", "QUJD\nREVG", "ABCDEF"},
		{"base64, padding missing", "base64", "QUJDRA", "ABCD"},
		{"base64, one character too many", "base64", "QUJDR", "ABC"},
		{"base64, blanks and junk", "base64", "Q U\t*J\nD!", "ABC"},
		{"base64, in pieces", "base64", "QQ==QkM=", "ABC"},
		{"quoted-printable", "quoted-printable", "a=41=\n=4a=4A=zz=", "aAJJ=zz="},
		{"quoted-printable, soft breaks", "quoted-printable", "a= \t \nb=\n\nc", "ab\r\nc"},
		{"quoted-printable, cut", "quoted-printable", "a=4", "a=4"},
		{"quoted-printable, equals signs", "quoted-printable", "===41= x", "==A= x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := crlf("Content-Transfer-Encoding: " + c.encoding + "\n\n" + c.in)
			for _, flat := range []bool{true, false} {
				m := walk(t, raw, flat)
				var all []string
				for i := range m.Parts {
					all = append(all, content(t, &m.Parts[i]))
				}
				assert.Contains(t, all, c.want)
			}
		})
	}
}

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ name, in, file, want string }{
		{"uuencode", "begin 644 a.txt\n#0V%T\n`\nend\n", "a.txt", "Cat"},
		{"uuencode, checksums behind", "begin 644 a.txt\n#0V%TX\n`\nend\n", "a.txt", "Cat"},
		{"uuencode, blanks cut off", "begin 644 a.txt\n$0V%T\n \nend\n", "a.txt", "Cat\x00"},
		{"uuencode, junk between", "begin 644 a.txt\n\nx\x7f~\n#0V%T\nend\n", "a.txt", "Cat"},
		{"uuencode, another begins", "begin 644 a.txt\n#0V%T\nbegin 644 b.txt\nend\n", "a.txt", "Cat"},
		{"uuencode, name encoded", "begin-encoded 644 YS50eHQ=\n#0V%T\n`\nend\n", "YS50eHQ=", "Cat"},
		{"uuencode, base64, name encoded", "begin-base64-encoded 644 YS50eHQ=\nQ2F0\n====\n", "YS50eHQ=", "Cat"},
		{"uuencode, base64", "begin-base64 644 a.txt\nQ2F0\n====\n", "a.txt", "Cat"},
		{"yEnc", "=ybegin line=128 size=3 name=a b.txt\n\x6d\x8b\x9e\n=yend size=3\n", "a b.txt", "Cat"},
		{"yEnc, escapes", "=ybegin line=128 size=3 name=a.txt\n=\x6d=J=}\n=yend\n", "a.txt", "\x03\xe0\x13"},
		{"yEnc, no name", "=ybegin line=128 size=3\n\x6d\x8b\x9e\n=yend\n", "", "Cat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := walk(t, crlf("From: a@lab.test\n\nHello\n"+c.in+"Bye\n"), true)
			p := &m.Parts[0]
			assert.Contains(t, []mail.Coding{mail.UU, mail.YEnc, mail.Base64}, p.Coding)
			assert.Equal(t, c.file, p.Object.Name)
			assert.Equal(t, c.want, content(t, p))
		})
	}
	for _, in := range []string{"begin 644", "begin x a", "begin 64", "beginning 644 x", "begin 64x a", "begin  to work"} {
		m := walk(t, crlf("From: a@lab.test\n\n"+in+" \n#0V%T\nend\n"), true)
		assert.Equal(t, in == "begin 644", m.Parts[0].Coding == mail.UU, in)
	}
}

// TestBase64BehindTheBeginOfNothing: a line that only seems to begin a block hides nothing.
func TestBase64BehindTheBeginOfNothing(t *testing.T) {
	data := strings.Repeat("0123456789", 20)
	raw := crlf("Subject: x\n\nwe shall\nbegin 644 times\nover it all\n" + folded(base64.StdEncoding.EncodeToString([]byte(data)), 76) + "\n")
	for _, flat := range []bool{true, false} {
		m := walk(t, raw, flat)
		var all []string
		for i := range m.Parts {
			all = append(all, content(t, &m.Parts[i]))
		}
		assert.Contains(t, all, data)
	}
}

// TestDelimiterThatBeginsWithTheBoundary: RFC 2046 section 5.1.1 asks for no more than
// that, and some readers keep to it.
func TestDelimiterThatBeginsWithTheBoundary(t *testing.T) {
	raw := crlf("Content-Type: multipart/mixed; boundary=b\n\n--bb\nX-Any: y\n\nfirst\n--bb\nX-Any: z\n\n\x1f\x8bsecond\n--b--\n")
	m := walk(t, raw, true)
	var all []string
	for i := range m.Parts {
		all = append(all, content(t, &m.Parts[i]))
	}
	assert.Contains(t, all, "first")
	assert.Contains(t, all, "\x1f\x8bsecond")
}

func TestWalkBody(t *testing.T) {
	e := engine(t)
	for _, c := range []struct{ name, contentType, encoding, body string }{
		{"encoding known", "application/octet-stream", "base64", "{{base64-junk}}"},
		{"encoding unknown", "", "", "{{base64}}"},
		{"quoted-printable, unknown", "", "", "{{qp}}"},
		{"plain", "text/plain", "7bit", "{{eicar}}"},
		{"multipart", "multipart/mixed; boundary=b", "", "--b\nContent-Transfer-Encoding: base64\n\n{{base64-junk}}\n--b--\n"},
		{"multipart, unknown", "", "", "--b\nContent-Transfer-Encoding: base64\n\n{{base64-junk}}\n--b--\n"},
		{"uuencode", "text/plain", "", "begin 644 x\n{{uu}}\nend\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := filled(t, c.name, c.body, samples.EICAR())
			m, err := mail.WalkBody(object(raw, true), c.contentType, c.encoding, mail.Limits{})
			require.NoError(t, err)
			defer m.Release()
			assert.NotEmpty(t, detected(t, e, m))
		})
	}
}

func TestLimits(t *testing.T) {
	part := "--b\nContent-Type: text/plain\n\nhello\n"
	deep := func(n int) string {
		s := "Subject: x\n\nhello\n"
		for i := range n {
			s = fmt.Sprintf("Content-Type: multipart/mixed; boundary=d%d\n\n--d%d\n%s--d%d--\n", i, i, s, i)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		in     string
		limits mail.Limits
		want   mail.Excess
	}{
		{"parts, as many as allowed", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat(part, 9) + "--b--\n", mail.Limits{Parts: 10}, mail.WithinLimits},
		{"parts", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat(part, 10) + "--b--\n", mail.Limits{Parts: 10}, mail.TooManyParts},
		{"parts without number", "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 200_000), mail.Limits{}, mail.TooManyParts},
		{"blocks without number", "Subject: x\n\n" + strings.Repeat("begin 644 x\nend\n", 500_000), mail.Limits{}, mail.TooManyParts},
		{"depth, as deep as allowed", deep(8), mail.Limits{Depth: 8}, mail.WithinLimits},
		{"depth", deep(9), mail.Limits{Depth: 8}, mail.TooDeep},
		{"depth, messages", strings.Repeat("Content-Type: message/rfc822\n\n", 40), mail.Limits{}, mail.TooDeep},
		{"decoded", "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("QUJD", 500), mail.Limits{Decoded: 1499}, mail.TooMuchDecoded},
		{"decoded, as much as allowed", "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("QUJD", 500), mail.Limits{Decoded: 1500}, mail.WithinLimits},
		{"head", "Content-Type: text/plain;\n" + strings.Repeat(" x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy;\n", 3000) + "\nhello\n", mail.Limits{}, mail.HeadTooLong},
		{"a line of a head", "Content-Type: text/plain; x=" + strings.Repeat("y", 20_000) + "; boundary=b\n\n--b\nX-Any: y\n\nhello\n--b--\n", mail.Limits{}, mail.HeadTooLong},
		{"a folded line of a head", "Content-Type: text/plain;\n x=" + strings.Repeat("y", 20_000) + "; boundary=b\n\nhello\n", mail.Limits{}, mail.HeadTooLong},
		{"a line of a head that says nothing about content", "Subject: " + strings.Repeat("y", 20_000) + "\n\nhello\n", mail.Limits{}, mail.WithinLimits},
		{"work in a head", strings.Repeat("Content-Type: "+strings.Repeat("x", 1000)+"\n", 60) + strings.Repeat("--x\n", 10_000), mail.Limits{}, mail.TooMuchWork},
		{"work", nestedText(30, 200<<10), mail.Limits{}, mail.TooMuchWork},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := mail.Walk(object(crlf(c.in), true), c.limits)
			require.NoError(t, err)
			defer m.Release()
			assert.Equal(t, c.want, m.Exceeded, m.Exceeded.String())
			assert.True(t, m.Parts[len(m.Parts)-1].Whole(), "the message itself is always there")
		})
	}
}

// nestedText is a text that is taken for a part inside a part, n times over.
func nestedText(n, size int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "Content-Type: text/plain\n\n--x%d\n", i)
	}
	return s.String() + "Content-Type: text/plain\n\n" + strings.Repeat("hello hello\n", size/12)
}

func TestPartLargerThanAChunk(t *testing.T) {
	data := strings.Repeat("0123456789", 30_000) + string(samples.EICAR())
	raw := crlf("Content-Type: application/x; name=big\nContent-Transfer-Encoding: base64\n\n" + folded(base64.StdEncoding.EncodeToString([]byte(data)), 76) + "\n")
	m := walk(t, raw, false)
	require.Len(t, m.Parts, 2)
	assert.Nil(t, m.Parts[0].Object.Flat)
	assert.Equal(t, data, content(t, &m.Parts[0]))
	assert.Len(t, detected(t, engine(t), m), 1)
}
