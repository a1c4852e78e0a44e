package console

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"utmsim/internal/config"
)

// accounts are one that may do everything and one that only looks. The password of
// both is lab.
const accounts = `config system admin
edit admin
set password ENC $2a$04$ftFkecrUTHLaXVZ.k1EMsuRftyU6Ksl61nyfM6BUtw6oGAwwNBpXi
next
edit viewer
set accprofile super_admin_readonly
set password ENC $2a$04$ftFkecrUTHLaXVZ.k1EMsuRftyU6Ksl61nyfM6BUtw6oGAwwNBpXi
next
end
`

// sshUnit is a unit whose SSH console listens on loopback.
type sshUnit struct {
	*unit
	addr string
}

func newSSHUnit(t testing.TB, lines ...string) *sshUnit {
	t.Helper()
	u := &sshUnit{unit: newUnit(t, append(lines, "config system global", "set admin-ssh-port 2222", "end")...)}
	u.opts.StateDir, u.opts.AnyPort = t.TempDir(), true
	change, err := u.PrepareSSH(u.store.Snapshot())
	require.NoError(t, err)
	change.Apply()
	u.addr = u.SSHAddr().String()
	return u
}

func clientConfig(user string, auth ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey()}
}

func (u *sshUnit) dial(t testing.TB, user string, auth ...ssh.AuthMethod) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", u.addr, clientConfig(user, auth...))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestSSHLogins(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	key, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	_, private, err = ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey()))) + " somebody's key"
	withKey := "config system admin\nedit keys\nset accprofile super_admin\nset ssh-public-key2 \"" + public + "\"\nset password ENC x\nnext\nend"
	for _, c := range []struct {
		name, config, user string
		auth               []ssh.AuthMethod
		prompt             string // "" for a login that fails
	}{
		{"no password", "", "admin", nil, "FGT # "},
		{"an empty password", "", "admin", []ssh.AuthMethod{ssh.Password("")}, "FGT # "},
		{"nobody", "", "nobody", nil, ""},
		{"password", accounts, "admin", []ssh.AuthMethod{ssh.Password("lab")}, "FGT # "},
		{"password of one who looks", accounts, "viewer", []ssh.AuthMethod{ssh.Password("lab")}, "FGT $ "},
		{"no password where there is one", accounts, "admin", nil, ""},
		{"key", withKey, "keys", []ssh.AuthMethod{ssh.PublicKeys(other, key)}, "FGT # "},
		{"another key", withKey, "keys", []ssh.AuthMethod{ssh.PublicKeys(other)}, ""},
		{"a key of somebody else", withKey, "admin2", []ssh.AuthMethod{ssh.PublicKeys(key)}, ""},
		{"password where they are not allowed", accounts + "config system global\nset admin-ssh-password disable\nend", "admin", []ssh.AuthMethod{ssh.Password("lab")}, ""},
		{"any account", accounts, "nobody", []ssh.AuthMethod{ssh.PublicKeys(key)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newSSHUnit(t, strings.Split(c.config, "\n")...)
			client, err := ssh.Dial("tcp", u.addr, clientConfig(c.user, c.auth...))
			if c.prompt == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			defer client.Close()
			term := openTerminal(t, client, 80, 24)
			assert.Equal(t, c.prompt, term.until("# ", "$ "))
			assert.Len(t, u.logs.FilterMessage("administrator logged in").All(), 1)
		})
	}
}

// sshTerminal is a shell on a terminal.
type sshTerminal struct {
	t  testing.TB
	s  *ssh.Session
	in io.Writer
	mu sync.Mutex
	at *sync.Cond
	// The fields below are guarded by mu.
	out   strings.Builder
	seen  int // of out, by until
	ended bool
}

