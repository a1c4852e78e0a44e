package mail_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/protocols/mail"
	"utmsim/scanner/samples"
)

const removed = "The file \"eicar.com\" has been removed."

// replaced is raw with a notice in the place of parts.
func replaced(t require.TestingT, raw []byte, notice string, parts ...*mail.Part) []byte {
	var list []mail.Replacement
	for _, p := range parts {
		list = append(list, mail.Replacement{Part: p, Notice: notice})
	}
	pieces, err := mail.Replace(bytes.NewReader(raw), int64(len(raw)), list...)
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := pieces.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, pieces.Size(), n)
	require.Equal(t, int(n), out.Len())
	return out.Bytes()
}

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// TestCorpusIsDisarmed: with a notice in the place of what was found nothing is
// found any more, the notice is there to be read, and what surrounds it is as it
// was.
func TestCorpusIsDisarmed(t *testing.T) {
	e := engine(t)
	for _, msg := range messages(t, samples.EICAR()) {
		t.Run(msg.name, func(t *testing.T) {
			found := detected(t, e, walk(t, msg.raw, true))
			if !found[0].Whole() { // the message itself is only then replaced when nothing smaller can be
				for len(found) > 1 && found[len(found)-1].Whole() {
					found = found[:len(found)-1]
				}
			}
			from, to := int64(len(msg.raw)), int64(0)
			for _, p := range found {
				from, to = min(from, p.Head.From, p.Body.From), max(to, p.Body.To)
			}
			out := replaced(t, msg.raw, removed, found...)
			if !found[0].Whole() {
				assert.Equal(t, string(msg.raw[:from]), string(out[:from]))
				assert.True(t, bytes.HasSuffix(out, msg.raw[to:]))
			}
			m := walk(t, out, true)
			assert.Empty(t, detected(t, e, m), "%s", out)
			shown := bytes.Contains(out, []byte(removed))
			for i := range m.Parts {
				shown = shown || strings.Contains(content(t, &m.Parts[i]), removed) && !m.Parts[i].Whole()
			}
			assert.True(t, shown, "the notice can be read: %s", out)
		})
	}
}

func TestReplace(t *testing.T) {
	const top = "From: a@lab.test\nSubject: x\nMIME-Version: 1.0\n"
	const notice = "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\nContent-Disposition: inline\n"
	const uuBlock = "begin 644 eicar.com\n#0V%T\n`\nend\n"
	for _, c := range []struct {
		name, in string
		part     int
		notice   string
		want     string
	}{
		{
			"the only part", top + "Content-Type: application/x;\n name=y\nX-A: b\nContent-Transfer-Encoding: base64\n\nQUJD\n", 0, "gone\r\nfor good",
			top + notice + "X-A: b\n\ngone\nfor good\n",
		},
		{
			"the only part, without a head about content", "From: a@lab.test\n\nhello\n", 0, "gone",
			"From: a@lab.test\n" + notice + "MIME-Version: 1.0\n\ngone\n",
		},
		{
			"no head at all", "\nhello\n", 0, "gone", notice + "MIME-Version: 1.0\n\ngone\n",
		},
		{
			"a leaf", top + "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\nhello\n--b\ncontent-type: x/y\nContent-ID: <1>\nContent-Disposition: attachment\n\nDATA\nDATA\n\n--b--\nepi\n", 1, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\nhello\n--b\n" + notice + "Content-ID: <1>\n\ngone\n--b--\nepi\n",
		},
		{
			"a leaf without a body", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: x/y; name=z\n\n--b--\n", 0, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + notice + "\ngone\n--b--\n",
		},
		{
			"a leaf whose head does not end", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: x/y; name=z\nX-A: b\n--b--\n", 0, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + notice + "X-A: b\n\ngone\n--b--\n",
		},
		{
			"lines that are no fields go with the content", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nX-A: b\nwhat is this\n and this\nX-C: d\n\nDATA\n--b--\n", 0, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nX-A: b\nX-C: d\n" + notice + "\ngone\n--b--\n",
		},
		{
			"a uuencode block in a text", top + "\nHello\n\n" + uuBlock + "\nBye\n", 0, "gone", top + "\nHello\n\ngone\n\nBye\n",
		},
		{
			"a uuencode block in quoted-printable", top + "Content-Transfer-Encoding: quoted-printable\n\nHello\n" + uuBlock + "Bye=20\n", 0, "a=b \xc3\xaf",
			top + "Content-Transfer-Encoding: quoted-printable\n\nHello\na=3Db =C3=AF\nBye=20\n",
		},
		{
			"a uuencode block behind the parts", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b--\n\nxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" + uuBlock, 1, "-- na\u00efve\nbegin 644 x",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b--\n\nxxxxxxxxxxxxxxxxxxxxxxxxxxx\n -- na?ve\n begin 644 x\n",
		},
		{
			"the part of a nested message", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: x/y\n\nDATA\n--b--\n", 0, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n" + notice + "\ngone\n--b--\n",
		},
		{
			"a nested message", top + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: inner\nContent-Type: x/y\n\nDATA\n--b--\n", 1, "gone",
			top + "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + notice + "\ngone\n--b--\n",
		},
		{
			"text in another alphabet", top + "\nhello\n", 0, "weg: Stra\u00dfe",
			top + strings.ReplaceAll(strings.ReplaceAll(notice, "us-ascii", "utf-8"), "7bit", "base64") + "\nd2VnOiBTdHJhw59lDQo=\n",
		},
		{
			"the message itself", "From a@lab.test Thu\nReceived: x\n by y\nFrom: a@lab.test\nSubject: z\nTo: b\n\nhello\n", 1, "gone",
			"Received: x\n by y\nFrom: a@lab.test\nTo: b\n" + notice + "MIME-Version: 1.0\n\ngone\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := crlf(c.in)
			m := walk(t, raw, true)
			require.Greater(t, len(m.Parts), c.part)
			out := replaced(t, raw, c.notice, &m.Parts[c.part])
			assert.Equal(t, string(crlf(c.want)), string(out))
		})
	}
}

