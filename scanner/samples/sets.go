package samples

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// Containers is f in every container that the builtin engine opens, each a file
// with the name that such a container has.
func Containers(f File) []File {
	other := File{"readme.txt", bytes.Repeat([]byte("Nothing to see here. "), 100)}
	return []File{
		f,
		{"a.zip", Zip(other, f)},
		{"stored.zip", StoredZip(other, f)},
		{"a.tar", Tar(other, f)},
		{f.Name + ".gz", Gzip(f.Data)},
		{"a.tgz", Gzip(Tar(other, f))},
		{f.Name + ".bz2", Bzip2(f.Data)},
		{"a.tar.bz2", Bzip2(Tar(other, f))},
		{f.Name + ".xz", Xz(f.Data)},
		{"a.tar.xz", Xz(Tar(other, f))},
		{f.Name + ".zst", Zstd(f.Data)},
		{"a.7z", SevenZip(other, f)},
		{"stored.7z", StoredSevenZip(other, f)},
		{"a.rar", Rar(other, f)},
		{"old.rar", OldRar(other, f)},
		{"nested.zip", Nested(5, f)},
	}
}

// Base64 is data in lines of base64 as mails have them, line ends CR LF.
func Base64(data []byte) string {
	const line = 76
	text := base64.StdEncoding.EncodeToString(data)
	var b strings.Builder
	for len(text) > line {
		b.WriteString(text[:line] + "\r\n")
		text = text[line:]
	}
	return b.String() + text + "\r\n"
}

// QuotedPrintable is data with every byte escaped, line ends CR LF.
func QuotedPrintable(data []byte) string {
	var b strings.Builder
	for i, c := range data {
		fmt.Fprintf(&b, "=%02X", c)
		if i%24 == 23 {
			b.WriteString("=\r\n")
		}
	}
	return b.String() + "\r\n"
}

// UU is f uuencoded, line ends CR LF.
func UU(f File) string {
	var b strings.Builder
	fmt.Fprintf(&b, "begin 644 %s\r\n", f.Name)
	char := func(v byte) {
		if v &= 63; v == 0 {
			v = 64
		}
		b.WriteByte(' ' + v)
	}
	for data := f.Data; len(data) > 0; {
		n := min(45, len(data))
		l := append(bytes.Clone(data[:n]), 0, 0)
		data = data[n:]
		char(byte(n))
		for i := 0; i < n; i += 3 {
			char(l[i] >> 2)
			char(l[i]<<4 | l[i+1]>>4)
			char(l[i+1]<<2 | l[i+2]>>6)
			char(l[i+2])
		}
		b.WriteString("\r\n")
	}
	return b.String() + "`\r\nend\r\n"
}

// YEnc is f as news has binaries, in one part, line ends CR LF.
func YEnc(f File) string {
	const line = 128
	var b strings.Builder
	fmt.Fprintf(&b, "=ybegin line=%d size=%d name=%s\r\n", line, len(f.Data), f.Name)
	n := 0
	for _, c := range f.Data {
		c += 42
		switch c {
		case 0, '\r', '\n', '=', '.':
			b.WriteByte('=')
			c += 64
			n++
		}
		b.WriteByte(c)
		if n++; n >= line {
			b.WriteString("\r\n")
			n = 0
		}
	}
	if n > 0 {
		b.WriteString("\r\n")
	}
	return b.String() + fmt.Sprintf("=yend size=%d\r\n", len(f.Data))
}

// Mail is a message with f attached, line ends CR LF.
func Mail(f File) []byte {
	return fmt.Appendf(nil, "From: alice@lab.test\r\nTo: bob@lab.test\r\nSubject: sample\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n"+
		"--part\r\nContent-Type: application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n"+
		"Content-Disposition: attachment; filename=\"%s\"\r\n\r\n%s--part--\r\n", f.Name, f.Name, Base64(f.Data))
}