func openTerminal(t testing.TB, c *ssh.Client, cols, rows int) *sshTerminal {
	t.Helper()
	s, err := c.NewSession()
	require.NoError(t, err)
	x := &sshTerminal{t: t, s: s}
	x.at = sync.NewCond(&x.mu)
	require.NoError(t, s.RequestPty("xterm", rows, cols, ssh.TerminalModes{}))
	x.in, err = s.StdinPipe()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Shell())
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			x.mu.Lock()
			x.out.Write(buf[:n])
			x.ended = err != nil
			x.at.Broadcast()
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return x
}

// until is what has come since the last time, up to the first of ends that stands
// at the end of all that was sent, or to the end of the session.
func (x *sshTerminal) until(ends ...string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		fresh := x.out.String()[x.seen:]
		for _, e := range ends {
			if strings.HasSuffix(fresh, e) {
				x.seen = x.out.Len()
				return fresh
			}
		}
		if x.ended {
			x.seen = x.out.Len()
			return fresh
		}
		x.at.Wait()
	}
}

func (x *sshTerminal) press(keys string) {
	_, err := x.in.Write([]byte(keys))
	require.NoError(x.t, err)
}

// ask types a line and returns what comes up to the next prompt.
func (x *sshTerminal) ask(line string) string {
	x.press(line + "\r")
	return x.until("# ", "$ ")
}

func TestSSHExec(t *testing.T) {
	u := newSSHUnit(t)
	client := u.dial(t, "admin")
	for _, c := range []struct {
		command, out, notes string
		status              int
	}{
		{"get system status | grep Version", "Version: utmsim v5.2 (0.0-test)\n", "", 0},
		{"emd", "Unknown action 0\n", "", 1},
		{"config system global\nset hostname one\nend\nget system global | grep hostname", "hostname            : one\n", "", 0},
		{"config system global\nset hostname two", "", "config system global is not closed with end: what was set in it since the last end or next is dropped\n", 1},
		{"show \"", "", "the last line ends inside quotes and was not executed\n", 1},
		{"show \xff", "the line is not UTF-8 text and was not executed\nCommand fail. Return code -1\n", "", 1},
		{"", "", "", 0},
	} {
		s, err := client.NewSession()
		require.NoError(t, err)
		var out, notes bytes.Buffer
		s.Stdout, s.Stderr = &out, &notes
		err = s.Run(c.command)
		var exit *ssh.ExitError
		if errors.As(err, &exit) {
			assert.Equal(t, c.status, exit.ExitStatus(), c.command)
		} else {
			require.NoError(t, err, c.command)
			assert.Zero(t, c.status, c.command)
		}
		assert.Equal(t, c.out, out.String(), c.command)
		assert.Equal(t, c.notes, notes.String(), c.command)
	}
	assert.Equal(t, "one", u.store.Snapshot().Global.Hostname)
	s, err := client.NewSession()
	require.NoError(t, err)
	require.NoError(t, s.RequestPty("xterm", 24, 80, nil))
	out, err := s.Output("get system global | grep hostname")
	require.NoError(t, err)
	assert.Equal(t, "hostname            : one\r\n", string(out))
}

func TestSSHScript(t *testing.T) {
	u := newSSHUnit(t)
	client := u.dial(t, "admin")
	play := func(text string) (string, error) {
		s, err := client.NewSession()
		require.NoError(t, err)
		s.Stdin = strings.NewReader(text)
		var out bytes.Buffer
		s.Stdout = &out
		require.NoError(t, s.Shell())
		err = s.Wait()
		return out.String(), err
	}
	out, err := play("config system global\r\nset hostname two\nend\nget system global | grep host")
	require.NoError(t, err)
	assert.Equal(t, "hostname            : two\n", out)
	out, err = play("emd\nexit\nemd\n")
	require.Error(t, err)
	assert.Equal(t, "Unknown action 0\n", out)
	out, err = play("execute shutdown\nno\nconfig system global\nset hostname x\nexit\n")
	require.Error(t, err, "config is not closed")
	assert.Equal(t, "This operation will shutdown the system !\nDo you want to continue? (y/n)\nUnknown action\n", out)
	assert.Zero(t, u.shutdowns)
	out, err = play("show " + strings.Repeat("a", 1<<20) + "\nget system global | grep hostname\n")
	require.Error(t, err)
	assert.Equal(t, "the line is longer than 65536 bytes and was not executed\nCommand fail. Return code -1\nhostname            : two\n", out)
	out, err = play("execute shutdown\nyes\nemd\n")
	require.NoError(t, err)
	assert.Equal(t, 1, u.shutdowns)
	assert.True(t, strings.HasSuffix(out, "The system is going down NOW !!\n"), out)
}