func TestReplaceKeepsLineEnds(t *testing.T) {
	for _, end := range []string{"\n", "\r"} {
		raw := []byte(strings.ReplaceAll("From: a@lab.test\nMIME-Version: 1.0\n\nbegin 644 x\n#0V%T\nend\n", "\n", end))
		m := walk(t, raw, true)
		require.Equal(t, mail.UU, m.Parts[0].Coding)
		want := strings.ReplaceAll("From: a@lab.test\nMIME-Version: 1.0\n\na\nb\n", "\n", end)
		assert.Equal(t, want, string(replaced(t, raw, "a\nb", &m.Parts[0])))
	}
}

func TestReplaceSeveralParts(t *testing.T) {
	raw := crlf("Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n--b\n\none\n--b\n\nbegin 644 x\n#0V%T\nend\n--b\n\nthree\n--b--\n")
	m := walk(t, raw, true)
	require.Len(t, m.Parts, 5)
	out := replaced(t, raw, "gone", &m.Parts[3], &m.Parts[2], &m.Parts[1], &m.Parts[1])
	again := walk(t, out, true)
	require.Len(t, again.Parts, 4)
	assert.Equal(t, []string{"one", "gone", "gone"}, []string{content(t, &again.Parts[0]), content(t, &again.Parts[1]), content(t, &again.Parts[2])})
}

func TestReplaceBodyWithoutHead(t *testing.T) {
	for encoding, want := range map[string]string{"": "x=\u003f\r\n", "base64": "eD3Drw0K\r\n", "quoted-printable": "x=3D=C3=AF\r\n"} {
		raw := []byte("QUJD\r\n")
		m, err := mail.WalkBody(object(raw, true), "application/octet-stream", encoding, mail.Limits{})
		require.NoError(t, err)
		assert.Equal(t, want, string(replaced(t, raw, "x=\u00ef", &m.Parts[0])), encoding)
		m.Release()
	}
}

func TestReplaceReportsReadErrors(t *testing.T) {
	raw := crlf("From: a@lab.test\n\nhello\n")
	m := walk(t, raw, true)
	_, err := mail.Replace(bytes.NewReader(raw[:5]), int64(len(raw)), mail.Replacement{Part: &m.Parts[0], Notice: "x"})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = mail.Walk(object(raw[:5], false), mail.Limits{})
	require.NoError(t, err)
	short := object(raw, false)
	short.Body = bytes.NewReader(raw[:5])
	_, err = mail.Walk(short, mail.Limits{})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// TestReplaceKeepsAllOtherBytes: in a message with any parts, replacing one leaves
// Go's own reader the same other parts, byte by byte, and the notice.
func TestReplaceKeepsAllOtherBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([ -~]{0,40}\r\n){0,4}[a-z]{0,3}`)
		var raw strings.Builder
		raw.WriteString("From: a@lab.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"q7q7q7\"\r\n\r\n" + text.Draw(t, "preamble") + "\r\n")
		n := rapid.IntRange(1, 5).Draw(t, "parts")
		for range n {
			fmt.Fprintf(&raw, "--q7q7q7\r\nX-Field: %s\r\nContent-Type: %s\r\n\r\n%s\r\n", rapid.StringMatching(`[a-z ]{0,20}`).Draw(t, "field"),
				rapid.SampledFrom([]string{"text/plain", "image/png", "text/html; charset=utf-8", "application/pdf; name=\"a b.pdf\""}).Draw(t, "type"), text.Draw(t, "body"))
		}
		raw.WriteString("--q7q7q7--\r\n" + text.Draw(t, "epilogue"))
		in := []byte(raw.String())
		m, err := mail.Walk(object(in, rapid.Bool().Draw(t, "flat")), mail.Limits{})
		require.NoError(t, err)
		defer m.Release()
		var leaves []*mail.Part
		for i := range m.Parts {
			if p := &m.Parts[i]; p.Coding == mail.Identity && !p.Whole() && p.Head.Len() > 0 {
				leaves = append(leaves, p)
			}
		}
		if len(leaves) == 0 {
			return // bodies without a byte are no parts
		}
		p := leaves[rapid.IntRange(0, len(leaves)-1).Draw(t, "replaced")]
		out := replaced(t, in, removed, p)
		require.Equal(t, string(in[:p.Head.From]), string(out[:p.Head.From]))
		require.True(t, bytes.HasSuffix(out, in[p.Body.To:]))
		before, after := goParts(t, in), goParts(t, out)
		require.Len(t, after, n)
		changed := 0
		for i := range before {
			if before[i] == after[i] {
				continue
			}
			changed++
			require.True(t, strings.HasSuffix(after[i], "\n"+removed), "%q", after[i])
		}
		require.Equal(t, 1, changed)
	})
}

// goParts are the parts of a message as Go's own reader sees them.
func goParts(t require.TestingT, raw []byte) (list []string) {
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	require.NoError(t, err)
	r := multipart.NewReader(msg.Body, "q7q7q7")
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return list
		}
		require.NoError(t, err)
		body, err := io.ReadAll(p)
		require.NoError(t, err)
		list = append(list, fmt.Sprint(p.Header["X-Field"], p.Header["Content-Type"])+"\n"+string(body))
	}
}
