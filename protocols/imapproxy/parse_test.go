package imapproxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/protocols/wire"
	"utmsim/scanner"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		tag  string
		verb verb
		err  error
	}{
		{"a NOOP\r\n", "a", verbOther, nil},
		{"a1.b append INBOX {3}\r\n", "a1.b", verbAppend, nil},
		{"a uid Replace 4 x {3}\r\n", "a", verbReplace, nil},
		{"a UID FETCH 1 BODY[]\r\n", "a", verbFetch, nil},
		{"a FETCH 1 BODY[]\r\n", "a", verbFetch, nil},
		{"a AUTHENTICATE PLAIN x\r\n", "a", verbAuthenticate, nil},
		{"a IDLE\r\n", "a", verbIdle, nil},
		{"a LOGOUT\r\n", "a", verbLogout, nil},
		{"a StartTLS\r\n", "a", verbTLS, nil},
		{"a COMPRESS DEFLATE\r\n", "a", verbTLS, nil},
		{"a URLFETCH x\r\n", "a", verbRefused, nil},
		{"a UID CONVERT 1 x\r\n", "a", verbRefused, nil},
		{"a STARTTLSX\r\n", "a", verbOther, nil},
		{"]~|a X-LONG-LONG-LONG\r\n", "]~|a", verbOther, nil},
		{"\r\n", "", 0, faultTag},
		{" NOOP\r\n", "", 0, faultTag},
		{"* NOOP\r\n", "", 0, faultTag},
		{"a\\b NOOP\r\n", "", 0, faultTag},
		{"\xff NOOP\r\n", "", 0, faultTag},
		{"a\r\n", "a", 0, faultVerb},
		{"a \r\n", "a", 0, faultVerb},
		{"a UID\r\n", "a", 0, nil},
		{"a UID \r\n", "a", 0, faultVerb},
		{"a \"NOOP\"\r\n", "a", 0, faultVerb},
		{"a {4+}\r\n", "a", 0, faultVerb},
	} {
		got, err := parseCommand([]byte(c.line))
		assert.Equal(t, c.err, err, "%q", c.line)
		assert.Equal(t, c.tag, string(got.tag), "%q", c.line)
		assert.Equal(t, c.verb, got.verb, "%q", c.line)
	}
}

func TestParseResponse(t *testing.T) {
	for _, c := range []struct {
		line string
		want response
		err  error
	}{
		{"* OK ready\r\n", response{kind: responseStatus, ok: true, greet: true}, nil},
		{"* preauth [capability x] y\r\n", response{kind: responseStatus, greet: true, offer: true}, nil},
		{"* BYE\r\n", response{kind: responseBye, greet: true}, nil},
		{"* NO x\r\n", response{kind: responseStatus}, nil},
		{"* CAPABILITY IMAP4rev1\r\n", response{kind: responseCapability}, nil},
		{"* 12 FETCH (UID 1)\r\n", response{kind: responseFetch}, nil},
		{"* LIST () NIL x\r\n", response{kind: responseData}, nil},
		{"* OK [CAPABILITYX] x\r\n", response{kind: responseStatus, ok: true, greet: true}, nil},
		{"a OK [CAPABILITY]\r\n", response{kind: responseTagged, tag: []byte("a"), ok: true, greet: true, offer: true}, nil},
		{"a BAD\r\n", response{kind: responseTagged, tag: []byte("a")}, nil},
		{"+\r\n", response{kind: responseGoAhead}, nil},
		{"+ more\r\n", response{kind: responseGoAhead}, nil},
		{"+OK\r\n", response{}, faultResponse},
		{"a PREAUTH x\r\n", response{}, faultResponse},
		{"a FETCH\r\n", response{}, faultResponse},
		{"a+ OK\r\n", response{}, faultResponse},
		{"* \r\n", response{}, faultResponse},
		{"*\r\n", response{}, faultResponse},
		{"\r\n", response{}, faultResponse},
		{"\n", response{}, faultResponse},
	} {
		got, err := parseResponse([]byte(c.line))
		assert.Equal(t, c.err, err, "%q", c.line)
		assert.Equal(t, c.want, got, "%q", c.line)
	}
}

func TestEditCapabilities(t *testing.T) {
	for _, c := range []struct{ line, strip, pass string }{
		{"* CAPABILITY IMAP4rev1 STARTTLS\r\n", "* CAPABILITY IMAP4rev1\r\n", "* CAPABILITY IMAP4rev1 STARTTLS\r\n"},
		{"* capability\tSTARTTLS x\r\n", "* capability\tSTARTTLS x\r\n", "* capability\tSTARTTLS x\r\n"},
		{"* CAPABILITY\r\n", "* CAPABILITY\r\n", "* CAPABILITY\r\n"},
		{"* CAPABILITY  STARTTLS  x \r\n", "* CAPABILITY   x \r\n", "* CAPABILITY  STARTTLS  x \r\n"},
		{"a OK [CAPABILITY CATENATE COMPRESS=X y] STARTTLS\r\n", "a OK [CAPABILITY y] STARTTLS\r\n", "a OK [CAPABILITY COMPRESS=X y] STARTTLS\r\n"},
		{"* OK [capability URLAUTH=BINARY LOGINDISABLED\r\n", "* OK [capability LOGINDISABLED\r\n", "* OK [capability LOGINDISABLED\r\n"},
		{"* OK [CAPABILITY] STARTTLS\r\n", "* OK [CAPABILITY] STARTTLS\r\n", "* OK [CAPABILITY] STARTTLS\r\n"},
	} {
		assert.Equal(t, c.strip, string(editCapabilities([]byte(c.line), true)))
		assert.Equal(t, c.pass, string(editCapabilities([]byte(c.line), false)))
	}
}

