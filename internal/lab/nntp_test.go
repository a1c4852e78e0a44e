package lab_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startNNTP(t *testing.T) (*lab.NNTP, string) {
	t.Helper()
	origin := lab.NewNNTP()
	address, err := origin.Listen("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, address
}

func article(group, id, body string) string {
	return "Path: x\r\nFrom: a@b.test\r\nNewsgroups: " + group + "\r\nSubject: s\r\nMessage-ID: " + id +
		"\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\n\r\n" + body
}

func stuffed(content string) string {
	content = strings.ReplaceAll("\r\n"+content, "\r\n.", "\r\n..")
	return strings.TrimPrefix(content, "\r\n") + ".\r\n"
}

func TestNNTPReading(t *testing.T) {
	origin, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	s.say("CAPABILITIES", "101 ")
	capabilities := strings.Split(s.block(), "\r\n")
	for _, word := range []string{"VERSION 2", "READER", "POST", "IHAVE", "STREAMING", "OVER MSGID", "AUTHINFO USER SASL"} {
		assert.Contains(t, capabilities, word)
	}
	s.say("MODE READER", "200 ")
	s.say("MODE NONSENSE", "501 ")
	s.say("LIST", "215 ")
	assert.Equal(t, "lab.test 3 1 y\r\nlab.binaries 5 1 y\r\n", s.block())
	s.say("LIST NEWSGROUPS *.b*", "215 ")
	assert.Equal(t, "lab.binaries\tFiles, clean and infected\r\n", s.block())
	s.say("LIST ACTIVE *,!lab.test", "215 ")
	assert.Equal(t, "lab.binaries 5 1 y\r\n", s.block())
	s.say("LIST ACTIVE.TIMES", "215 ")
	s.block()
	s.say("LIST OVERVIEW.FMT", "215 ")
	s.block()
	s.say("LIST HEADERS", "215 ")
	s.block()
	s.say("LIST NOTHING", "501 ")
	s.say("ARTICLE", "412 ")
	s.say("ARTICLE 1", "412 ")
	s.say("LISTGROUP", "412 ")
	s.say("GROUP lab.nothing", "411 ")
	s.say("GROUP lab.test", "211 3 1 3 lab.test")
	s.say("STAT", "223 1 <welcome@news.lab.test>")
	s.say("NEXT", "223 2 ")
	s.say("LAST", "223 1 ")
	s.say("LAST", "422 ")
	s.say("LISTGROUP lab.test 2-", "211 3 1 3 lab.test")
	assert.Equal(t, "2\r\n3\r\n", s.block())
	s.say("LISTGROUP lab.test 3-2", "211 ")
	assert.Empty(t, s.block())
	s.say("LISTGROUP lab.test x", "501 ")

	dots := string(origin.Articles(lab.GroupTest)[1].Content)
	head, body, _ := strings.Cut(dots, "\r\n\r\n")
	s.say("ARTICLE 2", "220 2 <dots@news.lab.test>")
	assert.Equal(t, stuffed(dots), s.block()+".\r\n")
	s.say("HEAD", "221 2 ")
	assert.Equal(t, head+"\r\n", s.block())
	s.say("BODY <dots@news.lab.test>", "222 0 <dots")
	assert.Equal(t, stuffed(body), s.block()+".\r\n")
	s.say("STAT 4", "423 ")
	s.say("STAT 0", "423 ")
	s.say("STAT x", "501 ")
	s.say("STAT <none@here>", "430 ")
	s.say("XOVER 2-3", "224 ")
	overview := strings.Split(s.block(), "\r\n")
	require.Len(t, overview, 3)
	assert.Equal(t, fmt.Sprintf("2\tLab article: dots\tBob <bob@lab.test>\tMon, 05 Jan 2026 09:01:00 +0000\t<dots@news.lab.test>\t\t%d\t3", len(dots)), overview[0])
	s.say("OVER", "224 ")
	assert.Contains(t, s.block(), "2\tLab article: dots")
	s.say("OVER <dots@news.lab.test>", "224 ")
	assert.Contains(t, s.block(), "0\tLab")
	s.say("OVER 7-9", "423 ")
	s.say("HDR Subject 1-2", "225 ")
	assert.Equal(t, "1 Lab article: welcome\r\n2 Lab article: dots\r\n", s.block())
	s.say("XHDR :lines 2", "221 ")
	assert.Equal(t, "2 3\r\n", s.block())
	s.say("NEWGROUPS 20200101 000000 GMT", "231 ")
	assert.Contains(t, s.block(), "lab.test 3 1 y")
	s.say("NEWGROUPS 20300101 000000", "231 ")
	assert.Empty(t, s.block())
	s.say("NEWGROUPS 260199 000000", "501 ")
	s.say("NEWNEWS lab.test 260105 090200 GMT", "230 ")
	assert.Equal(t, "<umlauts@news.lab.test>\r\n", s.block())
	s.say("DATE", "111 20")
	s.say("HELP", "100 ")
	assert.Contains(t, s.block(), "TAKETHIS")
	s.say("FROBNICATE", "500 ")
	s.say("GROUP", "501 ")
	s.say("GROUP lab.binaries", "211 5 1 5 lab.binaries")
	s.say("QUIT", "205 ")
	assert.Empty(t, s.gone())
	assert.Equal(t, int64(3), origin.Counts().Served)
}

func TestNNTPFiles(t *testing.T) {
	origin, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	s.say("GROUP lab.binaries", "211 ")
	files := map[string][]byte{}
	for number := 1; number <= 5; number++ {
		s.say(fmt.Sprintf("BODY %d", number), "222 ")
		body := strings.TrimPrefix(strings.ReplaceAll("\r\n"+s.block(), "\r\n..", "\r\n."), "\r\n")
		name, content := decodeNews(t, body)
		files[fmt.Sprintf("%d %s", number, name)] = content
	}
	clean := make([]byte, 3000)
	_, err := lab.NewContent(3000).Read(clean)
	require.NoError(t, err)
	assert.Equal(t, map[string][]byte{
		"1 report.bin": clean, "2 report.bin": clean,
		"3 eicar.com": lab.EICAR(), "4 eicar.com": lab.EICAR(), "5 eicar.zip": lab.EICARZip(),
	}, files)
	for _, a := range origin.Articles(lab.GroupBinaries) {
		assert.NotContains(t, string(a.Content), string(lab.EICAR()))
	}
}

// decodeNews decodes a body of one uuencoded or yEnc file, written from the
// formats' descriptions and not from the encoders.
func decodeNews(t *testing.T, body string) (name string, content []byte) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(body, "\r\n"), "\r\n")
	first := strings.Fields(lines[0])
	if first[0] == "begin" {
		for _, line := range lines[1 : len(lines)-2] {
			length := int(line[0]-32) & 63
			bits := []byte(line[1:])
			var out []byte
			for ; len(bits) >= 4; bits = bits[4:] {
				word := 0
				for _, c := range bits[:4] {
					word = word<<6 | int(c-32)&63
				}
				out = append(out, byte(word>>16), byte(word>>8), byte(word))
			}
			content = append(content, out[:length]...)
		}
		assert.Equal(t, []string{"`", "end"}, lines[len(lines)-2:])
		return first[2], content
	}
	require.Equal(t, "=ybegin", first[0])
	escaped := false
	for _, line := range lines[1 : len(lines)-1] {
		for _, c := range []byte(line) {
			switch {
			case escaped:
				content, escaped = append(content, c-64-42), false
			case c == '=':
				escaped = true
			default:
				content = append(content, c-42)
			}
		}
	}
	assert.Equal(t, fmt.Sprintf("=yend size=%d crc32=%08x", len(content), crc32.ChecksumIEEE(content)), lines[len(lines)-1])
	return strings.TrimPrefix(first[3], "name="), content
}

