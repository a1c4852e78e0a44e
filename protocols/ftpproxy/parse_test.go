package ftpproxy

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCleanLine(t *testing.T) {
	for in, want := range map[string]string{
		"NOOP\r\n":                     "NOOP\r\n",
		"\xff\xf4\xff\xf2ABOR\r\n":     "ABOR\r\n",
		"\xff\xfb\x01NO\xff\xf1OP\r\n": "NOOP\r\n",
		"CWD \xff\xff\r\n":             "CWD \xff\xff\r\n",
		"CWD \xc3\xa4\t\r\n":           "CWD \xc3\xa4\t\r\n",
		"\r\n":                         "\r\n",
	} {
		got, err := cleanLine([]byte(in))
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, string(got), "%q", in)
	}
	for in, want := range map[string]fault{
		"NOOP\n": faultLineEnd, "NOOP": faultLineEnd, "": faultLineEnd, "A\rB\r\n": faultLineEnd, "\r\r\n": faultLineEnd,
		"A\x00\r\n": faultControl, "A\x7f\r\n": faultControl, "\x1b[\r\n": faultControl,
		"A\xff\r\n": faultTelnet, "\xff\xfaX\r\n": faultTelnet, "\xff\xf0\r\n": faultTelnet, "\xffX\r\n": faultTelnet, "\xff\xfb\r\n": faultTelnet,
	} {
		_, err := cleanLine([]byte(in))
		assert.Equal(t, want, err, "%q", in)
	}
}

func TestParsePort(t *testing.T) {
	at, err := parsePort("127,0,0,1,200,13")
	require.NoError(t, err)
	assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:51213"), at)
	for _, in := range []string{"", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,1,1", "1,2,3,4,5,-6", "1,2,3,4,5,+6", "1, 2,3,4,5,6", "1,2,3,4,5,", "a,b,c,d,e,f", "1,2,3,4,5,0x6"} {
		_, err := parsePort(in)
		assert.Equal(t, faultAddress, err, in)
	}
}

func TestParseEPRT(t *testing.T) {
	for in, want := range map[string]string{
		"|1|127.0.0.1|50000|": "127.0.0.1:50000", "!2!::1!1024!": "[::1]:1024", "|2|2001:db8::1|65535|": "[2001:db8::1]:65535",
	} {
		at, err := parseEPRT(in)
		require.NoError(t, err, in)
		assert.Equal(t, netip.MustParseAddrPort(want), at)
	}
	for in, want := range map[string]fault{
		"": faultAddress, "|": faultAddress, "|1|127.0.0.1|50000": faultAddress, "|1|127.0.0.1|50000|x": faultAddress, "|1|127.0.0.1|50000||": faultAddress,
		"|1|::1|50000|": faultAddress, "|2|127.0.0.1|50000|": faultAddress, "|2|fe80::1%eth0|50000|": faultAddress, "|1|host|50000|": faultAddress,
		"|1|127.0.0.1|65536|": faultAddress, "|1|127.0.0.1||": faultAddress, "|x|127.0.0.1|50000|": faultAddress, " 1 127.0.0.1 50000 ": faultAddress,
		"|3|127.0.0.1|50000|": faultFamily,
	} {
		_, err := parseEPRT(in)
		assert.Equal(t, want, err, in)
	}
}

func TestPassivePort(t *testing.T) {
	for _, in := range []string{
		"227 Entering Passive Mode (192,0,2,1,200,13).\r\n", "227 Entering Passive Mode. 192,0,2,1,200,13\r\n", "227 =192,0,2,1,200,13\r\n",
		"227-2 lines\r\n227 (192,0,2,1,200,13)\r\n", "227 (192,0,2,1,200,13,)\r\n",
	} {
		port, err := passivePort([]byte(in))
		require.NoError(t, err, in)
		assert.EqualValues(t, 51213, port, in)
	}
	for _, in := range []string{"227", "227 ok\r\n", "227 (192,0,2,1,0,80)\r\n", "227 (192,0,2,1,3,255)\r\n", "227 (192,0,2,1,256,0)\r\n", "227 (192,0,2,1,200)\r\n", "227 (1,2,3,4,5,6,7)\r\n"} {
		_, err := passivePort([]byte(in))
		assert.Error(t, err, in)
	}
}

func TestExtendedPort(t *testing.T) {
	for _, in := range []string{"229 Entering (|||51213|)\r\n", "229 (!!!51213!) ok\r\n"} {
		port, err := extendedPort([]byte(in))
		require.NoError(t, err, in)
		assert.EqualValues(t, 51213, port, in)
	}
	for _, in := range []string{"229 ok\r\n", "229 ()\r\n", "229 (|||)\r\n", "229 (||||)\r\n", "229 (|||80|)\r\n", "229 (|||65536|)\r\n", "229 (|1|1.2.3.4|51213|)\r\n", "229 (|||51213)\r\n", "229 (|||51213|\r\n", "229 (111512131)\r\n", "229 (   51213 )\r\n"} {
		_, err := extendedPort([]byte(in))
		assert.Error(t, err, in)
	}
}

func TestParseLogin(t *testing.T) {
	for in, want := range map[string]struct {
		user string
		to   target
	}{
		"alice@host":              {"alice", target{"host", 21}},
		"alice@lab.test@host:212": {"alice@lab.test", target{"host", 212}},
		"a@192.0.2.1:1":           {"a", target{"192.0.2.1", 1}},
		"a@[::1]":                 {"a", target{"::1", 21}},
		"a@[2001:db8::1]:2121":    {"a", target{"2001:db8::1", 2121}},
	} {
		user, to, ok := parseLogin(in)
		assert.True(t, ok, in)
		assert.Equal(t, want.user, user)
		assert.Equal(t, want.to, to)
	}
	for _, in := range []string{"", "alice", "@host", "a@", "a@:21", "a@host:", "a@host:0", "a@host:65536", "a@host:x", "a@::1", "a@[::1", "a@[x]", "a@[127.0.0.1]", "a@[::1]x", "a@ho st", "a@ho/st", "a@host:1:2"} {
		_, _, ok := parseLogin(in)
		assert.False(t, ok, in)
	}
}

func TestStoredName(t *testing.T) {
	for in, want := range map[string]string{
		"150 FILE: x.1\r\n": "x.1", "125 FILE: /in/a b\r\n": "/in/a b", "150-FILE: x\r\n150 go\r\n": "x",
		"150 go\r\n": "", "150": "", "150 FILE: \r\n": "", "150 FILE: a\x00\r\n": "", "150 file x\r\n": "",
	} {
		assert.Equal(t, want, storedName([]byte(in)), "%q", in)
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "/a/b.zip": "b.zip", `c:\d\e`: "e", "a/": "", "x\xff\xffy": "x\xffy"} {
		assert.Equal(t, want, fileName(in), in)
	}
}
