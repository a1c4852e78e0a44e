package appliance_test

import (
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// TestPostfixSmuggling: whatever stands around a dot, what Postfix delivers is what
// was accepted, and it is one mail. Without the proxy this Postfix takes line ends
// of any kind, so that some of the list are two mails for it.
func TestPostfixSmuggling(t *testing.T) {
	p := startPostfix(t)
	victims := 0
	for _, sequence := range smuggled() {
		if _, said := smuggle(t, p.address, postfixText("outer", "text")+sequence, false); !honestEnd(sequence) {
			if n := len(p.take()); n > 1 {
				t.Logf("without the proxy %q makes %d mails of one: %s", sequence, n, said)
				victims++
			}
		}
		p.take()
	}
	assert.Positive(t, victims, "the server is one that needs to be protected")
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		for _, sequence := range smuggled() {
			for _, pieces := range []bool{false, true} {
				accepted, said := smuggle(t, s.proxyOf("SMTP"), postfixText("outer", "text")+sequence, pieces)
				mails := p.take()
				require.Len(t, mails, accepted, "%q: each mail that was accepted is there once:\n%s", sequence, said)
				if honestEnd(sequence) {
					assert.Positive(t, accepted, "%q:\n%s", sequence, said)
					continue
				}
				assert.LessOrEqual(t, len(mails), 1, "%q: one mail in, one mail out:\n%s", sequence, said)
				for _, m := range mails {
					assert.Equal(t, "outer@client.test", m.from, "%q:\n%s", sequence, said)
					assert.Contains(t, m.content, "MAIL FROM:<inner@client.test>", "%q", sequence)
				}
			}
		}
		s.stop()
	}
}

// TestPostfixSmugglingInChunks: nothing in a chunk ends the message.
func TestPostfixSmugglingInChunks(t *testing.T) {
	p := startPostfix(t)
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		c := s.dialSMTP()
		c.send("EHLO client.test\r\n")
		c.expect(250)
		for _, sequence := range append(smuggled(), "\r\nBDAT 3 LAST\r\n", "\r\nRSET\r\n") {
			text := postfixText("outer", "text") + sequence + "MAIL FROM:<inner@client.test>\r\nRCPT TO:<bob@lab.test>\r\nBDAT 4 LAST\r\nx\r\n"
			half := strings.Index(text, sequence) + len(sequence)/2
			c.send("MAIL FROM:<outer@client.test>\r\nRCPT TO:<bob@lab.test>\r\n" +
				fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", half, text[:half], len(text)-half, text[half:]))
			for range 4 {
				c.expect(250)
			}
			mails := p.take()
			require.Len(t, mails, 1, "%q", sequence)
			assert.Equal(t, "outer@client.test", mails[0].from)
			assert.Contains(t, mails[0].content, "BDAT 4 LAST")
		}
		c.send("QUIT\r\n")
		c.expect(221)
		require.NoError(t, c.raw.Close())
		s.stop()
	}
}

// TestPostfixDotBehindBareLF: a server that takes a bare LF for a line end takes a
// dot behind it off, so that what it delivers is not what stands on the wire. The
// EICAR file that appears in this way is not let through.
func TestPostfixDotBehindBareLF(t *testing.T) {
	p := startPostfix(t)
	file := string(samples.EICAR())
	mail := strings.TrimSuffix(postfixText("dots", ""), "\r\n") + "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		file[:20] + "=\n." + file[20:] + "\r\n.\r\nQUIT\r\n"
	send := func(address string) (said string) {
		raw, err := net.DialTimeout("tcp", address, patience)
		require.NoError(t, err)
		defer raw.Close()
		require.NoError(t, raw.SetDeadline(time.Now().Add(patience)))
		c := &smtpClient{t: t, Conn: textproto.NewConn(raw), raw: raw}
		c.expect(220)
		c.begin("x@client.test")
		c.send("DATA\r\n")
		c.expect(354)
		c.send(mail)
		code, text, err := c.ReadResponse(0)
		require.NoError(t, err)
		return fmt.Sprint(code, " ", text)
	}
	infected := func(m postfixMail) bool {
		_, body, _ := strings.Cut(m.content, "\n\n")
		plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
		require.NoError(t, err)
		return strings.Contains(string(plain), file)
	}
	require.Contains(t, send(p.address), "250 ")
	mails := p.take()
	require.Len(t, mails, 1)
	require.True(t, infected(mails[0]), "without the proxy it arrives")
	for _, config := range []string{"", noSplice} {
		s := newRealTimeSite(t, mailServerBehind("lab-smtp", p.address)+config)
		assert.Contains(t, send(s.proxyOf("SMTP")), "554 5.6.0 ")
		for _, m := range p.take() {
			assert.False(t, infected(m), "%s", m.content)
		}
		s.stop()
	}
}
