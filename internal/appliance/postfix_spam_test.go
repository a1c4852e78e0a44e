package appliance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPostfixSpam: what Postfix gets is the mail with its mark and nothing else, in
// the framing of DATA and of chunks; of a discarded mail it gets nothing.
func TestPostfixSpam(t *testing.T) {
	s, p := newPostfixSite(t, "config firewall policy\n    edit 2\n        set spamfilter-profile lab\n    next\nend\n")
	body := postfixText("lottery", "text\r\n.\r\n..\r\n"+strings.Repeat("0123456789\r\n", 10_000))
	stuffed := strings.ReplaceAll(body, "\r\n.", "\r\n..")
	want := strings.ReplaceAll(strings.Replace(body, "Subject: lottery", "Subject: Spam lottery", 1), "\r\n", "\n")
	require.Contains(t, want, "Subject: Spam lottery")
	half := len(body) / 2
	chunks := fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", half, body[:half], len(body)-half, body[half:])
	for _, said := range []struct {
		words string
		codes []int
	}{
		{"DATA\r\n", []int{354}},
		{chunks, []int{250, 250}},
	} {
		c := s.dialSMTP()
		c.begin("x@client.test")
		c.send(said.words)
		for _, code := range said.codes {
			c.expect(code)
		}
		if said.codes[0] == 354 {
			c.send(stuffed + ".\r\n")
			c.expect(250)
		}
		c.send("QUIT\r\n")
		c.expect(221)
		require.NoError(t, c.raw.Close())
		mails := p.take()
		require.Len(t, mails, 1)
		assert.Equal(t, want, mails[0].content)
	}
	s.exec("config spamfilter profile", "edit lab", "config smtp", "set action discard", "end", "end")
	c := s.dialSMTP()
	c.begin("x@client.test")
	c.dialogue("DATA\r\n", 354, stuffed+".\r\n", 554, "QUIT\r\n", 221)
	require.NoError(t, c.raw.Close())
	assert.Empty(t, p.take())
}
