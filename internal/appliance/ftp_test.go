package appliance_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"utmsim/internal/lab"
	"utmsim/protocols"
	"utmsim/scanner/samples"
)

// ftpStat waits until a line of "FTP Stat" has a value.
func (s *site) ftpStat(line string, want int64) {
	s.t.Helper()
	s.eventually(func() bool {
		got, ok := s.Engine().Report().Stat[protocols.FTP].Get(line)
		return ok && got == want
	}, "%s becomes %d", line, want)
}

// ftpUser is a session of anonymous through a proxy.
func (s *site) ftpUser(from string) *client {
	s.t.Helper()
	c := s.dialTo(from, s.proxyOf("FTP"))
	c.line("220 ")
	c.does("USER anonymous", "331 ")
	c.does("PASS x", "230 ")
	c.does("TYPE I", "200 ")
	return c
}

// ftpFetch downloads a file over a passive connection and returns what came and
// the last word.
func (c *client) ftpFetch(path string) (content, last string) {
	c.t.Helper()
	conn := c.passive()
	c.does("RETR "+path, "150 ")
	b, err := io.ReadAll(conn)
	require.NoError(c.t, err)
	conn.Close()
	return string(b), c.line("2", "4", "5")
}

// ftpStore uploads over a passive connection and returns the last word.
func (c *client) ftpStore(command, content string) string {
	c.t.Helper()
	conn := c.passive()
	c.does(command, "150 ")
	_, _ = io.WriteString(conn, content) // what is blocked may be cut short
	conn.Close()
	return c.line("2", "4", "5")
}

// TestFTPFailopen: with a full table and av-failopen pass a newcomer's files pass
// unscanned, through the proxy all the same, and those who are connected stay
// inspected.
func TestFTPFailopen(t *testing.T) {
	s := newSite(t, "config system resource-limits\nset proxy 2\nend\nconfig system global\nset av-failopen-session enable\nend\n")
	eicar := string(samples.EICAR())
	users := []*client{s.ftpUser(alice), s.ftpUser(alice)}
	newcomer := s.ftpUser(alice)
	for _, u := range users {
		got, last := u.ftpFetch("eicar.com")
		assert.Empty(t, got)
		assert.Contains(t, last, "EICAR_TEST_FILE")
	}
	got, last := newcomer.ftpFetch("eicar.com")
	assert.Equal(t, eicar, got)
	assert.Contains(t, last, "226 ")
	assert.Contains(t, newcomer.ftpStore("STOR incoming/x.com", eicar), "226 ")
	assert.Regexp(t, `FTP +failopen bypass +1 +136\n`, s.exec("diagnose sim leak"))
	newcomer.Close()
	users[0].Close()
	s.eventually(func() bool { return s.inTable() == 1 }, "an entry is free again")
	_, last = s.ftpUser(alice).ftpFetch("eicar.com")
	assert.Contains(t, last, "EICAR_TEST_FILE", "scanning resumes")
}

// TestFTPIdleDrop: idledrop takes a session that rests after its transfer, and none
// in a transfer or in front of one.
func TestFTPIdleDrop(t *testing.T) {
	needLoopback(t, alice, bob, carol)
	s := newSite(t, dropTable(3))
	waiting, moving, idle := s.ftpUser(alice), s.ftpUser(alice), s.ftpUser(alice)
	prepared := waiting.passive()
	data := moving.passive()
	moving.does("STOR incoming/slow", "150 ")
	_, err := io.WriteString(data, "first half, ")
	require.NoError(t, err)
	got, _ := idle.ftpFetch("readme.txt")
	assert.NotEmpty(t, got)
	s.rests(idle)
	s.advance(31 * time.Second)
	newcomer := s.ftpUser(bob)
	idle.dropped()
	_, err = s.connect(carol, s.proxyOf("FTP"))
	if err == nil {
		s.eventually(func() bool { return s.Engine().Report().Ledger[protocols.FTP].Refused == 1 }, "nobody else is idle")
	}
	_, err = io.WriteString(data, "second half")
	require.NoError(t, err)
	data.Close()
	moving.line("226 ")
	stored, _ := s.Origins.FTP().File("/incoming/slow")
	assert.Equal(t, "first half, second half", string(stored))
	waiting.does("RETR readme.txt", "150 ")
	b, err := io.ReadAll(prepared)
	require.NoError(t, err)
	assert.Equal(t, got, string(b))
	waiting.line("226 ")
	newcomer.does("NOOP", "200 ")
}

