package lab_test

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startIMAP(t *testing.T, boxes *lab.Mailboxes) (*lab.IMAP, string) {
	t.Helper()
	origin := lab.NewIMAP(boxes)
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, address
}

// untilTag sends a command and returns what comes before its tagged response,
// literals included, and the tagged response without its tag.
func (s *script) untilTag(tag, command string) (untagged []string, status string) {
	s.t.Helper()
	s.send(tag + " " + command + "\r\n")
	return s.readTo(tag)
}

func (s *script) readTo(tag string) (untagged []string, status string) {
	s.t.Helper()
	literal := regexp.MustCompile(`\{(\d+)\}$`)
	for {
		line := s.line()
		if text, found := strings.CutPrefix(line, tag+" "); found {
			return untagged, text
		}
		for match := literal.FindStringSubmatch(line); match != nil; match = literal.FindStringSubmatch(line) {
			size, err := strconv.Atoi(match[1])
			require.NoError(s.t, err)
			data := make([]byte, size)
			_, err = io.ReadFull(s.in, data)
			require.NoError(s.t, err)
			rest := s.line()
			line += "\r\n" + string(data) + rest
			if !literal.MatchString(rest) {
				break
			}
		}
		untagged = append(untagged, line)
	}
}

func loginIMAP(t *testing.T, address, user string) *script {
	t.Helper()
	s := converseWith(t, address, "* OK [CAPABILITY IMAP4rev1 ")
	_, status := s.untilTag("l", "LOGIN "+user+" lab")
	require.Contains(t, status, "OK ")
	return s
}

