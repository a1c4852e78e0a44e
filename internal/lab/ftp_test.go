package lab_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
)

func startFTP(t *testing.T, at string) (*lab.FTP, string) {
	t.Helper()
	origin := lab.NewFTP()
	address, err := origin.Listen(at)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin, address
}

func loginFTP(t *testing.T, address string) *script {
	t.Helper()
	s := converseWith(t, address, "220 ")
	s.say("USER anonymous", "331 ")
	s.say("PASS", "230 ")
	return s
}

// passive sends PASV or EPSV and connects to where the answer says.
func (s *script) passive(command string) net.Conn {
	s.t.Helper()
	s.send(command + "\r\n")
	line := s.line()
	host := s.conn.RemoteAddr().(*net.TCPAddr).IP.String()
	var port int
	if command == "PASV" {
		var a, b, c, d, high, low int
		_, err := fmt.Sscanf(line, "227 Entering Passive Mode (%d,%d,%d,%d,%d,%d)", &a, &b, &c, &d, &high, &low)
		require.NoError(s.t, err, line)
		host, port = fmt.Sprintf("%d.%d.%d.%d", a, b, c, d), high<<8|low
	} else {
		_, err := fmt.Sscanf(line, "229 Entering Extended Passive Mode (|||%d|)", &port)
		require.NoError(s.t, err, line)
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// fetch runs a command over a passive connection and returns what came.
func (s *script) fetch(command string) string {
	s.t.Helper()
	conn := s.passive("PASV")
	s.say(command, "150 ")
	data, err := io.ReadAll(conn)
	require.NoError(s.t, err)
	s.hear("226 ")
	return string(data)
}

// store uploads over a passive connection.
func (s *script) store(command, content string) {
	s.t.Helper()
	conn := s.passive("EPSV")
	s.say(command, "150 ")
	_, err := io.WriteString(conn, content)
	require.NoError(s.t, err)
	require.NoError(s.t, conn.Close())
	s.hear("226 ")
}

func TestFTPTranscript(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	s := converseWith(t, address, "220 ")
	s.say("PWD", "530 ")
	s.say("PASV", "530 ")
	s.say("USER alice", "331 ")
	s.say("PASS wrong", "530 ")
	s.say("AUTH TLS", "500 ")
	s.say("USER alice", "331 ")
	s.say("PASS lab", "230 ")
	s.say("SYST", "215 UNIX")
	s.say("FEAT", "211-", " EPSV", " EPRT", " REST STREAM", " MLST", " SIZE", " MDTM", " TVFS", " UTF8", "211 End")
	s.say("TYPE I", "200 ")
	s.say("PWD", `257 "/"`)
	s.say("SIZE big.bin", "213 104857600")
	s.say("SIZE nothing", "550 ")
	s.say("MDTM eicar.com", "213 20260105090000")
	s.say("RETR eicar.com", "425 ")
	s.say("RETR nothing", "550 ")
	s.say("RETR incoming", "550 ")
	assert.Equal(t, string(lab.EICAR()), s.fetch("RETR eicar.com"))
	assert.Equal(t, string(lab.EICARZip()), s.fetch("RETR /eicar.zip"))
	assert.Equal(t, "big.bin\r\neicar.com\r\neicar.zip\r\nincoming\r\nreadme.txt\r\n", s.fetch("NLST"))
	long := strings.Split(s.fetch("LIST -la"), "\r\n")
	require.Len(t, long, 6)
	assert.Regexp(t, `^-rw-r--r-- 1 lab lab    104857600 Jan  5 .....? big\.bin$`, long[0])
	assert.Regexp(t, `^drwxr-xr-x 1 lab lab            0 Jan  5 .....? incoming$`, long[3])
	assert.Contains(t, s.fetch("MLSD /"), "type=file;size=68;modify=20260105090000; eicar.com\r\n")
	s.say("MLST eicar.com", "250-", " type=file;size=68;modify=20260105090000; /eicar.com", "250 ")
	s.say("STAT eicar.com", "213-", " -rw-r--r-- 1 lab lab           68", "213 ")
	s.say("STAT", "211-", " Logged in as alice", " TYPE", "211 ")

	s.say("REST 60", "350 ")
	assert.Equal(t, string(lab.EICAR()[60:]), s.fetch("RETR eicar.com"))
	assert.Equal(t, string(lab.EICAR()), s.fetch("RETR eicar.com"), "REST holds for one transfer")
	s.say("REST 69", "350 ")
	s.passive("EPSV")
	s.say("RETR eicar.com", "554 ")
	s.say("REST -1", "501 ")

	s.say("STOR readme.txt", "553 ")
	s.say("STOR incoming", "553 ")
	s.say("STOR incoming/no/such", "553 ")
	s.say("DELE eicar.com", "550 ")
	s.say("CWD incoming", "250 ")
	s.store("STOR file", "first\r\n\xff\x00")
	s.store("APPE file", "+more")
	s.say("REST 3", "350 ")
	s.store("STOR file", "XX")
	content, ok := origin.File("/incoming/file")
	assert.True(t, ok)
	assert.Equal(t, "firXX", string(content))
	s.say("MKD sub", "257 ")
	s.say("MKD sub", "550 ")
	s.say("RNFR file", "350 ")
	s.say("RNTO sub/moved", "250 ")
	s.say("RMD sub", "550 ")
	s.say("PWD", `257 "/incoming"`)
	s.say("DELE sub/moved", "250 ")
	s.say("RMD sub", "250 ")
	conn := s.passive("PASV")
	s.say("STOU", "150 FILE: /incoming/stou0001")
	require.NoError(t, conn.Close())
	s.hear("226 ")
	s.say("EPSV 2", "522 ")
	s.say("EPSV ALL", "200 ")
	s.say("PASV", "501 ")
	s.say("PORT 127,0,0,1,100,100", "501 ")
	s.say("ABOR", "226 ")
	s.say("MODE B", "504 ")
	s.say("NOOP", "200 ")
	s.say("FROB", "500 ")
	s.say("QUIT", "221 ")
	assert.Empty(t, s.gone())
	counts := origin.Counts()
	assert.Equal(t, int64(4), counts.Retrieved)
	assert.Equal(t, int64(4), counts.Stored)
	assert.Equal(t, int64(len("first\r\n\xff\x00+moreXX")), counts.StoredBytes)
	assert.Zero(t, counts.Broken)
	assert.Equal(t, int64(1), counts.Sessions)
}

func TestFTPActive(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(at, func(t *testing.T) {
			if at == "[::1]:0" && !haveIPv6() {
				t.Skip("this machine has no ::1")
			}
			origin, address := startFTP(t, at)
			s := loginFTP(t, address)
			listener, err := net.Listen("tcp", at)
			require.NoError(t, err)
			defer func() { require.NoError(t, listener.Close()) }()
			here := netip.MustParseAddrPort(listener.Addr().String())
			command := fmt.Sprintf("EPRT |2|%s|%d|", here.Addr(), here.Port())
			if here.Addr().Is4() {
				command = fmt.Sprintf("PORT 127,0,0,1,%d,%d", here.Port()>>8, here.Port()&0xff)
			} else {
				s.say("PASV", "425 ")
				s.say("EPSV 1", "522 ")
			}
			s.say(command, "200 ")
			s.say("RETR eicar.com", "150 ")
			conn, err := listener.Accept()
			require.NoError(t, err)
			data, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			s.hear("226 ")
			assert.Equal(t, lab.EICAR(), data)
			s.say(command, "200 ")
			s.say("STOR incoming/up", "150 ")
			conn, err = listener.Accept()
			require.NoError(t, err)
			_, err = io.WriteString(conn, "active")
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			s.hear("226 ")
			content, _ := origin.File("/incoming/up")
			assert.Equal(t, "active", string(content))
			conn = s.passive("EPSV")
			s.say("NLST incoming", "150 ")
			data, err = io.ReadAll(conn)
			require.NoError(t, err)
			assert.Equal(t, "up\r\n", string(data))
			s.hear("226 ")
		})
	}
}

func haveIPv6() bool {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	_ = listener.Close()
	return true
}

func TestFTPRefusesThirdParties(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	s := loginFTP(t, address)
	for command, want := range map[string]string{
		"PORT 127,0,0,2,100,100":      "500 ",
		"PORT 127,0,0,1,0,80":         "500 ",
		"PORT 127,0,0,1,100":          "501 ",
		"PORT 127,0,0,1,100,256":      "501 ",
		"PORT nonsense":               "501 ",
		"EPRT |1|127.0.0.9|9999|":     "500 ",
		"EPRT |2|127.0.0.1|9999|":     "501 ",
		"EPRT |3|127.0.0.1|9999|":     "522 ",
		"EPRT |1|127.0.0.1|99999|":    "501 ",
		"EPRT !1!127.0.0.1!":          "501 ",
		"EPRT |1|not-an-address|999|": "501 ",
	} {
		s.say(command, want)
	}
	s.say("EPSV", "229 ")
	s.say("PASV", "227 ")
	s.send("PASV\r\n")
	var high, low int
	_, err := fmt.Sscanf(s.line(), "227 Entering Passive Mode (127,0,0,1,%d,%d)", &high, &low)
	require.NoError(t, err)
	stranger := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}
	strange, err := stranger.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", high<<8|low))
	if err != nil {
		t.Skipf("this machine can't connect from 127.0.0.3: %v", err)
	}
	defer func() { _ = strange.Close() }()
	s.say("RETR eicar.com", "150 ")
	require.NoError(t, strange.SetDeadline(time.Now().Add(patience)))
	stolen, _ := io.ReadAll(strange)
	assert.Empty(t, stolen)
	own, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", high<<8|low))
	require.NoError(t, err)
	data, err := io.ReadAll(own)
	require.NoError(t, err)
	require.NoError(t, own.Close())
	s.hear("226 ")
	assert.Equal(t, lab.EICAR(), data)
	assert.Equal(t, int64(1), origin.Counts().DataRefused)
}