func TestSSHReadOnly(t *testing.T) {
	u := newSSHUnit(t, strings.Split(accounts, "\n")...)
	x := openTerminal(t, u.dial(t, "viewer", ssh.Password("lab")), 80, 24)
	x.until("$ ")
	before, _ := u.exec("show full-configuration")
	for _, line := range []string{
		"execute shutdown", "get test proxyworker 99", "get test proxyworker 2", "get test proxyworker 22", "get test proxyworker 222",
		"diagnose sim fill http 5", "diagnose sim drain", "diagnose sim memory 90", "diagnose sim memory auto",
	} {
		assert.Contains(t, x.ask(line), "Permission denied. Insufficient privileges.\r\nCommand fail. Return code -37\r\n", line)
	}
	assert.Equal(t, "config system global\r\r\n\r\nFGT (global) $ ", x.ask("config system global"))
	assert.Contains(t, x.ask("set hostname mine"), "Return code -37")
	assert.Contains(t, x.ask("get"), "hostname            : FGT")
	assert.Equal(t, "end\r\r\n\r\nFGT $ ", x.ask("end"))
	after, _ := u.exec("show full-configuration")
	assert.Equal(t, before, after)
	assert.Zero(t, u.shutdowns)
	assert.Zero(t, u.engine.Report().Common[0].Current)
}

// TestSSHWindow: a terminal's size counts for paging, also when it changes between
// the request for the terminal and that for the shell, and later.
func TestSSHWindow(t *testing.T) {
	u := newSSHUnit(t)
	s, err := u.dial(t, "admin").NewSession()
	require.NoError(t, err)
	require.NoError(t, s.RequestPty("xterm", 0, 0, nil))
	require.NoError(t, s.WindowChange(6, 60))
	in, err := s.StdinPipe()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.Shell())
	expect := func(keys, end string) string {
		_, err := io.WriteString(in, keys)
		require.NoError(t, err)
		var got []byte
		for b := make([]byte, 1); !strings.HasSuffix(string(got), end); got = append(got, b[0]) {
			_, err := out.Read(b)
			require.NoError(t, err, "%q", got)
		}
		return string(got)
	}
	expect("", "FGT # ")
	assert.Equal(t, 6, strings.Count(expect("get test proxyworker\r", "--More-- "), "\n"), "the line typed, and five")
	for _, rows := range []uint32{30, 4} {
		ok, err := s.SendRequest("window-change", true, ssh.Marshal(windowRequest{Cols: 60, Rows: rows})) // with an answer: then it counts
		require.NoError(t, err)
		assert.True(t, ok)
	}
	assert.Equal(t, 3, strings.Count(expect(" ", "--More-- "), "\n"))
	expect("q", "FGT # ")
	expect("exit\r", "\r\n")
	require.NoError(t, s.Wait())
}

