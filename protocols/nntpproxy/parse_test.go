package nntpproxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseCommand(t *testing.T) {
	for line, want := range map[string]verb{
		"ARTICLE 1\r\n": verbSingle, "article\r\n": verbSingle, "Body\t<a@b>\r\n": verbSingle, "STAT\r\n": verbSingle,
		"GROUP a.b\r\n": verbSingle, "LISTGROUP\r\n": verbListing, "XOVER 1-\r\n": verbListing, "LIST ACTIVE\r\n": verbListing,
		"CAPABILITIES\r\n": verbCapabilities, "QUIT\r\n": verbQuit, "POST\r\n": verbPost, "ihave <a@b>\r\n": verbIhave,
		"MODE READER\r\n": verbMode, "MODE  stream\r\n": verbStream, "MODE\r\n": verbMode, "MODE STREAMS\r\n": verbMode,
		"CHECK <a@b>\r\n": verbCheck, "TakeThis <a@b>\r\n": verbTakeThis, "TAKETHIS\r\n": verbTakeThis,
		"AUTHINFO USER a\r\n": verbAuth, "AUTHINFO\r\n": verbAuth, "AUTHINFO generic x\r\n": verbRefused,
		"STARTTLS\r\n": verbTLS, "COMPRESS DEFLATE\r\n": verbTLS, "XFEATURE COMPRESS GZIP\r\n": verbTLS,
		"XBATCH 5\r\n": verbRefused, "XFOO.BAR-2_3 x\r\n": verbUnknown, "POSTING\r\n": verbUnknown, "AB\r\n": verbUnknown,
	} {
		got, err := parseCommand([]byte(line))
		require.NoError(t, err, "%q", line)
		assert.Equal(t, want, got, "%q", line)
	}
	for line, want := range map[string]fault{
		"POST\n": faultLineEnd, "\n": faultLineEnd, "PO\rST\r\n": faultChar, "POST\r\r\n": faultChar, "POST \x00\r\n": faultChar,
		"\r\n": faultName, " POST\r\n": faultName, "POST\x7f\r\n": faultName, "PO\xffST\r\n": faultName, ".\r\n": faultName, "1\r\n": faultName,
		"-\r\n": faultName, strings.Repeat("x", maxName+1) + "\r\n": faultName, "POST\v\r\n": faultName,
	} {
		_, err := parseCommand([]byte(line))
		assert.Equal(t, want, err, "%q", line)
	}
}

func TestParseStatus(t *testing.T) {
	for line, want := range map[string]int{"200\r\n": 200, "200 \r\n": 200, "111\t2\r\n": 111, "599 x\r\n": 599} {
		got, err := parseStatus([]byte(line))
		require.NoError(t, err, "%q", line)
		assert.Equal(t, want, got, "%q", line)
	}
	for line, want := range map[string]fault{
		"200 x\n": faultLineEnd, "200 \rx\r\n": faultChar, "200\x00\r\n": faultChar, "\r\n": faultStatus, "20\r\n": faultStatus,
		"2000\r\n": faultStatus, "200-x\r\n": faultStatus, "020 x\r\n": faultStatus, "600 x\r\n": faultStatus, "2x0 x\r\n": faultStatus, " 200\r\n": faultStatus,
	} {
		_, err := parseStatus([]byte(line))
		assert.Equal(t, want, err, "%q", line)
	}
}

func TestTakeThisID(t *testing.T) {
	for line, want := range map[string]string{
		"TAKETHIS <a@b>\r\n": "<a@b>", "takethis\t <a>\r\n": "<a>", "TAKETHIS <a@b> \r\n": "<a@b>",
		"TAKETHIS\r\n": "", "TAKETHIS a@b\r\n": "", "TAKETHIS <a@b> x\r\n": "", "TAKETHIS <>\r\n": "", "TAKETHIS <a>b>\r\n": "",
		"TAKETHIS <a\x01b>\r\n": "", "TAKETHIS <\xe4>\r\n": "", "TAKETHIS <" + strings.Repeat("x", 248) + ">\r\n": "<" + strings.Repeat("x", 248) + ">",
		"TAKETHIS <" + strings.Repeat("x", 249) + ">\r\n": "", "TAKETHIS" + strings.Repeat(" ", 500) + "<a@b>\r\n": "",
	} {
		assert.Equal(t, want, string(takeThisID([]byte(line))), "%q", line)
	}
}

func TestHasLines(t *testing.T) {
	for _, line := range []string{"HELP 100", "LIST 215", "LIST 202", "LISTGROUP 211", "XHDR 221", "XOVER 224", "HDR 225", "XPAT 298", "NEWNEWS 230", "STAT 220", "XFOO 222"} {
		assert.True(t, linesOf(t, line), line)
	}
	for _, line := range []string{"GROUP 211", "SLAVE 202", "DATE 111", "STAT 223", "ARTICLE 223", "LIST 503", "XFOO 211", "MODE 200", "POST 340", "LISTGROUP 411"} {
		assert.False(t, linesOf(t, line), line)
	}
}

// linesOf reads a command's name and the code of its reply.
func linesOf(t *testing.T, line string) bool {
	var name string
	var code int
	_, err := fmt.Sscan(line, &name, &code)
	require.NoError(t, err)
	return hasLines(verbs[name], code)
}