func TestSectionOf(t *testing.T) {
	for name, want := range map[string]section{
		"BODY[]": sectionWhole, "body[]<0>": sectionWhole, "RFC822": sectionWhole, "BINARY[]": sectionWhole,
		"BODY[TEXT]": sectionPart, "BODY[1]": sectionPart, "BODY[1.2.3]": sectionPart, "BODY[1.TEXT]": sectionPart, "BODY[1]<7>": sectionPart,
		"RFC822.TEXT": sectionPart, "BINARY[1.2]": sectionPart, "BODY[X]": sectionPart,
		"BODY[HEADER]": sectionHead, "BODY[1.HEADER.FIELDS (A B)]": sectionHead, "BODY[HEADER.FIELDS.NOT (A.TEXT)]": sectionHead, "BODY[2.MIME]": sectionHead,
		"RFC822.HEADER": sectionHead, "BODY[HEADER]<3>": sectionHead, "PREVIEW": sectionHead,
		"BODY": sectionData, "ENVELOPE": sectionData, "BODYSTRUCTURE": sectionData, "UID": sectionData,
		"": sectionUnknown, "X": sectionUnknown, "X[]": sectionUnknown, "BODY.PEEK[]": sectionUnknown,
	} {
		got, partial := sectionOf([]byte(name))
		assert.Equal(t, want, got, name)
		assert.Equal(t, name[max(0, len(name)-1):] == ">", partial, name)
	}
}

// TestLongNames: of a name that is longer than is kept the beginning decides, and
// what stands behind its brackets.
func TestLongNames(t *testing.T) {
	for name, want := range map[string]section{
		`BODY[HEADER.FIELDS ("From" "To" "Cc" "Subject" "Date" "Message-ID" "References" "In-Reply-To")]`: sectionHead,
		"BODY[1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1]":       sectionPart,
	} {
		s := scan{fetch: true}
		n, content, err := s.feed([]byte("* 1 FETCH (UID 2 " + name + ` "x"`))
		require.NoError(t, err)
		assert.Equal(t, want == sectionPart, content, name)
		if !content {
			continue
		}
		assert.Equal(t, len("* 1 FETCH (UID 2 "+name+` "`), n)
		got, _ := s.current()
		assert.Equal(t, want, got, name)
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		text      string
		n         int
		elsewhere bool
	}{
		{" INBOX {3}\r\n", 1, false},
		{" {3}\r\n", 0, false},
		{` "a b\" (" (\Seen x) " 5-Jan-2026" ~{3+}` + "\r\n", 3, false},
		{" INBOX UTF8 (~{3}\r\n", 3, false},
		{" INBOX catenate (TEXT {3}\r\n", 3, true},
		{" CATENATE (CATENATE) {3}\r\n", 2, false},
		{` "CATENATE" "CATENATE" {3}` + "\r\n", 2, false},
		{"  INBOX\r\n", 1, false},
		{" (\r\n", 1, false},
	} {
		a := arguments{needed: 1}
		a.read([]byte(c.text))
		assert.Equal(t, c.n, a.n, "%q", c.text)
		assert.Equal(t, c.elsewhere, a.elsewhere, "%q", c.text)
	}
}

func TestEncodingOf(t *testing.T) {
	for text, want := range map[string]string{
		"UEsDBBQAAAAIAAAAIQBhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nAA==\r\n": "base64",
		"QUJDREVGR0hJSktMTU5PUA==\n": "base64", "Hello\r\n": "", "Hello there, this is a text.\r\n": "", "": "",
		"QUJDREVGR0hJ KLMNOPQRSTU\r\n": "",
	} {
		assert.Equal(t, want, encodingOf(&scanner.Object{Size: int64(len(text)), Body: newBytes(text)}), "%q", text)
	}
}

// TestQuoted: backslashes and the last quote are framing.
func TestQuoted(t *testing.T) {
	for _, c := range []struct {
		text, content string
		err           error
	}{
		{`abc"`, "abc", nil}, {`a\\b\"c" x`, `a\b"c`, nil}, {`"`, "", nil},
		{`a\b"`, "a", faultQuote}, {"a\r\n\"", "a", faultQuote}, {"a\x00\"", "a", faultQuote},
	} {
		conn := wire.NewConn(&feed{text: c.text})
		var q quoted
		q.begin(conn)
		got, raw, err := drainSource(&q)
		assert.Equal(t, c.err, err, "%q", c.text)
		assert.Equal(t, c.content, got, "%q", c.text)
		if err == nil {
			assert.Equal(t, c.text, raw+string(conn.Buffered()), "%q", c.text)
		}
	}
}
