package lab_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func errorsAs(err error, target any) bool { return errors.As(err, target) }

// attachment returns the decoded second part of a multipart mail, nil if there
// is none.
func attachment(t *testing.T, content []byte) []byte {
	t.Helper()
	_, data := attached(t, content)
	return data
}

func attachmentNames(t *testing.T, mails []lab.Mail) []string {
	t.Helper()
	var names []string
	for _, m := range mails {
		name, _ := attached(t, m.Content)
		names = append(names, name)
	}
	return names
}

func attached(t *testing.T, content []byte) (name string, data []byte) {
	t.Helper()
	message, err := mail.ReadMessage(bytes.NewReader(content))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(t, err)
	if !strings.HasPrefix(kind, "multipart/") {
		return "", nil
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	_, err = parts.NextPart()
	require.NoError(t, err)
	part, err := parts.NextPart()
	require.NoError(t, err)
	data, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
	require.NoError(t, err)
	_, err = parts.NextPart()
	require.ErrorIs(t, err, io.EOF)
	return part.FileName(), data
}

func startSMTP(t *testing.T) (*lab.SMTP, *lab.Mailboxes, string) {
	t.Helper()
	boxes := lab.NewMailboxes()
	origin := lab.NewSMTP(boxes)
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, boxes, address
}

func TestSMTPTranscript(t *testing.T) {
	origin, boxes, address := startSMTP(t)
	s := converseWith(t, address, "220 lab.test ")
	s.send("EHLO client.test\r\n")
	offered := map[string]bool{}
	for {
		line := s.line()
		offered[line[4:]] = true
		if line[3] == ' ' {
			break
		}
	}
	for _, word := range []string{"PIPELINING", "8BITMIME", "CHUNKING", "AUTH PLAIN LOGIN", "SMTPUTF8", "DSN", "SIZE 104857600"} {
		assert.True(t, offered[word], word)
	}
	assert.False(t, offered["STARTTLS"])

	s.say("MAIL FROM:<x@elsewhere.test> SIZE=200000000", "552 ")
	s.say("MAIL FROM:<x@elsewhere.test> BODY=8BITMIME RET=HDRS ENVID=QQ314", "250 ")
	s.say("RCPT TO:<y@elsewhere.test>", "550 5.7.1 ")
	s.say("RCPT TO:<y@sub.lab.test>", "550 5.7.1 ")
	s.say("RCPT TO:<Bob@LAB.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@old.test", "250 ")
	s.say("DATA", "354 ")
	s.send("Subject: dots\r\n\r\n..\r\n..two\r\nbare\n.\nline\r.\rends\r\n.\r\n")
	s.hear("250 ")
	// Everything at once: RFC 2920 section 3.1.
	s.send("MAIL FROM:<>\r\nRCPT TO:<bob@lab.test>\r\nRCPT TO:<z@elsewhere.test>\r\nRCPT TO:<someone@lab.test>\r\nDATA\r\n")
	s.hear("250 ", "250 ", "550 ", "250 ", "354 ")
	s.send("\r\nsecond\r\n.\r\nQUIT\r\n")
	s.hear("250 ", "221 ")
	assert.Empty(t, s.gone())

	mails := boxes.Mails(lab.UserBob, lab.Inbox)
	require.Len(t, mails, 2)
	assert.Equal(t, "Subject: dots\r\n\r\n.\r\n.two\r\nbare\n.\nline\r.\rends\r\n", string(mails[0].Content))
	assert.Equal(t, lab.Envelope{
		From: "x@elsewhere.test", Body: "8BITMIME", ID: "QQ314", Return: "HDRS",
		To: []lab.Recipient{{Address: "Bob@LAB.test", Notify: []string{"SUCCESS", "DELAY"}, Original: "bob@old.test"}},
	}, mails[0].Envelope)
	assert.Equal(t, "\r\nsecond\r\n", string(mails[1].Content))
	require.Len(t, boxes.Mails(lab.Postmaster, lab.Inbox), 1)
	assert.Equal(t, lab.MailCounts{Mails: 3, Bytes: int64(len(mails[0].Content) + 2*len("\r\nsecond\r\n"))}, boxes.Counts())
	counts := origin.Counts()
	assert.Equal(t, int64(1), counts.Sessions)
	assert.Equal(t, int64(2), counts.Mails)
	assert.Equal(t, int64(3), counts.Rejected)
	assert.Equal(t, int64(11), counts.Commands, "EHLO, 2 MAIL, 6 RCPT, 2 DATA; the library refused one MAIL itself")
}

func TestSMTPChunking(t *testing.T) {
	origin, boxes, address := startSMTP(t)
	s := converseWith(t, address, "220 ")
	s.send("EHLO c\r\n")
	for line := s.line(); line[3] != ' '; line = s.line() {
	}
	s.say("MAIL FROM:<a@b.test> BODY=BINARYMIME", "250 ")
	s.say("RCPT TO:<bob@lab.test>", "250 ")
	s.send("BDAT 9\r\n.\r\n.\n\x00\r\r\nBDAT 3 LAST\r\nend")
	s.hear("250 ", "250 ")
	// A count without LAST, then RSET: nothing may be delivered.
	s.say("MAIL FROM:<a@b.test>", "250 ")
	s.say("RCPT TO:<bob@lab.test>", "250 ")
	s.send("BDAT 4\r\nlostRSET\r\n")
	s.hear("250 ", "250 ")
	// Chunks of a refused transaction are not commands.
	s.send("MAIL FROM:<a@b.test>\r\nBDAT 6 LAST\r\nNOOP\r\nNOOP\r\n")
	s.hear("250 ", "502 ", "250 ")
	s.say("QUIT", "221 ")
	mails := boxes.Mails(lab.UserBob, lab.Inbox)
	require.Len(t, mails, 1)
	assert.Equal(t, ".\r\n.\n\x00\r\r\nend", string(mails[0].Content))
	assert.Equal(t, "BINARYMIME", mails[0].Envelope.Body)
	require.NoError(t, origin.Close())
	assert.Equal(t, int64(1), origin.Counts().Broken)
}

func TestSMTPBrokenOffMailIsNotDelivered(t *testing.T) {
	origin, boxes, address := startSMTP(t)
	s := converseWith(t, address, "220 ")
	s.say("HELO c", "250 ")
	s.say("MAIL FROM:<a@b.test>", "250 ")
	s.say("RCPT TO:<bob@lab.test>", "250 ")
	s.say("DATA", "354 ")
	s.send("Subject: cut\r\n\r\nhalf")
	require.NoError(t, s.conn.Close())
	require.Eventually(t, func() bool { return origin.Counts().Open == 0 }, 20*1e9, 1e6)
	assert.Empty(t, boxes.Mails(lab.UserBob, lab.Inbox))
	assert.Equal(t, int64(1), origin.Counts().Broken)
	assert.Equal(t, int64(len("Subject: cut\r\n\r\nhalf")), origin.Counts().BrokenBytes)
}

func TestSMTPLongLines(t *testing.T) {
	_, boxes, address := startSMTP(t)
	s := converseWith(t, address, "220 ")
	s.say("HELO c", "250 ")
	s.say("MAIL FROM:<a@b.test>", "250 ")
	s.say("RCPT TO:<bob@lab.test>", "250 ")
	s.say("DATA", "354 ")
	content := "Subject: long\r\n\r\n" + strings.Repeat("x", 300_000) + "\r\n"
	s.say(content+".", "250 ")
	assert.Equal(t, content, string(boxes.Mails(lab.UserBob, lab.Inbox)[0].Content))
}

func TestSMTPAuth(t *testing.T) {
	_, boxes, address := startSMTP(t)
	tests := []struct {
		name string
		auth sasl.Client
		user string // "" for a login refused
	}{
		{"plain", sasl.NewPlainClient("", "alice", "lab"), "alice"},
		{"plain with domain", sasl.NewPlainClient("", "alice@lab.test", "lab"), "alice"},
		{"login", sasl.NewLoginClient("bob", "lab"), "bob"},
		{"wrong password", sasl.NewPlainClient("", "alice", "LAB"), ""},
		{"wrong user", sasl.NewLoginClient("mallory", "lab"), ""},
		{"for somebody else", sasl.NewPlainClient("bob", "alice", "lab"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, err := smtp.Dial(address)
			require.NoError(t, err)
			defer func() { _ = client.Close() }()
			err = client.Auth(test.auth)
			if test.user == "" {
				var refused *smtp.SMTPError
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, 535, refused.Code)
				return
			}
			require.NoError(t, err)
			require.NoError(t, client.SendMail("a@b.test", []string{"bob@lab.test"}, strings.NewReader("Subject: x\r\n\r\nhello\r\n")))
			require.NoError(t, client.Quit())
			mails := boxes.Mails(lab.UserBob, lab.Inbox)
			assert.Equal(t, test.user, mails[len(mails)-1].Envelope.Authenticated)
		})
	}
}

