package lab_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"utmsim/internal/lab"
)

func TestSpecimen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(lab.MinSpecimen, 20_000).Draw(t, "size")
		message := lab.Specimen(size)
		require.Len(t, message, int(size))
		assert.Equal(t, bytes.Count(message, []byte("\r\n")), bytes.Count(message, []byte("\n")))
		assert.NotContains(t, string(message), "\n.")
		assert.True(t, bytes.HasSuffix(message, []byte("\r\n")))
		assert.Contains(t, string(message), "Message-ID: "+lab.SpecimenID(size)+"\r\n")
		_, attached, _ := strings.Cut(string(message), "filename=\"noise.bin\"\r\n\r\n")
		attached, _, _ = strings.Cut(attached, "--specimen--")
		file, err := base64.StdEncoding.DecodeString(attached)
		require.NoError(t, err)
		want, err := io.ReadAll(lab.NewContent(int64(len(file))))
		require.NoError(t, err)
		assert.Equal(t, want, file)
	})
	assert.Len(t, lab.Specimen(1), lab.MinSpecimen)
}

func startFast(t *testing.T, start func(string, ...int64) (*lab.Fast, error), sizes ...int64) string {
	t.Helper()
	origin, err := start("127.0.0.1:0", sizes...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, origin.Close()) })
	return origin.Addr()
}