func TestIMAPTranscript(t *testing.T) {
	boxes := lab.NewMailboxes()
	origin, address := startIMAP(t, boxes)
	mails := boxes.Mails(lab.UserAlice, lab.Inbox)
	s := converseWith(t, address, "* OK ")
	_, status := s.untilTag("a", "SELECT INBOX")
	assert.Contains(t, status, "BAD ")
	_, status = s.untilTag("a", "LOGIN alice wrong")
	assert.Contains(t, status, "NO [AUTHENTICATIONFAILED]")
	_, status = s.untilTag("a", "LOGIN {5+}\r\nalice {3+}\r\nlab")
	for _, word := range []string{"OK [CAPABILITY ", " LITERAL+", " UIDPLUS", " IDLE", " NAMESPACE", " MOVE", " ESEARCH", " APPENDLIMIT=104857600"} {
		assert.Contains(t, status, word)
	}
	lines, _ := s.untilTag("a", `LIST "" "*"`)
	assert.Equal(t, []string{`* LIST (\HasNoChildren) "/" INBOX`}, lines)
	lines, _ = s.untilTag("a", `LIST "" ""`)
	assert.Equal(t, []string{`* LIST (\Noselect) "/" ""`}, lines)
	lines, _ = s.untilTag("a", `LSUB "" "inbox"`)
	assert.Len(t, lines, 1)
	lines, status = s.untilTag("a", "SELECT inbox")
	assert.Contains(t, lines, "* 4 EXISTS")
	assert.Contains(t, status, "OK [READ-WRITE]")

	lines, _ = s.untilTag("a", "FETCH 1:* (RFC822.SIZE FLAGS)")
	require.Len(t, lines, 4)
	for i, mail := range mails {
		assert.Equal(t, fmt.Sprintf("* %d FETCH (FLAGS () RFC822.SIZE %d)", i+1, len(mail.Content)), lines[i])
	}
	for i, mail := range mails {
		lines, _ = s.untilTag("a", fmt.Sprintf("UID FETCH %d BODY.PEEK[]", i+1))
		want := fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)", i+1, i+1, len(mail.Content), mail.Content)
		assert.Equal(t, []string{want}, lines)
	}
	head, body, _ := strings.Cut(string(mails[0].Content), "\r\n\r\n")
	sections := []struct{ item, name, want string }{
		{"RFC822", "RFC822", string(mails[0].Content)},
		{"RFC822.HEADER", "RFC822.HEADER", head + "\r\n\r\n"},
		{"RFC822.TEXT", "RFC822.TEXT", body},
		{"BODY[TEXT]", "BODY[TEXT]", body},
		{"BODY.PEEK[HEADER]", "BODY[HEADER]", head + "\r\n\r\n"},
		{"BODY.PEEK[HEADER.FIELDS (subject FROM)]", `BODY[HEADER.FIELDS ("subject" "FROM")]`, "From: Bob <bob@lab.test>\r\nSubject: Lab mail: plain\r\n\r\n"},
		{"BODY.PEEK[HEADER.FIELDS.NOT (to subject date message-id mime-version content-type)]", "", "From: Bob <bob@lab.test>\r\n\r\n"},
		{"BODY[]<5.9>", "BODY[]<5>", string(mails[0].Content)[5:14]},
		{"BODY[]<999999.9>", "BODY[]<999999>", ""},
		{"BODY[]<0.9223372036854775807>", "BODY[]<0>", string(mails[0].Content)},
		{"BODY[1]", "BODY[1]", body},
	}
	for i, section := range sections {
		lines, status = s.untilTag("a", "FETCH 1 "+section.item)
		require.Contains(t, status, "OK", section.item)
		require.Len(t, lines, 1, section.item)
		if i == 0 {
			assert.Contains(t, lines[0], `FLAGS (\Seen)`)
		}
		assert.Contains(t, lines[0], fmt.Sprintf("%s {%d}\r\n%s)", section.name, len(section.want), section.want))
	}
	lines, _ = s.untilTag("a", "FETCH 3 (BODYSTRUCTURE ENVELOPE INTERNALDATE BODY.PEEK[2] BINARY.PEEK[2])")
	assert.Contains(t, lines[0], `("application" "octet-stream" ("name" "eicar.com") NIL NIL "base64" `)
	assert.Contains(t, lines[0], `"Lab mail: eicar" (("Bob" NIL "bob" "lab.test"))`)
	assert.Contains(t, lines[0], string(lab.EICAR()))

	searches := map[string]string{
		"ALL": " 1 2 3 4", "UNSEEN": " 2 3 4", "SEEN": " 1", "SUBJECT EICAR": " 3 4", "FROM bob TEXT zip": " 4",
		"2:3": " 2 3", "*": " 4", "NOT 1:2": " 3 4", "OR 1 4": " 1 4", "UID 2:*": " 2 3 4", "BODY dot": " 1",
		"SINCE 6-Jan-2026": "", "ON 5-Jan-2026": " 1 2 3 4", "SENTBEFORE 6-Jan-2026": " 1 2 3 4", "SMALLER 500": " 1", "HEADER message-id plain": " 1",
	}
	for query, want := range searches {
		lines, status = s.untilTag("a", "SEARCH "+query)
		assert.Equal(t, []string{"* SEARCH" + want}, lines, query+" "+status)
	}
	lines, _ = s.untilTag("b", "UID SEARCH RETURN (MIN MAX COUNT) 2:3")
	assert.Equal(t, []string{`* ESEARCH (TAG "b") UID MIN 2 MAX 3 COUNT 2`}, lines)

	lines, _ = s.untilTag("a", `STORE 2 +FLAGS (\deleted $Label)`)
	assert.Equal(t, []string{`* 2 FETCH (UID 2 FLAGS (\Deleted $Label))`}, lines)
	lines, _ = s.untilTag("a", `STORE 2 -FLAGS.SILENT ($label)`)
	assert.Empty(t, lines)
	_, status = s.untilTag("a", "COPY 1:2 nowhere")
	assert.Contains(t, status, "NO [TRYCREATE]")
	_, status = s.untilTag("a", "CREATE Saved/")
	assert.Contains(t, status, "OK")
	_, status = s.untilTag("a", "CREATE Saved")
	assert.Contains(t, status, "NO [ALREADYEXISTS]")
	_, status = s.untilTag("a", "COPY 1,4 Saved")
	assert.Regexp(t, `^OK \[COPYUID \d+ 1,4 1:2\]`, status)
	lines, status = s.untilTag("a", "MOVE 4 Saved")
	require.Len(t, lines, 2, status)
	assert.Regexp(t, `^\* OK \[COPYUID \d+ 4 3\]`, lines[0])
	assert.Equal(t, "* 4 EXPUNGE", lines[1])
	lines, _ = s.untilTag("a", "UID EXPUNGE 1")
	assert.Empty(t, lines)
	lines, _ = s.untilTag("a", "EXPUNGE")
	assert.Equal(t, []string{"* 2 EXPUNGE"}, lines)
	lines, _ = s.untilTag("a", "STATUS Saved (MESSAGES UNSEEN UIDNEXT SIZE)")
	assert.Equal(t, []string{fmt.Sprintf("* STATUS \"Saved\" (MESSAGES 3 UIDNEXT 4 UNSEEN 2 SIZE %d)",
		len(mails[0].Content)+2*len(mails[3].Content))}, lines)
	_, status = s.untilTag("a", "RENAME Saved Kept/Old")
	assert.Contains(t, status, "OK")
	_, status = s.untilTag("a", "EXAMINE Kept/Old")
	assert.Contains(t, status, "OK [READ-ONLY]")
	_, status = s.untilTag("a", `STORE 1 +FLAGS (\Deleted)`)
	assert.Contains(t, status, "NO")
	_, status = s.untilTag("a", "CLOSE")
	assert.Contains(t, status, "OK")
	_, status = s.untilTag("a", "DELETE INBOX")
	assert.Contains(t, status, "NO")
	_, status = s.untilTag("a", "DELETE Kept/Old")
	assert.Contains(t, status, "OK")
	lines, status = s.untilTag("a", "LOGOUT")
	assert.Equal(t, []string{"* BYE Logging out"}, lines)
	assert.Contains(t, status, "OK")
	assert.Empty(t, s.gone())
	left := boxes.Mails(lab.UserAlice, lab.Inbox)
	require.Len(t, left, 2)
	assert.Equal(t, []string{`\Seen`}, left[0].Flags)
	assert.Equal(t, int64(1), origin.Counts().Logins)
	assert.Positive(t, origin.Counts().FetchedBytes)
}