func TestSMTPSink(t *testing.T) {
	origin, boxes, address := startSMTP(t)
	client, err := smtp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, client.SendMail("a@b.test", []string{lab.Sink}, strings.NewReader("x\r\n")))
	require.NoError(t, client.SendMail("a@b.test", []string{lab.Sink, "bob@lab.test"}, strings.NewReader("y\r\n")))
	require.NoError(t, client.Quit())
	counts := origin.Counts()
	assert.Equal(t, int64(2), counts.Sunk)
	assert.Equal(t, int64(6), counts.MailBytes)
	assert.Len(t, boxes.Mails(lab.UserBob, lab.Inbox), 1)
	assert.Equal(t, int64(1), boxes.Counts().Mails)
}

func TestSMTPCloseEndsSessionsInEveryState(t *testing.T) {
	origin, _, address := startSMTP(t)
	states := []string{"", "EHLO c\r\n", "HELO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\nhalf",
		"HELO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nBDAT 4\r\nhalfBDAT 9\r\nmore"}
	var scripts []*script
	for _, text := range states {
		s := converseWith(t, address, "220 ")
		s.send(text)
		scripts = append(scripts, s)
	}
	require.NoError(t, origin.Close())
	for _, s := range scripts {
		s.gone()
	}
	assert.Zero(t, origin.Counts().Open)
	_, err := origin.Listen("127.0.0.1:0")
	require.Error(t, err)
}