func TestFTPAbort(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	s := loginFTP(t, address)
	data := s.passive("PASV")
	s.say("RETR big.bin", "150 ")
	first := make([]byte, 100_000)
	_, err := io.ReadFull(data, first)
	require.NoError(t, err)
	s.send("\xff\xf4\xff\xf2ABOR\r\n")
	s.hear("426 ", "226 ")
	_, _ = io.Copy(io.Discard, data)
	data = s.passive("EPSV")
	s.say("STOR incoming/half", "150 ")
	_, err = io.WriteString(data, "half")
	require.NoError(t, err)
	s.say("ABOR", "426 ", "226 ")
	// Waiting for a data connection that never comes.
	s.say("EPSV", "229 ")
	s.say("LIST", "150 ")
	s.say("abor", "426 ", "226 ")
	// Other commands wait until the transfer is over.
	data = s.passive("EPSV")
	s.say("STOR incoming/whole", "150 ")
	s.send("NOOP\r\nSIZE incoming/whole\r\n")
	_, err = io.WriteString(data, "whole")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	s.hear("226 ", "200 ", "213 5")
	_, there := origin.File("/incoming/half")
	assert.False(t, there)
	assert.Equal(t, int64(3), origin.Counts().Aborted)
	// The control connection ends in the middle.
	data = s.passive("EPSV")
	s.say("RETR big.bin", "150 ")
	require.NoError(t, s.conn.Close())
	_, _ = io.Copy(io.Discard, data)
	require.Eventually(t, func() bool { return origin.Counts().Open == 0 }, patience, time.Millisecond)
	assert.Equal(t, int64(4), origin.Counts().Aborted)
}