func TestNNTPPosting(t *testing.T) {
	origin, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	first := article("lab.test,lab.binaries,else.where", "<one@b>", ".\r\n..\r\n\xff\x80 eight bits\r\n")
	s.say("POST", "340 ")
	s.send(stuffed(first))
	s.hear("240 ")
	got := origin.Articles(lab.GroupTest)
	require.Len(t, got, 4)
	assert.Equal(t, first, string(got[3].Content))
	assert.Equal(t, []string{"lab.test", "lab.binaries"}, got[3].Groups)
	assert.Len(t, origin.Articles(lab.GroupBinaries), 6)

	bare := "From: a@b.test\r\nNewsgroups: lab.test\r\nSubject: no id\r\n\r\nbody\r\n"
	s.say("POST", "340 ")
	s.send(bare + ".\r\n")
	s.hear("240 ")
	posted := origin.Articles(lab.GroupTest)[4]
	assert.True(t, strings.HasSuffix(string(posted.Content), "\r\n"+bare))
	assert.Contains(t, string(posted.Content), "Message-ID: "+posted.ID+"\r\n")
	s.say("STAT "+posted.ID, "223 0 "+posted.ID)

	refused := []struct{ name, content string }{
		{"the same again", first},
		{"unknown group", article("else.where", "<two@b>", "x\r\n")},
		{"no groups", "From: a\r\nSubject: s\r\n\r\nx\r\n"},
		{"bare LF", article("lab.test", "<three@b>", "a\n.\nb\r\n")},
		{"bare CR", article("lab.test", "<four@b>", "a\r.\rb\r\n")},
		{"NUL", article("lab.test", "<five@b>", "a\x00b\r\n")},
		{"bad id", article("lab.test", "six", "x\r\n")},
		{"nothing", ""},
	}
	for _, test := range refused {
		s.say("POST", "340 ")
		s.send(stuffed(test.content))
		s.hear("441 ")
	}
	counts := origin.Counts()
	assert.Equal(t, int64(2), counts.Stored)
	assert.Equal(t, int64(len(first)+len(bare)), counts.StoredBytes)
	assert.Equal(t, int64(len(refused)), counts.Rejected)
}