func TestIMAPAppend(t *testing.T) {
	boxes := lab.NewMailboxes()
	origin, address := startIMAP(t, boxes)
	s := loginIMAP(t, address, "bob")
	first, second := "Subject: a\r\n\r\nbare\nline\r\n.\r\n", "no end"
	s.send(fmt.Sprintf("a APPEND INBOX (\\Seen) \"05-Jan-2026 09:00:00 +0100\" {%d}\r\n", len(first)))
	s.hear("+ ")
	s.send(first + "\r\n")
	_, status := s.readTo("a")
	assert.Regexp(t, `^OK \[APPENDUID \d+ 1\]`, status)
	s.send(fmt.Sprintf("b APPEND INBOX {%d+}\r\n%s\r\nc NOOP\r\n", len(second), second))
	_, status = s.readTo("b")
	assert.Contains(t, status, "OK ")
	_, status = s.readTo("c")
	assert.Contains(t, status, "OK ")
	s.send("d APPEND nowhere {2+}\r\nxx\r\n")
	_, status = s.readTo("d")
	assert.Contains(t, status, "NO [TRYCREATE]")
	s.send("e APPEND INBOX {200000000}\r\n")
	_, status = s.readTo("e")
	assert.Contains(t, status, "NO [TOOBIG]")
	s.send("f APPEND INBOX {100+}\r\nhalf")
	require.NoError(t, s.conn.Close())
	require.Eventually(t, func() bool { return origin.Counts().Open == 0 }, patience, time.Millisecond)
	mails := boxes.Mails(lab.UserBob, lab.Inbox)
	require.Len(t, mails, 2)
	assert.Equal(t, first, string(mails[0].Content))
	assert.Equal(t, second, string(mails[1].Content))
	assert.Equal(t, int64(1767600000), mails[0].Received.Unix())
	counts := origin.Counts()
	assert.Equal(t, int64(len(first)+len(second)), counts.AppendedBytes)
	assert.Equal(t, int64(1), counts.Broken)
	assert.Equal(t, int64(4), counts.BrokenBytes)
}