// TestFTPCleared: a transfer that is ended from outside does not look complete to
// the server, and its data connections are gone.
func TestFTPCleared(t *testing.T) {
	s := newSite(t, "")
	c := s.ftpUser(alice)
	data := c.passive()
	c.does("STOR incoming/cut", "150 ")
	_, err := io.WriteString(data, strings.Repeat("x", 100_000))
	require.NoError(t, err)
	s.works(c)
	s.exec("get test proxyworker 2")
	_, err = io.ReadAll(data)
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	s.eventually(func() bool { return s.Origins.FTP().Counts().Broken == 1 }, "upload broken off")
	_, there := s.Origins.FTP().File("/incoming/cut")
	assert.False(t, there)
}

// TestFTPStrangers: nobody takes another's data connection, and nobody is connected
// to who has not asked for it.
func TestFTPStrangers(t *testing.T) {
	needLoopback(t, alice, bob)
	s := newSite(t, "")
	c := s.ftpUser(alice)
	var port int
	_, err := fmt.Sscanf(c.does("EPSV", "229 "), "229 Entering Extended Passive Mode (|||%d|)", &port)
	require.NoError(t, err)
	at := &net.TCPAddr{IP: net.ParseIP(alice), Port: port}
	thief, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(bob)}, at)
	require.NoError(t, err)
	defer thief.Close()
	c.send("RETR readme.txt\r\n")
	c.line("150 ")
	b, err := io.ReadAll(thief)
	assert.Empty(t, b)
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	own, err := net.DialTCP("tcp", &net.TCPAddr{IP: net.ParseIP(alice)}, at)
	require.NoError(t, err)
	defer own.Close()
	b, err = io.ReadAll(own)
	require.NoError(t, err)
	assert.NotEmpty(t, b)
	c.line("226 ")

	before := s.Origins.FTP().Counts().Commands
	for _, command := range []string{"PORT 127,0,0,2,200,1", "PORT 192,0,2,1,200,1", "EPRT |1|127.0.0.2|50000|", "PORT 127,0,0,1,0,25"} {
		c.does(command, "500 ")
	}
	c.does("RETR readme.txt", "425 ")
	assert.Equal(t, before, s.Origins.FTP().Counts().Commands, "the server never hears of it")
	s.ftpStat("Commands blocked", 4)
}

// TestFTPSilentData: a client that never takes its file is told, and can go on.
func TestFTPSilentData(t *testing.T) {
	s := newSite(t, "")
	c := s.ftpUser(alice)
	c.does("EPSV", "229 ")
	c.send("RETR readme.txt\r\n")
	c.line("150 ")
	done := make(chan string, 1)
	go func() {
		line, _ := c.r.ReadString('\n')
		done <- line
	}()
	var line string
	s.eventually(func() bool {
		s.advance(200 * time.Millisecond) // in small steps: a quarter of an hour at rest is too long
		select {
		case line = <-done:
			return true
		default:
			return false
		}
	}, "told")
	assert.Contains(t, line, "425 ")
	c.does("NOOP", "200 ")
}

// TestFTPParallel: fifty users at once get back what they have stored, and nothing
// of a virus.
func TestFTPParallel(t *testing.T) {
	s := newRealTimeSite(t, "")
	const users = 50
	var group sync.WaitGroup
	failures := make([]error, users)
	for i := range users {
		group.Go(func() { failures[i] = s.parallelUser(i) })
	}
	group.Wait()
	require.NoError(t, errors.Join(failures...))
	s.ftpStat("Upload files clean", users)
	s.ftpStat("Files clean", users)
	s.ftpStat("Files infected with viruses", users)
	s.ftpStat("Upload files infected with viruses", users)
	s.ftpStat("Data connections passive", 4*users)
	for _, word := range []string{"datalisten", "dataclt", "datasrv"} {
		events, _ := s.Engine().Report().Accounting[protocols.FTP].Get(word)
		assert.GreaterOrEqual(t, events, int64(3*users), word)
	}
	s.eventually(func() bool { return s.Engine().Sessions() == 0 }, "sessions over")
	s.invariants()
}

func (s *site) parallelUser(i int) error {
	c, err := ftp.Dial(s.proxyOf("FTP"), ftp.DialWithTimeout(patience))
	if err != nil {
		return err
	}
	defer func() { _ = c.Quit() }()
	if err := c.Login("alice", "lab"); err != nil {
		return err
	}
	name := "incoming/" + strconv.Itoa(i)
	content := strings.Repeat(fmt.Sprintf("line of user %d\n", i), 20_000)
	if err := c.Stor(name, strings.NewReader(content)); err != nil {
		return fmt.Errorf("storing: %w", err)
	}
	back, err := retrieve(c, name)
	if err != nil || back != content {
		return fmt.Errorf("%d bytes back of %d: %w", len(back), len(content), err)
	}
	if got, err := retrieve(c, "eicar.zip"); err == nil || got != "" {
		return fmt.Errorf("%d bytes of a virus, %v", len(got), err)
	}
	if err := c.Stor(name+".com", strings.NewReader(string(samples.EICAR()))); err == nil {
		return errors.New("a virus was taken")
	}
	if _, err := c.FileSize(name + ".com"); err == nil {
		return errors.New("a virus was stored")
	}
	return nil
}