func TestSSHSeveralSessions(t *testing.T) {
	u := newSSHUnit(t)
	client := u.dial(t, "admin")
	var terms []*sshTerminal
	for range maxChannels {
		x := openTerminal(t, client, 80, 24)
		x.until("# ")
		terms = append(terms, x)
	}
	_, err := client.NewSession()
	require.Error(t, err)
	for _, x := range terms { // several may be inside the same object
		x.ask("config system global")
	}
	assert.Contains(t, terms[0].ask("set hostname first"), "(global) # ")
	assert.Equal(t, "end\r\r\n\r\nfirst # ", terms[0].ask("end"))
	assert.Equal(t, "abort\r\r\n\r\nfirst # ", terms[1].ask("abort"))
	terms[0].press("exit\r")
	require.NoError(t, terms[0].s.Wait())
	for s := (*ssh.Session)(nil); s == nil; { // its place is free when the console has noticed too
		s, _ = client.NewSession()
	}

	for _, kind := range []string{"direct-tcpip", "x11", "auth-agent@openssh.com"} {
		_, _, err := client.OpenChannel(kind, nil)
		assert.Error(t, err, kind)
	}
	s, err := u.dial(t, "admin").NewSession()
	require.NoError(t, err)
	assert.Error(t, s.RequestSubsystem("sftp"))
	assert.Error(t, s.Setenv("LANG", "C"))
}

func TestSSHBanners(t *testing.T) {
	u := newSSHUnit(t, "config system global", "set pre-login-banner enable", "set post-login-banner enable", "end",
		"config system replacemsg admin post_admin-disclaimer-text", "set buffer \"Mind the\ngap.\"", "end")
	conf := clientConfig("admin")
	banner := ""
	conf.BannerCallback = func(text string) error { banner = text; return nil }
	client, err := ssh.Dial("tcp", u.addr, conf)
	require.NoError(t, err)
	defer client.Close()
	assert.Equal(t, "WARNING: this is a simulated unit. Use it only if you have been allowed to.\r\nWhat you do here is logged.\r\n", banner)
	x := openTerminal(t, client, 80, 24)
	assert.Equal(t, "Mind the\r\ngap.\r\n(Press 'a' to accept):", x.until("accept):"))
	x.press("a\r")
	assert.Equal(t, "\r\nFGT # \r\r\nFGT # ", x.until("FGT # \r\r\nFGT # "))
	x = openTerminal(t, client, 80, 24)
	x.until("accept):")
	x.press("\r")
	x.until()
	require.NoError(t, x.s.Wait())
}

func TestHostKeyIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	key, err := hostKey(dir)
	require.NoError(t, err)
	again, err := hostKey(dir)
	require.NoError(t, err)
	assert.Equal(t, key.PublicKey().Marshal(), again.PublicKey().Marshal())
	path := filepath.Join(dir, hostKeyName)
	info, err := os.Stat(path)
	require.NoError(t, err)
	if os.PathSeparator == '/' {
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new*"))
	require.NoError(t, err)
	assert.Empty(t, left)
	require.NoError(t, os.WriteFile(path, []byte("no key"), 0o600))
	_, err = hostKey(dir)
	assert.ErrorContains(t, err, "remove the file for a new key")
	_, err = hostKey(filepath.Join(path, "below a file"))
	assert.Error(t, err)
}

func TestSSHFollowsTheConfiguration(t *testing.T) {
	u := newSSHUnit(t)
	u.store.OnCommit(func(c config.Commit) error {
		change, err := u.PrepareSSH(c.New)
		if err == nil {
			change.Apply()
		}
		return err
	})
	x := openTerminal(t, u.dial(t, "admin"), 80, 24)
	x.until("# ")
	old := u.SSHAddr()
	x.ask("config system global")
	x.ask("set admin-ssh-port 2223")
	x.ask("end")
	assert.NotEqual(t, old, u.SSHAddr())
	_, err := net.Dial("tcp", old.String())
	assert.Error(t, err)
	u.addr = u.SSHAddr().String()
	openTerminal(t, u.dial(t, "admin"), 80, 24).until("# ")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	u.opts.AnyPort = false
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	out, ok := u.exec("config system global", "set admin-ssh-port "+port, "end")
	assert.False(t, ok)
	assert.Contains(t, out, "config system global, set admin-ssh-port: listen tcp 127.0.0.1:"+port)
	assert.Equal(t, u.addr, u.SSHAddr().String())

	_, ok = u.exec("config system global", "set admin-ssh-port 0", "end")
	require.True(t, ok)
	assert.False(t, u.SSHAddr().IsValid())
	_, err = net.Dial("tcp", u.addr)
	assert.Error(t, err)
	assert.Contains(t, x.ask("get system console"), "output", "the session goes on")
}