func TestNNTPFeeding(t *testing.T) {
	origin, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	s.say("IHAVE <one@b>", "335 ")
	s.send(stuffed(article("lab.test", "<one@b>", "x\r\n")))
	s.hear("235 ")
	s.say("IHAVE <one@b>", "435 ")
	s.say("IHAVE one", "501 ")
	s.say("IHAVE <two@b>", "335 ")
	s.send(stuffed(article("lab.test", "<other@b>", "x\r\n")))
	s.hear("437 ")
	s.say("MODE STREAM", "203 ")
	s.send("CHECK <one@b>\r\nCHECK <three@b>\r\nTAKETHIS <three@b>\r\n" + stuffed(article("lab.test", "<three@b>", ".x\r\n")) +
		"CHECK <three@b>\r\nTAKETHIS <three@b>\r\n" + stuffed(article("lab.test", "<three@b>", ".x\r\n")) + "TAKETHIS <bad\r\n" + stuffed("QUIT\r\n") + "DATE\r\n")
	s.hear("438 <one@b>", "238 <three@b>", "239 <three@b>", "438 <three@b>", "439 <three@b>", "439 <bad", "111 ")
	// The end of the article, one byte at a time.
	s.send("TAKETHIS <four@b>\r\n")
	for _, c := range stuffed(article("lab.test", "<four@b>", "x\r\n")) {
		s.send(string(c))
	}
	s.hear("239 <four@b>")
	assert.Equal(t, int64(3), origin.Counts().Stored)

	s.send("TAKETHIS <five@b>\r\nFrom: half")
	require.NoError(t, s.conn.Close())
	require.Eventually(t, func() bool { return origin.Counts().Open == 0 }, 20*1e9, 1e6)
	assert.Equal(t, int64(1), origin.Counts().Broken)
	assert.Equal(t, int64(len("From: half")), origin.Counts().BrokenBytes)
}

func TestNNTPLogin(t *testing.T) {
	_, address := startNNTP(t)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00lab"))
	tests := []struct {
		name, lines string
		want        []string
	}{
		{"user", "AUTHINFO USER alice\r\nAUTHINFO PASS lab\r\nAUTHINFO USER alice\r\n", []string{"381 ", "281 ", "502 "}},
		{"wrong", "AUTHINFO USER alice\r\nAUTHINFO PASS LAB\r\n", []string{"381 ", "481 "}},
		{"password first", "AUTHINFO PASS lab\r\n", []string{"482 "}},
		{"sasl", "AUTHINFO SASL PLAIN " + plain + "\r\n", []string{"281 "}},
		{"sasl asked for", "AUTHINFO SASL PLAIN\r\n" + plain + "\r\n", []string{"383 ", "281 "}},
		{"sasl cancelled", "AUTHINFO SASL PLAIN\r\n*\r\n", []string{"383 ", "481 "}},
		{"sasl malformed", "AUTHINFO SASL PLAIN x\r\n", []string{"482 "}},
		{"other mechanism", "AUTHINFO SASL GSSAPI\r\n", []string{"503 "}},
		{"other", "AUTHINFO GENERIC x\r\n", []string{"501 "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := converseWith(t, address, "200 ")
			s.send(test.lines)
			s.hear(test.want...)
		})
	}
}

func TestNNTPPipelining(t *testing.T) {
	_, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	s.send("GROUP lab.binaries\r\n" + strings.Repeat("BODY 1\r\nSTAT 2\r\n", 200) + "QUIT\r\n")
	s.hear("211 ")
	var first string
	for range 200 {
		s.hear("222 ")
		if body := s.block(); first == "" {
			first = body
		} else {
			require.Equal(t, first, body)
		}
		s.hear("223 ")
	}
	s.hear("205 ")
}

func TestNNTPTooLarge(t *testing.T) {
	origin, address := startNNTP(t)
	s := converseWith(t, address, "200 ")
	s.say("POST", "340 ")
	line := append(bytes.Repeat([]byte("x"), 1<<20-2), "\r\n"...)
	s.send("From: a@b.test\r\nNewsgroups: lab.test\r\nSubject: s\r\n\r\n")
	for range lab.MaxArticleSize >> 20 {
		s.send(string(line))
	}
	s.send(".\r\n")
	s.hear("441 not posted: the article is too large")
	s.say("DATE", "111 ")
	s.say("STAT "+strings.Repeat("x", 600), "501 line too long")
	s.gone()
	assert.Len(t, origin.Articles(lab.GroupTest), 3)
}
