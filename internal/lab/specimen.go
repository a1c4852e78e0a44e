package lab

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// specimenLine is how many bytes of a file stand on one line of base64 (RFC 2045
// section 6.8), and so how long the line is with its line end.
const (
	specimenLine  = 57
	specimenWidth = 76 + len("\r\n")
)

// MinSpecimen is the smallest size a Specimen can have, in bytes.
const MinSpecimen = 1 << 10

// Specimen returns a message of exactly size bytes: a mail and an article at once,
// with a text part and an attachment in base64 that fills it, so that whoever scans
// it has something to decode. It is the same each time, its lines end in CRLF and
// none begins with a dot. A size below MinSpecimen becomes that.
func Specimen(size int64) []byte {
	size = max(size, MinSpecimen)
	head := mailHead(fmt.Sprintf("specimen-%d", size)) +
		"Newsgroups: " + GroupTest + "\r\n" +
		"Path: lab\r\n" +
		"Content-Type: multipart/mixed; boundary=\"specimen\"\r\n" +
		"\r\n" +
		"--specimen\r\n" +
		"Content-Type: text/plain\r\n" +
		"\r\n" +
		"The attachment holds nothing but noise.\r\n"
	middle := "\r\n--specimen\r\n" +
		"Content-Type: application/octet-stream; name=\"noise.bin\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"noise.bin\"\r\n" +
		"\r\n"
	const tail = "--specimen--\r\n"
	room := int(size) - len(head) - len(middle) - len(tail)
	lines, filler := room/specimenWidth, room%specimenWidth
	if filler == 1 { // no line is as short as that
		lines, filler = lines-1, filler+specimenWidth
	}
	out := make([]byte, 0, size)
	out = append(out, head...)
	if filler > 0 {
		out = append(out, strings.Repeat("-", filler-len("\r\n"))+"\r\n"...)
	}
	out = append(out, middle...)
	var file [specimenLine]byte
	for i := range lines {
		fillContent(file[:], int64(i)*specimenLine)
		out = base64.StdEncoding.AppendEncode(out, file[:])
		out = append(out, "\r\n"...)
	}
	return append(out, tail...)
}

// SpecimenID is the Message-ID of the Specimen of that size, with its brackets.
func SpecimenID(size int64) string {
	return fmt.Sprintf("<specimen-%d@%s>", max(size, MinSpecimen), MailDomain)
}