// TestIMAPTellsOfChanges lets SMTP, POP3 and a second IMAP session change what
// one session has selected, resting and idling.
func TestIMAPTellsOfChanges(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startIMAP(t, boxes)
	_, pop3 := startPOP3(t, boxes)
	watcher := loginIMAP(t, address, "bob")
	_, status := watcher.untilTag("a", "SELECT INBOX")
	require.Contains(t, status, "OK")
	watcher.say("b IDLE", "+ ")
	fillBob(t, boxes, "Subject: one\r\n\r\n1\r\n")
	watcher.hear("* 1 EXISTS")
	fillBob(t, boxes, "Subject: two\r\n\r\n2\r\n")
	watcher.hear("* 2 EXISTS")
	other := loginIMAP(t, address, "bob")
	other.untilTag("a", "SELECT INBOX")
	lines, _ := other.untilTag("b", `STORE 2 FLAGS (\Flagged)`)
	assert.Equal(t, []string{`* 2 FETCH (UID 2 FLAGS (\Flagged))`}, lines)
	watcher.hear(`* 2 FETCH (UID 2 FLAGS (\Flagged))`)
	reader := converseWith(t, pop3, "+OK")
	reader.send("USER bob\r\nPASS lab\r\nDELE 1\r\nQUIT\r\n")
	reader.gone()
	watcher.hear("* 1 EXPUNGE")
	watcher.say("DONE", "b OK")

	// A sequence number means what the client was told: no EXPUNGE before FETCH and
	// STORE are over (RFC 9051 section 7.5.1), and the content is still there.
	lines, _ = other.untilTag("c", "FETCH 1 BODY.PEEK[]")
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], "Subject: one")
	lines, _ = other.untilTag("d", "SEARCH ALL")
	assert.Equal(t, []string{"* SEARCH 1 2"}, lines)
	fillBob(t, boxes, "Subject: three\r\n\r\n3\r\n")
	lines, _ = other.untilTag("e", "FETCH 2 (UID)")
	assert.Equal(t, []string{"* 2 FETCH (UID 2)", "* 3 EXISTS"}, lines)
	lines, _ = other.untilTag("f", "NOOP")
	assert.Equal(t, []string{"* 1 EXPUNGE"}, lines)
	lines, _ = other.untilTag("g", "UID FETCH 1:* (FLAGS)")
	assert.Equal(t, []string{`* 1 FETCH (UID 2 FLAGS (\Flagged))`, `* 2 FETCH (UID 3 FLAGS ())`}, lines)
	lines, _ = watcher.untilTag("h", "NOOP")
	assert.Equal(t, []string{"* 2 EXISTS"}, lines)
}

func TestIMAPPipelining(t *testing.T) {
	_, address := startIMAP(t, lab.NewMailboxes())
	s := converseWith(t, address, "* OK")
	var text strings.Builder
	text.WriteString("x LOGIN alice lab\r\nx SELECT INBOX\r\n")
	for i := range 200 {
		fmt.Fprintf(&text, "t%d FETCH %d BODY.PEEK[]\r\n", i, i%4+1)
	}
	s.send(text.String())
	s.readTo("x")
	s.readTo("x")
	for i := range 200 {
		lines, status := s.readTo(fmt.Sprintf("t%d", i))
		require.Len(t, lines, 1)
		require.Contains(t, status, "OK")
	}
}

