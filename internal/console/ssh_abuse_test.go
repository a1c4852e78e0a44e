package console

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// TestSSHGarbage: what is no SSH ends the connection, and nothing else.
func TestSSHGarbage(t *testing.T) {
	u := newSSHUnit(t)
	noise := make([]byte, 1<<16)
	rand.Read(noise)
	var makers sync.WaitGroup
	for _, junk := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n"), noise, make([]byte, 1<<20), bytes.Repeat([]byte("SSH-"), 1<<18),
		append([]byte("SSH-2.0-x\r\n"), noise...), append([]byte("SSH-2.0-x\r\n"), make([]byte, 4096)...), []byte("SSH-1.0-x\r\n"),
		append([]byte("SSH-2.0-x\r\n"), bytes.Repeat([]byte{0xff}, 4096)...),
	} {
		conn, err := net.Dial("tcp", u.addr)
		require.NoError(t, err)
		makers.Go(func() {
			conn.Write(junk) // the console may have closed it meanwhile
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn) // to its end, or a reset
			conn.Close()
		})
	}
	makers.Wait()
	assert.Equal(t, "FGT # ", openTerminal(t, u.dial(t, "admin"), 80, 24).until("# "))
}

// TestSSHGarbageTyped: what is typed or piped in after a login ends in an error
// or a closed console, and leaves no half of a change.
func TestSSHGarbageTyped(t *testing.T) {
	u := newSSHUnit(t)
	before, _ := u.exec("show full-configuration")
	noise := make([]byte, 1<<16)
	rand.Read(noise)
	noise = bytes.Map(func(r rune) rune { // which could mean to leave, to answer yes, or to act
		if r == 'y' || r == 'Y' || r == 'e' || r == 'g' || r == 'd' {
			return 'x'
		}
		return r
	}, noise)
	for _, junk := range []string{
		"config system global\rset hostname x\r" + strings.Repeat("a", 1<<20) + "\r",
		"config system global\rset hostname \"x\r\n" + strings.Repeat("a\r", 1<<15),
		"config system global\rset hostname x\xff\xfe\rset hostname \x00\x01\x02\r" + strings.Repeat("\x1b[", 1<<15),
		"config firewall vip\redit x\r" + string(noise), strings.Repeat("\t?", 1<<10), strings.Repeat("\x16\xc3", 1<<10),
	} {
		client := u.dial(t, "admin")
		s, err := client.NewSession()
		require.NoError(t, err)
		require.NoError(t, s.RequestPty("xterm", 24, 80, nil))
		s.Stdin, s.Stdout = strings.NewReader(junk+"\x03\x03"), io.Discard
		require.NoError(t, s.Shell())
		s.Wait()
		s, err = client.NewSession()
		require.NoError(t, err)
		s.Stdin, s.Stdout = strings.NewReader(junk), io.Discard
		require.NoError(t, s.Shell())
		assert.Error(t, s.Wait())
		s, err = client.NewSession()
		require.NoError(t, err)
		assert.Error(t, s.Run(junk[:min(len(junk), 100<<10)]))
		client.Close()
	}
	after, _ := u.exec("show full-configuration")
	assert.Equal(t, before, after)
	assert.Zero(t, u.shutdowns)
}

// TestSSHClientThatVanishes: a connection that breaks inside config changes
// nothing, wherever it breaks.
func TestSSHClientThatVanishes(t *testing.T) {
	u := newSSHUnit(t)
	for n := range 40 {
		client := u.dial(t, "admin")
		x := openTerminal(t, client, 80, 24)
		x.until("# ")
		x.press("config system global\rset hostname gone\rset av-failopen off"[:n])
		client.Close()
	}
	u.awaitNobody(t)
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
}

// awaitNobody waits until no SSH connection is left.
func (u *sshUnit) awaitNobody(t testing.TB) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := -1; n != 0; <-tick.C {
		u.ssh.mu.Lock()
		n = len(u.ssh.conns)
		u.ssh.mu.Unlock()
	}
}

// TestSSHCrowd: connections that do not log in keep nobody out, and of many that
// log in at once each is served or closed.
func TestSSHCrowd(t *testing.T) {
	u := newSSHUnit(t)
	var silent []net.Conn
	for range maxSSH + 10 {
		conn, err := net.Dial("tcp", u.addr)
		require.NoError(t, err)
		defer conn.Close()
		silent = append(silent, conn)
	}
	x := openTerminal(t, u.dial(t, "admin"), 80, 24)
	x.until("# ")
	for _, gone := range silent[:10] { // those who waited longest have made room
		io.Copy(io.Discard, gone)
	}
	var logins sync.WaitGroup
	var served, turnedAway atomic.Int64
	for range maxSSH {
		logins.Go(func() {
			c, err := ssh.Dial("tcp", u.addr, clientConfig("admin"))
			if err != nil {
				turnedAway.Add(1)
				return
			}
			defer c.Close()
			s, err := c.NewSession()
			if err == nil {
				_, err = s.Output("get system status")
			}
			if err != nil {
				turnedAway.Add(1)
				return
			}
			served.Add(1)
		})
	}
	logins.Wait()
	t.Logf("%d served, %d turned away", served.Load(), turnedAway.Load())
	assert.NotZero(t, served.Load())
	assert.Contains(t, x.ask("get system status"), "Version:", "who is logged in is never turned away")
	for _, conn := range silent {
		conn.Close()
	}
	x.press("exit\r")
	require.NoError(t, x.s.Wait())
}

// TestSSHTakesNoEntry: logins need no place in the session table.
func TestSSHTakesNoEntry(t *testing.T) {
	u := newSSHUnit(t, "config system global", "set av-failopen-session enable", "set av-failopen off", "end")
	u.exec("diagnose sim fill http 8032")
	x := openTerminal(t, u.dial(t, "admin"), 80, 24)
	x.until("# ")
	assert.Contains(t, x.ask("get test http 4 | grep Current"), " 8032/8032\r\n")
	assert.Contains(t, x.ask("diagnose sim memory 90 | grep level"), "conserve")
	openTerminal(t, u.dial(t, "admin"), 80, 24).until("# ")
	assert.Zero(t, u.engine.Report().Accounting[0].Lines[1].Value, "refused")
}
