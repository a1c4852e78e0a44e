package lab

import (
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// uuencode returns a file as uuencode writes it (POSIX), in lines of 45 bytes.
func uuencode(name string, content []byte) string {
	const width = 45
	var out strings.Builder
	fmt.Fprintf(&out, "begin 644 %s\r\n", name)
	for len(content) > 0 {
		line := content[:min(width, len(content))]
		content = content[len(line):]
		out.WriteByte(uuCharacter(byte(len(line))))
		for at := 0; at < len(line); at += 3 {
			var b [3]byte
			copy(b[:], line[at:])
			for _, six := range [4]byte{b[0] >> 2, b[0]<<4 | b[1]>>4, b[1]<<2 | b[2]>>6, b[2]} {
				out.WriteByte(uuCharacter(six & 0x3f))
			}
		}
		out.WriteString("\r\n")
	}
	out.WriteString("`\r\nend\r\n")
	return out.String()
}

// uuCharacter writes six bits; the backquote stands for 0, since a space could
// be lost at the end of a line.
func uuCharacter(six byte) byte {
	if six == 0 {
		return '`'
	}
	return six + ' '
}

// yencode returns a file as one yEnc part (yenc-draft 1.3), with bytes of all
// eight bits.
func yencode(name string, content []byte) string {
	const width = 128
	var out strings.Builder
	fmt.Fprintf(&out, "=ybegin line=%d size=%d name=%s\r\n", width, len(content), name)
	column := 0
	for _, plain := range content {
		c := plain + 42
		critical := c == 0 || c == '\n' || c == '\r' || c == '='
		if critical || (column == 0 && c == '.') {
			out.WriteByte('=')
			c += 64
			column++
		}
		out.WriteByte(c)
		if column++; column >= width {
			out.WriteString("\r\n")
			column = 0
		}
	}
	if column > 0 {
		out.WriteString("\r\n")
	}
	fmt.Fprintf(&out, "=yend size=%d crc32=%08x\r\n", len(content), crc32.ChecksumIEEE(content))
	return out.String()
}

// firstArticles returns what the groups hold when a lab starts, oldest first.
func firstArticles() []Article {
	clean, err := io.ReadAll(NewContent(3000))
	if err != nil {
		panic(fmt.Sprintf("lab: generating a news file: %v", err)) // Content can't fail
	}
	bodies := []struct{ group, name, body string }{
		{GroupTest, "welcome", "This group is for trying things out.\r\n"},
		{GroupTest, "dots", "A line of one dot:\r\n.\r\n..and of two.\r\n"},
		{GroupTest, "umlauts", "Gr\u00fc\u00dfe in UTF-8.\r\n"},
		{GroupBinaries, "report-uu", uuencode("report.bin", clean)},
		{GroupBinaries, "report-yenc", yencode("report.bin", clean)},
		{GroupBinaries, "eicar-uu", uuencode("eicar.com", EICAR())},
		{GroupBinaries, "eicar-yenc", yencode("eicar.com", EICAR())},
		{GroupBinaries, "eicar-zip-yenc", yencode("eicar.zip", EICARZip())},
	}
	var articles []Article
	for i, b := range bodies {
		date := firstMailDate().Add(time.Duration(i) * time.Minute)
		id := "<" + b.name + "@news." + MailDomain + ">"
		head := "Path: news." + MailDomain + "!not-for-mail\r\n" +
			"From: Bob <bob@lab.test>\r\n" +
			"Newsgroups: " + b.group + "\r\n" +
			"Subject: Lab article: " + b.name + "\r\n" +
			"Date: " + date.Format(time.RFC1123Z) + "\r\n" +
			"Message-ID: " + id + "\r\n" +
			"MIME-Version: 1.0\r\n" +
			"Content-Type: text/plain; charset=utf-8\r\n" +
			"Content-Transfer-Encoding: 8bit\r\n"
		articles = append(articles, Article{
			ID: id, Groups: []string{b.group}, Received: date,
			Content: []byte(head + "\r\n" + b.body),
		})
	}
	return articles
}