func TestFTPBrokenUploadIsNotStored(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	s := loginFTP(t, address)
	data := s.passive("EPSV")
	s.say("STOR incoming/cut", "150 ")
	_, err := io.WriteString(data, "cut")
	require.NoError(t, err)
	require.NoError(t, data.(*net.TCPConn).SetLinger(0))
	require.NoError(t, data.Close())
	s.hear("426 ")
	_, there := origin.File("/incoming/cut")
	assert.False(t, there)
	assert.Equal(t, int64(1), origin.Counts().Broken)
	// More than the lab has room for.
	data = s.passive("EPSV")
	s.say("STOR incoming/huge", "150 ")
	piece := make([]byte, 1<<20)
	for range 300 {
		if _, err = data.Write(piece); err != nil {
			break
		}
	}
	require.Error(t, err, "the server closes")
	s.hear("552 ")
	s.store("STOR incoming/small", "x")
}

// TestFTPRotatesPassivePorts listens on a fixed port, as outside of tests.
func TestFTPRotatesPassivePorts(t *testing.T) {
	// Below the ports that the system gives to clients, which come and go.
	at := 0
	for try := 10_000 + os.Getpid()%10_000; at == 0; try += 200 {
		if free, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", try)); err == nil {
			require.NoError(t, free.Close())
			at = try
		}
	}
	_, address := startFTP(t, fmt.Sprintf("127.0.0.1:%d", at))
	s := loginFTP(t, address)
	seen := map[int]bool{}
	for range 50 {
		s.send("EPSV\r\n")
		var port int
		_, err := fmt.Sscanf(s.line(), "229 Entering Extended Passive Mode (|||%d|)", &port)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, port, at+79)
		assert.Less(t, port, at+179)
		assert.False(t, seen[port], "in turn")
		seen[port] = true
	}
}