func retrieve(c *ftp.ServerConn, name string) (string, error) {
	r, err := c.Retr(name)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), errors.Join(err, r.Close())
}

// ftpVIP adds a VIP for FTP to the running proxy and returns where it listens.
func (s *site) ftpVIP(name, ext, to string, settings ...string) string {
	s.t.Helper()
	at := netip.MustParseAddrPort(to)
	lines := []string{"config firewall profile-protocol-options", "edit " + name, "config ftp"}
	lines = append(append(lines, settings...), "end", "next", "end",
		"config firewall vip", "edit "+name, "set extip "+ext, "set extport 2100", "set mappedip "+at.Addr().String(),
		"set mappedport "+strconv.Itoa(int(at.Port())), "set portforward enable", "next", "end",
		"config firewall policy", "edit 0", "set dstaddr "+name, "set action accept", "set service FTP", "set utm-status enable",
		"set av-profile default", "set profile-protocol-options "+name, "set logtraffic all", "next", "end")
	s.exec(lines...)
	addr, err := s.Engine().Addr(netip.AddrPortFrom(netip.MustParseAddr(ext), 2100))
	require.NoError(s.t, err)
	return addr.String()
}

// ftpExplicit starts the explicit proxy and returns where it listens.
func (s *site) ftpExplicit(settings ...string) string {
	s.t.Helper()
	s.set("ftp-proxy explicit", append([]string{"status enable", "incoming-ip 127.0.0.1", "incoming-port 2100", "av-profile default"}, settings...)...)
	addr, err := s.Engine().Addr(netip.MustParseAddrPort("127.0.0.1:2100"))
	require.NoError(s.t, err)
	return addr.String()
}

// TestFTPExplicitLoop: the explicit proxy does not connect to itself, nor to this
// host unless the configuration lets it.
func TestFTPExplicitLoop(t *testing.T) {
	s := newRealTimeSite(t, "")
	address := s.ftpExplicit("allow-loopback enable")
	say := func(user, want string) {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(conn, "USER "+user+"\r\nQUIT\r\n")
		require.NoError(t, err)
		said, err := io.ReadAll(bufio.NewReader(conn))
		require.NoError(t, err)
		assert.Contains(t, string(said), "\r\n"+want, user)
	}
	say("a@"+address, "530 ")
	say("a@"+s.proxyOf("FTP"), "530 ")
	say("a@0.0.0.0:2100", "530 ")
	say("a@nobody.lab.test", "421 ")
	say("a@"+s.Origins.Addr(lab.ServiceFTP), "331 ")
	s.set("ftp-proxy explicit", "allow-loopback disable")
	say("a@"+s.Origins.Addr(lab.ServiceFTP), "530 ")
	say("a@www.lab.test:"+strings.Split(s.Origins.Addr(lab.ServiceFTP), ":")[1], "530 ")
}

// TestFTPDataPorts: clients are given ports of the configured range, and hear it when
// there is none left.
func TestFTPDataPorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	low := ln.Addr().(*net.TCPAddr).Port // taken as long as the test runs
	defer ln.Close()
	high := min(low+200, 65535)
	s := newSite(t, "")
	address := s.ftpVIP("range", "127.0.0.1", s.Origins.Addr(lab.ServiceFTP),
		"set data-port-low "+strconv.Itoa(low), "set data-port-high "+strconv.Itoa(high))
	seen := map[int]bool{}
	for range 5 {
		c := s.dialTo(alice, address)
		c.line("220 ")
		c.does("USER anonymous", "331 ")
		c.does("PASS x", "230 ")
		var port int
		_, err := fmt.Sscanf(c.does("EPSV", "229 "), "229 Entering Extended Passive Mode (|||%d|)", &port)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, port, low)
		assert.LessOrEqual(t, port, high)
		assert.False(t, seen[port], "one session's port is not another's")
		seen[port] = true
	}
	s.exec("config firewall profile-protocol-options", "edit range", "config ftp",
		"set data-port-low "+strconv.Itoa(low), "set data-port-high "+strconv.Itoa(low), "end", "end")
	c := s.dialTo(alice, address)
	c.line("220 ")
	c.does("USER anonymous", "331 ")
	c.does("PASS x", "230 ")
	c.does("EPSV", "425 ")
	c.does("NOOP", "200 ")
}
