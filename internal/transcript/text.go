package transcript

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"utmsim/scanner/samples"
)

// bytes puts the text of a step into bytes.
func (p *player) bytes(text string) []byte {
	if text == "" {
		return nil
	}
	var b bytes.Buffer
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		open := strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`)
		line = escapes.ReplaceAllStringFunc(strings.TrimSuffix(line, `\`), unescape)
		b.WriteString(macros.ReplaceAllStringFunc(line, func(m string) string { return p.macro(m[1 : len(m)-1]) }))
		if !open {
			b.WriteString("\r\n")
		}
	}
	return b.Bytes()
}

var (
	escapes = regexp.MustCompile(`\\(r|n|t|\\|x[0-9a-fA-F]{2})`)
	macros  = regexp.MustCompile(`\{[^{}]+\}`)
)

func unescape(e string) string {
	s, _, _, err := strconv.UnquoteChar(e, 0)
	if err != nil {
		return e
	}
	return string([]byte{byte(s)})
}

// macro is what stands for the words in a pair of braces.
func (p *player) macro(m string) string {
	if what, times, ok := strings.Cut(m, "*"); ok {
		n, err := strconv.Atoi(times)
		require.NoError(p.t, err, m)
		return strings.Repeat(unescapeAll(what), n)
	}
	if text, ok := p.dataMacro(m); ok {
		return text
	}
	verb, of, ok := strings.Cut(m, " ")
	if m == "origin" {
		return p.Origin.Addr().String()
	}
	if !ok {
		require.Equal(p.t, "eicar", m, "unknown words in braces")
		return string(samples.EICAR())
	}
	x := p.macro(of)
	switch verb {
	case "zip":
		return string(samples.Zip(samples.File{Name: "eicar.com", Data: []byte(x)}))
	case "base64":
		return folded(base64.StdEncoding.EncodeToString([]byte(x)), 76)
	case "quoted":
		return quoted(x)
	case "uu":
		return uuencoded(x)
	case "crlf":
		return strings.ReplaceAll(x, "\n", "\r\n")
	case "first":
		return x[:len(x)/2]
	case "second":
		return x[len(x)/2:]
	case "len":
		return strconv.Itoa(len(x))
	}
	require.Fail(p.t, "unknown words in braces", m)
	return ""
}

func unescapeAll(s string) string { return escapes.ReplaceAllStringFunc(s, unescape) }

// folded cuts text into lines.
func folded(s string, length int) string {
	var b strings.Builder
	for len(s) > length {
		b.WriteString(s[:length] + "\r\n")
		s = s[length:]
	}
	return b.String() + s
}

// quoted is quoted-printable with every other character coded, and soft line
// breaks.
func quoted(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i%2 == 0 || s[i] == '=' {
			fmt.Fprintf(&b, "=%02X", s[i])
		} else {
			b.WriteByte(s[i])
		}
		if i%30 == 29 {
			b.WriteString("=\r\n")
		}
	}
	return b.String()
}

// uuencoded is a uuencode block with its begin and end lines.
func uuencoded(s string) string {
	var b strings.Builder
	b.WriteString("begin 644 eicar.com\r\n")
	for len(s) > 0 {
		n := min(len(s), 45)
		b.WriteByte(uuChar(byte(n)))
		for group := s[:n]; len(group) > 0; {
			var three [3]byte
			group = group[copy(three[:], group):]
			v := uint(three[0])<<16 | uint(three[1])<<8 | uint(three[2])
			for shift := 18; shift >= 0; shift -= 6 {
				b.WriteByte(uuChar(byte(v >> shift & 63)))
			}
		}
		b.WriteString("\r\n")
		s = s[n:]
	}
	fmt.Fprintf(&b, "%c\r\nend", uuChar(0))
	return b.String()
}

// uuChar is the character for six bits; a blank would be lost at line ends.
func uuChar(six byte) byte {
	if six == 0 {
		return '`'
	}
	return ' ' + six
}