// TestIMAPOddMails fetches everything of mails that no parser likes.
func TestIMAPOddMails(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startIMAP(t, boxes)
	odd := []string{
		"\r\n", "no colon here\r\n\r\nx\r\n", "Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts\r\n",
		"Content-Type: ;;;\r\n\r\nx\r\n", "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----\r\n", "Subject: only\r\n",
		"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n--b--\r\n", " folded first\r\n\r\nx\r\n",
		"Content-Transfer-Encoding: nonsense\r\n\r\nx\r\n", "Subject: =?x?q?broken\r\n\r\n\xff\xfe\r\n",
	}
	fillBob(t, boxes, odd...)
	s := loginIMAP(t, address, "bob")
	s.untilTag("a", "SELECT INBOX")
	for i, content := range odd {
		_, status := s.untilTag("a", fmt.Sprintf("FETCH %d (ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[1] BODY.PEEK[1.1.MIME] BODY.PEEK[2] BINARY.PEEK[1] BODY.PEEK[HEADER.FIELDS (SUBJECT)])", i+1))
		require.Contains(t, status, "OK ", "%q", content)
		lines, status := s.untilTag("a", fmt.Sprintf("FETCH %d BODY.PEEK[]", i+1))
		require.Contains(t, status, "OK ", "%q", content)
		assert.Equal(t, fmt.Sprintf("* %d FETCH (BODY[] {%d}\r\n%s)", i+1, len(content), content), lines[0])
	}
	_, status := s.untilTag("a", `SEARCH TEXT "x" SUBJECT "broken" SENTSINCE 1-Jan-2020`)
	assert.Contains(t, status, "OK")
}

func TestIMAPCloseEndsIdle(t *testing.T) {
	origin, address := startIMAP(t, lab.NewMailboxes())
	var scripts []*script
	for _, text := range []string{"", "a IDLE\r\n", "a SELECT INBOX\r\nb IDLE\r\n", "a APPEND INBOX {9+}\r\nhalf", "half a line"} {
		s := loginIMAP(t, address, "alice")
		s.send(text)
		scripts = append(scripts, s)
	}
	scripts[1].hear("+ ")
	require.NoError(t, origin.Close())
	for _, s := range scripts {
		s.gone()
	}
	assert.Zero(t, origin.Counts().Open)
}

// TestIMAPClient is the day of the client that go-imap has of its own.
func TestIMAPClient(t *testing.T) {
	boxes := lab.NewMailboxes()
	_, address := startIMAP(t, boxes)
	news := make(chan uint32, 10)
	client, err := imapclient.DialInsecure(address, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				news <- *data.NumMessages
			}
		},
	}})
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	require.NoError(t, client.Login("alice", "lab").Wait())
	selected, err := client.Select("INBOX", nil).Wait()
	require.NoError(t, err)
	assert.Equal(t, uint32(4), selected.NumMessages)
	section := &imap.FetchItemBodySection{}
	fetched, err := client.Fetch(imap.SeqSetNum(1, 2, 3, 4), &imap.FetchOptions{UID: true, Envelope: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	require.NoError(t, err)
	for i, mail := range boxes.Mails(lab.UserAlice, lab.Inbox) {
		assert.Equal(t, mail.Content, fetched[i].FindBodySection(section))
	}
	idle, err := client.Idle()
	require.NoError(t, err)
	smtpOrigin := lab.NewSMTP(boxes)
	smtpAddress, err := smtpOrigin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	sent := time.Now()
	sender, err := smtp.Dial(smtpAddress)
	require.NoError(t, err)
	require.NoError(t, sender.SendMail("a@b.test", []string{"alice@lab.test"}, strings.NewReader("Subject: new\r\n\r\nx\r\n")))
	select {
	case number := <-news:
		assert.Equal(t, uint32(5), number)
		t.Logf("told %s after the mail was sent, without asking", time.Since(sent))
	case <-time.After(patience):
		t.Fatal("no news of the new mail")
	}
	require.NoError(t, idle.Close())
	require.NoError(t, idle.Wait())
	require.NoError(t, client.Logout().Wait())
	require.NoError(t, sender.Quit())
	require.NoError(t, smtpOrigin.Close())
}
