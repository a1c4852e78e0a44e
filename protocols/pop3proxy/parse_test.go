package pop3proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want command
		err  error
	}{
		{line: "USER alice\r\n", want: command{kind: single}},
		{line: "PASS  two  blanks \r\n", want: command{kind: single}},
		{line: "stat\r\n", want: command{kind: single}},
		{line: "dele 1\r\n", want: command{kind: single, final: true}},
		{line: "QUIT\r\n", want: command{kind: goodbye, final: true}},
		{line: "ReTr 1\r\n", want: command{kind: message}},
		{line: "TOP 1 10\r\n", want: command{kind: message}},
		{line: "RETR\r\n", want: command{kind: message}},
		{line: "LIST\r\n", want: command{kind: listing}},
		{line: "LIST \r\n", want: command{kind: listing}},
		{line: "LIST 1\r\n", want: command{kind: single}},
		{line: "UIDL\r\n", want: command{kind: listing}},
		{line: "UIDL 7\r\n", want: command{kind: single}},
		{line: "LANG\r\n", want: command{kind: listing}},
		{line: "LANG de\r\n", want: command{kind: single}},
		{line: "UTF8\r\n", want: command{kind: single}},
		{line: "CAPA\r\n", want: command{kind: capabilities}},
		{line: "AUTH\r\n", want: command{kind: listing}},
		{line: "AUTH PLAIN =\r\n", want: command{kind: login}},
		{line: "STLS\r\n", want: command{kind: upgrade}},
		{line: "compress deflate\r\n", want: command{kind: upgrade}},
		{line: "\r\n", want: command{kind: unknown}},
		{line: " RETR 1\r\n", want: command{kind: unknown}},
		{line: "RETR\t1\r\n", want: command{kind: unknown}},
		{line: "XTND XMIT\r\n", want: command{kind: unknown}},
		{line: "VERYLONGVERB 1\r\n", want: command{kind: unknown}},
		{line: "STAT\n", err: faultLineEnd},
		{line: "\n", err: faultLineEnd},
		{line: "STAT\rNOOP\r\n", err: faultChar},
		{line: "STAT\r\r\n", err: faultChar},
		{line: "PASS a\x00\r\n", err: faultChar},
	} {
		got, err := parseCommand([]byte(c.line))
		assert.Equal(t, c.err, err, "%q", c.line)
		if err == nil {
			assert.Equal(t, c.want, got, "%q", c.line)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for _, c := range []struct {
		line       string
		challenges bool
		want       status
		err        error
	}{
		{line: "+OK\r\n", want: statusOK},
		{line: "+OK 1 2\r\n", want: statusOK},
		{line: "-ERR\r\n", want: statusError},
		{line: "-ERR [AUTH] no\r\n", want: statusError},
		{line: "+\r\n", challenges: true, want: statusChallenge},
		{line: "+ \r\n", challenges: true, want: statusChallenge},
		{line: "+ OK\r\n", challenges: true, want: statusChallenge},
		{line: "+OK\r\n", challenges: true, want: statusOK},
		{line: "+ \r\n", err: faultStatus},
		{line: "+OKAY\r\n", err: faultStatus},
		{line: "+OKAY\r\n", challenges: true, err: faultStatus},
		{line: "+ok\r\n", err: faultStatus},
		{line: "-ERROR\r\n", err: faultStatus},
		{line: "\r\n", err: faultStatus},
		{line: "* BYE\r\n", err: faultStatus},
		{line: "+OK\n", err: faultLineEnd},
		{line: "+OK\r-ERR\r\n", err: faultChar},
	} {
		got, err := parseStatus([]byte(c.line), c.challenges)
		assert.Equal(t, c.err, err, "%q", c.line)
		if err == nil {
			assert.Equal(t, c.want, got, "%q", c.line)
		}
	}
}

func TestOpaque(t *testing.T) {
	for line, want := range map[string]bool{
		"STLS\r\n": true, "stls\r\n": true, "COMPRESS DEFLATE\r\n": true, "STLSX\r\n": false, "TOP\r\n": false,
		"SASL STLS\r\n": false, "\r\n": false, ".\r\n": false, " STLS\r\n": false,
	} {
		assert.Equal(t, want, opaque([]byte(line)), "%q", line)
	}
}
