package transcript

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
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
		b.WriteString(p.words(escapes.ReplaceAllStringFunc(strings.TrimSuffix(line, `\`), unescape)))
		if !open {
			b.WriteString("\r\n")
		}
	}
	return measured(b.Bytes())
}

// Marks of bytes whose number stands before them.
const (
	markSize  = "\x00{"
	markEnd   = "\x00}"
	markBegin = "}\r\n"
)

// measured puts the sizes of literals where they are announced.
func measured(b []byte) []byte {
	for {
		at := bytes.Index(b, []byte(markSize))
		if at < 0 {
			return b
		}
		head, rest, _ := bytes.Cut(b[at+len(markSize):], []byte(markBegin))
		content, rest, _ := bytes.Cut(rest, []byte(markEnd))
		b = fmt.Appendf(bytes.Clone(b[:at]), "{%d%s%s%s%s", len(content), head, markBegin, content, rest)
	}
}

// words puts the words in braces together.
func (p *player) words(text string) string {
	return macros.ReplaceAllStringFunc(text, func(m string) string { return p.macro(m[1 : len(m)-1]) })
}

// Bytes puts text that is written as in a step into bytes.
func (r *Rig) Bytes(text string) []byte { return (&player{Rig: r}).bytes(text) }

var (
	escapes = regexp.MustCompile(`\\(r|n|t|\\|x[0-9a-fA-F]{2})`)
	macros  = regexp.MustCompile(`\{[^{}]+\}`)
	itself  = regexp.MustCompile(`^[0-9]*[+-]?$`) // the announcement of a literal
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
	switch {
	case m == "size", m == "size+":
		return markSize + strings.TrimPrefix(m, "size") + "}"
	case m == "end":
		return markEnd
	case itself.MatchString(m):
		return "{" + m + "}"
	}
	if what, times, ok := strings.Cut(m, "*"); ok {
		n, err := strconv.Atoi(times)
		require.NoError(p.t, err, m)
		return strings.Repeat(unescapeAll(what), n)
	}
	if text, ok := p.dataMacro(m); ok {
		return text
	}
	verb, of, ok := strings.Cut(m, " ")
	switch {
	case m == "origin":
		return p.Origin.Addr().String()
	case m == "worm":
		return string(samples.Worm())
	case m == "eicar":
		return string(samples.EICAR())
	case m == "port":
		return strconv.Itoa(p.Origin.Addr().(*net.TCPAddr).Port)
	case !ok:
		require.Fail(p.t, "unknown words in braces", m)
	case verb == "from":
		return p.from(of)
	}
	x := p.macro(of)
	switch verb {
	case "zip":
		return string(samples.Zip(samples.File{Name: "eicar.com", Data: []byte(x)}))
	case "gzip":
		return string(samples.Gzip([]byte(x)))
	case "base64":
		return folded(base64.StdEncoding.EncodeToString([]byte(x)), 76)
	case "quoted":
		return quoted(x)
	case "uu":
		return uuencoded(x)
	case "crlf":
		return strings.ReplaceAll(x, "\n", "\r\n")
	case "yenc":
		return yencoded(x)
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

// from is "N X": what X has from byte N on.
func (p *player) from(m string) string {
	count, of, _ := strings.Cut(m, " ")
	n, err := strconv.Atoi(count)
	require.NoError(p.t, err, m)
	return p.macro(of)[n:]
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

// yencoded is a yEnc block (yEnc draft 1.3) with its first and last line. Of the
// escapes that are left to the writer it uses that of a dot at the start of a line,
// so that no dot has to be stuffed.
func yencoded(s string) string {
	const length = 40
	var b strings.Builder
	fmt.Fprintf(&b, "=ybegin line=%d size=%d name=eicar.com\r\n", length, len(s))
	for i := range len(s) {
		c := s[i] + 42
		if c == 0 || c == '\n' || c == '\r' || c == '=' || c == '.' && i%length == 0 {
			b.WriteByte('=')
			c += 64
		}
		b.WriteByte(c)
		if i%length == length-1 || i == len(s)-1 {
			b.WriteString("\r\n")
		}
	}
	fmt.Fprintf(&b, "=yend size=%d", len(s))
	return b.String()
}