func TestFTPClientInParallel(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			client, err := ftp.Dial(address, ftp.DialWithTimeout(patience))
			if !assert.NoError(t, err) {
				return
			}
			defer func() { assert.NoError(t, client.Quit()) }()
			assert.NoError(t, client.Login("alice", "lab"))
			name := fmt.Sprintf("/incoming/file%d", i)
			assert.NoError(t, client.Stor(name, lab.NewContent(int64(100_000+i))))
			response, err := client.RetrFrom(name, 10)
			if !assert.NoError(t, err) {
				return
			}
			data, err := io.ReadAll(response)
			assert.NoError(t, err)
			assert.NoError(t, response.Close())
			want := make([]byte, 100_000+i)
			_, _ = io.ReadFull(lab.NewContent(int64(len(want))), want)
			assert.True(t, bytes.Equal(want[10:], data))
		})
	}
	wait.Wait()
	client, err := ftp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, client.Login("anonymous", ""))
	entries, err := client.List("/incoming")
	require.NoError(t, err)
	assert.Len(t, entries, 50)
	size, err := client.FileSize("big.bin")
	require.NoError(t, err)
	assert.Equal(t, int64(lab.BigFileSize), size)
	_, err = client.Retr("nothing")
	var reply *textproto.Error
	require.ErrorAs(t, err, &reply)
	assert.Equal(t, 550, reply.Code)
	big, err := client.Retr("big.bin")
	require.NoError(t, err)
	sum := sha256.New()
	_, err = io.Copy(sum, big)
	require.NoError(t, err)
	require.NoError(t, big.Close())
	assert.Equal(t, lab.ContentSHA256(lab.BigFileSize), fmt.Sprintf("%x", sum.Sum(nil)))
	require.NoError(t, client.Quit())
	assert.Equal(t, int64(50), origin.Counts().Stored)
}

func TestFTPCloseEndsTransfersInEveryState(t *testing.T) {
	origin, address := startFTP(t, "127.0.0.1:0")
	waiting := loginFTP(t, address)
	waiting.say("EPSV", "229 ")
	opened := loginFTP(t, address)
	opened.say("EPSV", "229 ")
	opened.say("LIST", "150 ")
	sending := loginFTP(t, address)
	sending.passive("EPSV")
	sending.say("RETR big.bin", "150 ")
	receiving := loginFTP(t, address)
	receiving.passive("EPSV")
	receiving.say("STOR incoming/x", "150 ")
	halfLine := loginFTP(t, address)
	halfLine.send("NOO")
	require.NoError(t, origin.Close())
	for _, s := range []*script{waiting, opened, sending, receiving, halfLine} {
		s.gone()
	}
	assert.Zero(t, origin.Counts().Open)
}

func TestFTPLongLine(t *testing.T) {
	_, address := startFTP(t, "127.0.0.1:0")
	s := converseWith(t, address, "220 ")
	s.send("USER " + strings.Repeat("x", 5000) + "\r\n")
	s.hear("500 line too long")
	s.gone()
}