func TestSSHChangeCanBeCancelled(t *testing.T) {
	u := newSSHUnit(t)
	snap := *u.store.Snapshot()
	snap.Global.SSHPort++
	change, err := u.PrepareSSH(&snap)
	require.NoError(t, err)
	at := change.listener.Addr().String()
	change.Cancel()
	_, err = net.Dial("tcp", at)
	assert.Error(t, err)
	assert.Equal(t, u.addr, u.SSHAddr().String())
	require.NoError(t, u.Close())
	change, err = u.PrepareSSH(&snap)
	require.NoError(t, err)
	change.Apply() // too late
	_, err = net.Dial("tcp", change.listener.Addr().String())
	assert.Error(t, err)
}

func TestCloseEndsSSH(t *testing.T) {
	u := newSSHUnit(t)
	x := openTerminal(t, u.dial(t, "admin"), 80, 24)
	x.until("# ")
	x.press("config system global\rset hostname x\r")
	x.until("(global) # ")
	silent, err := net.Dial("tcp", u.addr)
	require.NoError(t, err)
	defer silent.Close()
	require.NoError(t, u.Close())
	assert.Contains(t, x.until(), "utmsim is shutting down")
	_, err = io.Copy(io.Discard, silent)
	assert.NoError(t, err)
	_, err = net.Dial("tcp", u.addr)
	assert.Error(t, err)
	assert.Equal(t, "FGT", u.store.Snapshot().Global.Hostname)
}

// bubble runs f with a clock of its own. dial connects a client to the console
// without a network, whose waiting would stop that clock.
func bubble(t *testing.T, u *unit, f func(t *testing.T, dial func(from string) net.Conn)) {
	key, err := hostKey(t.TempDir())
	require.NoError(t, err)
	u.ssh.hostKey = key
	u.life.Done() // made here, since it is closed here
	synctest.Test(t, func(t *testing.T) {
		var serving sync.WaitGroup
		var clients []net.Conn
		f(t, func(from string) net.Conn {
			near, far := newMemConns(from)
			clients = append(clients, near)
			k := u.ssh.newConn(far)
			require.True(t, u.ssh.enter(k))
			serving.Go(func() {
				defer u.ssh.leave(k)
				defer far.Close()
				defer k.end(nil)
				k.serve()
			})
			return near
		})
		for _, c := range clients {
			c.Close()
		}
		serving.Wait()
	})
}

func login(conn net.Conn, conf *ssh.ClientConfig) (*ssh.Client, error) {
	c, chans, reqs, err := ssh.NewClientConn(conn, "", conf)
	if err != nil {
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), nil
}

