package lab

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
)

// firstMailDate is when the mails that alice starts with were received: fixed,
// so that they are the same bytes in every lab.
func firstMailDate() time.Time { return time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC) }

// firstMails returns what is in alice's inbox when a lab starts: a plain mail,
// one with a clean attachment, one with the EICAR file and one with the EICAR
// file in a zip archive.
func firstMails() []Mail {
	clean, err := io.ReadAll(NewContent(3000))
	if err != nil {
		panic(fmt.Sprintf("lab: generating an attachment: %v", err)) // Content can't fail
	}
	contents := [][]byte{
		plainMail(),
		mailWith("report", "report.bin", "application/octet-stream", clean),
		mailWith("eicar", "eicar.com", "application/octet-stream", EICAR()),
		mailWith("eicar-zip", "eicar.zip", "application/zip", EICARZip()),
	}
	var mails []Mail
	for i, content := range contents {
		mails = append(mails, Mail{
			Envelope: Envelope{From: UserBob + "@" + MailDomain, To: []Recipient{{Address: UserAlice + "@" + MailDomain}}},
			Received: firstMailDate().Add(time.Duration(i) * time.Minute),
			Content:  content,
		})
	}
	return mails
}

// mailHead returns the fields every lab mail has. Name makes subject and
// Message-ID.
func mailHead(name string) string {
	return "From: Bob <bob@lab.test>\r\n" +
		"To: Alice <alice@lab.test>\r\n" +
		"Subject: Lab mail: " + name + "\r\n" +
		"Date: " + firstMailDate().Format(time.RFC1123Z) + "\r\n" +
		"Message-ID: <" + name + "@lab.test>\r\n" +
		"MIME-Version: 1.0\r\n"
}

func plainMail() []byte {
	return []byte(mailHead("plain") +
		"Content-Type: text/plain; charset=us-ascii\r\n" +
		"\r\n" +
		"Hello Alice,\r\n" +
		"\r\n" +
		"this mail is plain text, with a line that begins with a dot:\r\n" +
		".\r\n" +
		"..and one with two. Nothing is hidden in it.\r\n" +
		"\r\n" +
		"Bob\r\n")
}

// mailWith returns a mail with one file attached in base64.
func mailWith(name, file, contentType string, content []byte) []byte {
	const boundary = "lab-boundary"
	return []byte(mailHead(name) +
		"Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n" +
		"\r\n" +
		"This is a multi-part message in MIME format.\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: text/plain; charset=us-ascii\r\n" +
		"\r\n" +
		"The file is attached.\r\n" +
		"--" + boundary + "\r\n" +
		"Content-Type: " + contentType + "; name=\"" + file + "\"\r\n" +
		"Content-Transfer-Encoding: base64\r\n" +
		"Content-Disposition: attachment; filename=\"" + file + "\"\r\n" +
		"\r\n" +
		base64Lines(content) +
		"--" + boundary + "--\r\n")
}

// base64Lines encodes in lines of 76 characters (RFC 2045 section 6.8).
func base64Lines(content []byte) string {
	const width = 76
	var out strings.Builder
	for text := base64.StdEncoding.EncodeToString(content); text != ""; {
		n := min(width, len(text))
		out.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return out.String()
}
