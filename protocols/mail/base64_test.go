package mail

import (
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// oneByOne decodes as base64Decoder says that it does, a character at a time.
func oneByOne(text string, through bool) (out []byte, stats base64Stats) {
	var group []byte
	padded := false
	end := func() {
		if n := len(group); n > 1 {
			for len(group) < 4 {
				group = append(group, 0)
			}
			v := uint32(group[0])<<18 | uint32(group[1])<<12 | uint32(group[2])<<6 | uint32(group[3])
			out = append(out, []byte{byte(v >> 16), byte(v >> 8), byte(v)}[:n-1]...)
		}
		group = nil
	}
	for i := range len(text) {
		switch v := base64Values[text[i]]; {
		case v < 64:
			stats.padding = stats.padding || padded
			padded = false
			if group = append(group, v); len(group) == 4 {
				end()
			}
		case v == b64Pad:
			padded = true
			if !through {
				end()
			}
		case v == b64Junk:
			stats.junk = true
		}
	}
	end()
	return out, stats
}

// decoded is what the decoder makes of text that comes in two pieces.
func decoded(t require.TestingT, text string, cut int, through bool, limit int64) ([]byte, base64Stats) {
	a := arena{limit: limit}
	defer a.release()
	d := base64Decoder{out: &a, through: through}
	d.write([]byte(text[:cut]))
	d.write([]byte(text[cut:]))
	d.end()
	got := make([]byte, a.n)
	_, err := a.ReadAt(got, 0)
	require.True(t, err == nil || err == io.EOF)
	return got, d.stats
}

// Whatever lines there are, the short cuts for whole lines and whole groups find what
// looking at each character finds.
func TestBase64ShortCutsAgree(t *testing.T) {
	ends := rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\n", "\r", " \r\n", "", "=\r\n", "!\r\n", "\r\n\r\n", "\x00", "\xff\r\n"})
	widths := rapid.SampledFrom([]int{76, 76, 76, 64, 72, 32, 36, 28, 4, 75, 1000, 1024, 1100})
	rapid.Check(t, func(t *rapid.T) {
		digits := base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 3, 60).Draw(t, "content"))
		digits = strings.Repeat(strings.TrimRight(digits, "="), 1200)
		var text strings.Builder
		for range rapid.IntRange(1, 8).Draw(t, "stretches") {
			width, end := widths.Draw(t, "width"), ends.Draw(t, "end")
			from := rapid.IntRange(0, 3).Draw(t, "from")
			for range rapid.IntRange(1, 120).Draw(t, "lines") {
				text.WriteString(digits[from:from+width] + end)
			}
			if rapid.Bool().Draw(t, "odd") {
				text.WriteByte(rapid.Byte().Draw(t, "byte"))
			}
		}
		in := text.String()
		cut := rapid.IntRange(0, len(in)).Draw(t, "cut")
		through := rapid.Bool().Draw(t, "through")
		want, wantStats := oneByOne(in, through)
		got, stats := decoded(t, in, cut, through, 1<<20)
		require.Equal(t, string(want), string(got))
		require.Equal(t, wantStats, stats)
		limit := rapid.Int64Range(0, int64(len(want))).Draw(t, "limit")
		got, stats = decoded(t, in, cut, through, limit)
		require.Equal(t, string(want[:limit]), string(got))
		require.Equal(t, wantStats, stats)
	})
}

// A character that is no digit is seen at each place of a line.
func TestBase64SeesJunkAnywhere(t *testing.T) {
	for width := 32; width <= 100; width += 4 {
		lines := strings.Repeat(strings.Repeat("Qx+/", width/4)+"\r\n", 3)
		for at := range len(lines) {
			for _, c := range []string{"\x00", "!", "-", ".", ":", "@", "[", "_", "{", "\x80", "\xab", "\xff"} {
				in := lines[:at] + c + lines[at+1:]
				want, wantStats := oneByOne(in, false)
				got, stats := decoded(t, in, 0, false, 1<<20)
				require.Equal(t, string(want), string(got), "%q at %d of %d", c, at, width)
				require.Equal(t, wantStats, stats, "%q at %d of %d", c, at, width)
			}
		}
	}
}