func TestSSHLockOut(t *testing.T) {
	u := newUnit(t, strings.Split(accounts, "\n")...)
	bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
		try := func(from, user, password string) (took time.Duration, err error) {
			began := time.Now()
			c, err := login(dial(from), clientConfig(user, ssh.Password(password)))
			if err == nil {
				defer c.Close()
			}
			return time.Since(began), err
		}
		const alice, bob = "192.0.2.1:1000", "192.0.2.2:1000"
		fails := func(from, user, password string) {
			t.Helper()
			took, err := try(from, user, password)
			assert.Error(t, err)
			assert.GreaterOrEqual(t, took, failDelay, "failures are answered late")
		}
		works := func(from string) {
			t.Helper()
			_, err := try(from, "admin", "lab")
			assert.NoError(t, err)
		}
		fails(alice, "admin", "x")
		fails(alice, "nobody", "x")
		works(alice)
		fails(alice, "admin", "")
		fails(alice, "viewer", "y")
		works(alice)
		for range 3 {
			fails(alice, "admin", "x")
		}
		fails(alice, "admin", "lab")
		works(bob)
		assert.Len(t, u.logs.FilterMessage("source locked out").All(), 1)
		time.Sleep(59 * time.Second) // of the bubble's clock; logins take some of the minute too
		works(alice)
		fails(alice, "admin", "x")
		fails(alice, "admin", "x")
		time.Sleep(61 * time.Second)
		fails(alice, "admin", "x")
		works(alice)
		assert.Len(t, u.logs.FilterMessage("source locked out").All(), 1, "old failures don't count")
	})
}

func TestNoPasswordFromElsewhere(t *testing.T) {
	u := newUnit(t)
	bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
		for _, auth := range [][]ssh.AuthMethod{nil, {ssh.Password("")}} {
			_, err := login(dial("192.0.2.1:1000"), clientConfig("admin", auth...))
			assert.Error(t, err)
			c, err := login(dial("[::1]:1000"), clientConfig("admin", auth...))
			require.NoError(t, err)
			c.Close()
		}
	})
}

// TestSSHTimeouts: who does not log in in time is closed, and so are sessions that
// nobody types in, connections without a session, and scripts that stall.
func TestSSHTimeouts(t *testing.T) {
	const here = "127.0.0.1:1000"
	lasts := func(f func(t *testing.T, conn net.Conn)) (d time.Duration) {
		u := newUnit(t, "config system global", "set admintimeout 7", "end")
		bubble(t, u, func(t *testing.T, dial func(string) net.Conn) {
			began := time.Now()
			f(t, dial(here))
			d = time.Since(began)
		})
		return d
	}
	connect := func(t *testing.T, conn net.Conn) *ssh.Client {
		c, err := login(conn, clientConfig("admin"))
		require.NoError(t, err)
		return c
	}
	assert.Equal(t, 2*time.Minute, lasts(func(t *testing.T, conn net.Conn) { // half open
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err)
	}))
	assert.Equal(t, 2*time.Minute, lasts(func(t *testing.T, conn net.Conn) { // half open, one step further
		go conn.Write([]byte("SSH-2.0-x\r\n"))
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err)
	}))
	assert.Equal(t, 7*time.Minute, lasts(func(t *testing.T, conn net.Conn) { connect(t, conn).Wait() }), "no session")
	assert.Equal(t, 7*time.Minute, lasts(func(t *testing.T, conn net.Conn) { // a session that runs nothing
		_, reqs, err := connect(t, conn).OpenChannel("session", nil)
		require.NoError(t, err)
		for range reqs {
		}
	}))
	assert.Equal(t, 13*time.Minute, lasts(func(t *testing.T, conn net.Conn) {
		x := openTerminal(t, connect(t, conn), 80, 24)
		x.until("# ")
		time.Sleep(6 * time.Minute)
		x.press("a")
		assert.Contains(t, x.until(), "the session was idle for too long: admintimeout")
	}))
	assert.Equal(t, 7*time.Minute, lasts(func(t *testing.T, conn net.Conn) { // the pager waits no longer
		x := openTerminal(t, connect(t, conn), 80, 4)
		x.press("show\r")
		assert.Contains(t, x.until(), "--More--")
	}))
	assert.Equal(t, 10*time.Minute, lasts(func(t *testing.T, conn net.Conn) {
		s, err := connect(t, conn).NewSession()
		require.NoError(t, err)
		in, err := s.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, s.Shell())
		time.Sleep(3 * time.Minute)
		_, err = io.WriteString(in, "config system global\nset hostname x\nen")
		require.NoError(t, err)
		assert.Error(t, s.Wait())
	}))
}
