package mail_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"utmsim/protocols/mail"
	"utmsim/scanner/samples"
)

// FuzzWalk: no message breaks the walk or costs more than the limits say, it is
// read alike however it lies in memory, and each part can be replaced with
// everything around it as it was.
func FuzzWalk(f *testing.F) {
	for _, msg := range messages(f, samples.EICAR()) {
		f.Add(msg.raw)
	}
	limits := mail.Limits{Parts: 40, Depth: 6, Decoded: 4 << 10}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := mail.Walk(object(raw, true), limits)
		require.NoError(t, err)
		defer m.Release()
		read, err := mail.Walk(object(raw, false), limits)
		require.NoError(t, err)
		defer read.Release()
		require.Equal(t, len(m.Parts), len(read.Parts))
		require.Equal(t, m.Exceeded, read.Exceeded)
		require.Equal(t, m.Partial, read.Partial)
		require.LessOrEqual(t, len(m.Parts), limits.Parts)
		require.True(t, m.Parts[len(m.Parts)-1].Whole())
		var decoded int64
		for i := range m.Parts {
			p := &m.Parts[i]
			if p.Coding != mail.Identity {
				decoded += p.Object.Size
			}
			require.Equal(t, content(t, p), content(t, &read.Parts[i]))
			checkSpots(t, raw, p)
		}
		require.LessOrEqual(t, decoded, limits.Decoded)
	})
}

// checkSpots replaces p and looks at what surrounds it.
func checkSpots(t *testing.T, raw []byte, p *mail.Part) {
	require.True(t, 0 <= p.Body.From && p.Body.From <= p.Body.To && p.Body.To <= int64(len(raw)), "%v", p.Body)
	require.True(t, 0 <= p.Head.From && p.Head.From <= p.Head.To && p.Head.To <= int64(len(raw)), "%v", p.Head)
	out := replaced(t, raw, "gone", p)
	if p.Whole() {
		return
	}
	from := min(p.Head.From, p.Body.From)
	require.Equal(t, string(raw[:from]), string(out[:from]))
	require.True(t, bytes.HasSuffix(out, raw[p.Body.To:]))
}

// FuzzWalkBody: the same for bodies without a head.
func FuzzWalkBody(f *testing.F) {
	f.Add([]byte("QUJD\r\n"), "text/plain", "base64")
	f.Add([]byte("--b\r\n\r\nx\r\n--b--"), "multipart/mixed; boundary=b", "7bit")
	f.Add([]byte("=41\r\n"), "", "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType, encoding string) {
		m, err := mail.WalkBody(object(raw, true), contentType, encoding, mail.Limits{Parts: 20})
		require.NoError(t, err)
		defer m.Release()
		require.LessOrEqual(t, len(m.Parts), 20)
		for i := range m.Parts {
			checkSpots(t, raw, &m.Parts[i])
		}
	})
}