// say sends everything at once and returns all that is answered.
func say(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func TestFastOriginsAnswerWhatComesTogether(t *testing.T) {
	const size = 2000
	message := string(lab.Specimen(size))
	assert.Equal(t, "+OK ready\r\n+OK\r\n+OK\r\n+OK 1 2000\r\n-ERR no such mail\r\n-ERR unknown command\r\n+OK 2000 octets\r\n"+message+".\r\n+OK bye\r\n",
		say(t, startFast(t, lab.StartFastPOP3, size), "USER x\r\npass y\r\nSTAT\r\nRETR 2\r\nXYZ\r\nRETR 1\r\nQUIT\r\n"))
	assert.Equal(t, "200 ready\r\n200 ready\r\n101 capabilities\r\nVERSION 2\r\nREADER\r\n.\r\n430 no such article\r\n500 unknown command\r\n220 0 "+lab.SpecimenID(size)+"\r\n"+message+".\r\n205 bye\r\n",
		say(t, startFast(t, lab.StartFastNNTP, size), "MODE READER\r\nCAPABILITIES\r\nARTICLE <x>\r\nXYZ\r\nARTICLE "+lab.SpecimenID(size)+"\r\nQUIT\r\n"))
	assert.Equal(t, "* OK [CAPABILITY IMAP4rev1] ready\r\na OK done\r\nb NO nothing like that\r\nc BAD unknown command\r\n* 1 FETCH (BODY[] {2000}\r\n"+message+")\r\nd OK done\r\n* BYE\r\ne OK done\r\n",
		say(t, startFast(t, lab.StartFastIMAP, size), "a LOGIN x y\r\nb FETCH 2 BODY.PEEK[]\r\nc XYZ\r\nd FETCH 1 BODY.PEEK[]\r\ne LOGOUT\r\n"))
	mails := "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<x>\r\nDATA\r\n" + message + ".\r\n" + "DATA\r\nsomething else\r\n.\r\nXYZ\r\nQUIT\r\n"
	assert.Equal(t, "220 lab.test ready\r\n250-lab.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n250 2.0.0 fine\r\n250 2.0.0 fine\r\n354 go ahead\r\n250 2.0.0 taken\r\n354 go ahead\r\n554 5.6.0 not what was sent\r\n500 5.5.1 unknown command\r\n221 2.0.0 bye\r\n",
		say(t, startFast(t, lab.StartFastSMTP, size), mails))
	assert.Equal(t, "220 ready\r\n331 and the password\r\n230 welcome\r\n200 fine\r\n550 no such file\r\n425 use PASV first\r\n502 unknown command\r\n221 bye\r\n",
		say(t, startFast(t, lab.StartFastFTP, size), "USER x\r\nPASS y\r\nTYPE I\r\nRETR x\r\nRETR "+lab.FastFile(size)+"\r\nXYZ\r\nQUIT\r\n"))
}

// A mail that comes in pieces of any size is the same mail.
func TestFastSMTPTakesMailsInPieces(t *testing.T) {
	const size = 100_000
	address := startFast(t, lab.StartFastSMTP, size)
	mail := lab.Specimen(size)
	for _, piece := range []int{1000, 4095, 16 << 10, size - 1} {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		text := append(append([]byte("DATA\r\n"), mail...), ".\r\nQUIT\r\n"...)
		for len(text) > 0 {
			n := min(piece, len(text))
			_, err = conn.Write(text[:n])
			require.NoError(t, err)
			text = text[n:]
		}
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Equal(t, "220 lab.test ready\r\n354 go ahead\r\n250 2.0.0 taken\r\n221 2.0.0 bye\r\n", string(answer))
		require.NoError(t, conn.Close())
	}
}

func TestFastOriginsRefuseSizes(t *testing.T) {
	for _, start := range []func(string, ...int64) (*lab.Fast, error){lab.StartFastSMTP, lab.StartFastPOP3, lab.StartFastIMAP, lab.StartFastNNTP} {
		for _, size := range []int64{lab.MinSpecimen - 1, 256<<20 + 1} {
			_, err := start("127.0.0.1:0", size)
			require.ErrorContains(t, err, "preparing a message of")
		}
	}
	_, err := lab.StartFastFTP("127.0.0.1:0", -1)
	require.ErrorContains(t, err, "preparing a file of -1 bytes")
	address := startFast(t, lab.StartFastPOP3, lab.MinSpecimen)
	_, err = lab.StartFastPOP3(address, lab.MinSpecimen)
	require.ErrorContains(t, err, "listening on")
}

// The relay stands between the data connections too, whose ports are its own.
func TestFTPRelay(t *testing.T) {
	const size = 300_000
	origin := startFast(t, lab.StartFastFTP, size)
	relay, err := lab.StartFTPRelay("127.0.0.1:0", origin)
	require.NoError(t, err)
	defer func() { require.NoError(t, relay.Close()) }()
	control, err := net.Dial("tcp", relay.Addr())
	require.NoError(t, err)
	defer func() { require.NoError(t, control.Close()) }()
	require.NoError(t, control.SetDeadline(time.Now().Add(time.Minute)))
	replies := bufio.NewReader(control)
	reply := func(command string) string {
		_, err := io.WriteString(control, command)
		require.NoError(t, err)
		text, err := replies.ReadString('\n')
		require.NoError(t, err)
		return strings.TrimSpace(text)
	}
	assert.Equal(t, "220 ready", reply(""))
	want, err := io.ReadAll(lab.NewContent(size))
	require.NoError(t, err)
	for range 3 {
		passive := reply("PASV\r\n")
		require.True(t, strings.HasPrefix(passive, "227 "), passive)
		data, err := net.Dial("tcp", passiveAddress(t, passive))
		require.NoError(t, err)
		assert.Equal(t, "150 coming", reply("RETR "+lab.FastFile(size)+"\r\n"))
		got, err := io.ReadAll(data)
		require.NoError(t, err)
		require.NoError(t, data.Close())
		assert.Equal(t, want, got)
		assert.Equal(t, "226 that was all", reply(""))
	}
	passive := reply("PASV\r\n")
	assert.Equal(t, "502 unknown command", reply("XYZ\r\n"), "a client that does not come holds nothing up: %s", passive)
	assert.Equal(t, "221 bye", reply("QUIT\r\n"))
	_, err = replies.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// passiveAddress is where a 227 says to connect to.
func passiveAddress(t *testing.T, reply string) string {
	t.Helper()
	_, list, _ := strings.Cut(reply, "(")
	list, _, found := strings.Cut(list, ")")
	require.True(t, found, reply)
	numbers := strings.Split(list, ",")
	require.Len(t, numbers, 6)
	var ports [2]int
	for i, text := range numbers[4:] {
		for _, digit := range text {
			ports[i] = ports[i]*10 + int(digit-'0')
		}
	}
	return (&net.TCPAddr{IP: net.ParseIP(strings.Join(numbers[:4], ".")), Port: ports[0]<<8 | ports[1]}).String()
}
