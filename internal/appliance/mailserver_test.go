package appliance_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the tests with Postfix and Dovecot have in common.

// mailServerBehind is the configuration that puts a server behind one of the lab's proxies.
func mailServerBehind(name, address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "config firewall vip\nedit \"" + name + "\"\nset mappedip 127.0.0.1\nset mappedport " + port + "\nnext\nend\n"
}

// mailServerRoot skips a test of a server that runs under several users.
func mailServerRoot(t *testing.T, what string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	t.Skipf("%s needs root", what)
}

// mailServerFolder is a temporary folder that servers under other users can enter.
func mailServerFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "utmsim-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755))
	return folder
}

// mailServerAddress is an address of loopback where nobody listens.
func mailServerAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freePort(t))
}

// mailServerKeeper starts a server that goes into the background, and ends it when its
// input ends: at the end of the test, or when the test's process is gone for whatever
// reason. Signals to the whole group of the test's processes don't reach it, but what
// it starts has them as usual.
const mailServerKeeper = `trap "" HUP INT TERM PIPE
pidfile=$1 said=$2
shift 2
(trap - HUP INT TERM PIPE; exec "$@") >"$said" 2>&1
echo $?
cat >/dev/null
read pid <"$pidfile" && kill -TERM "$pid" && while kill -0 "$pid"; do sleep 0.05; done`

// startMailServer starts a server that writes its process id to pidfile and returns
// how to end it.
func startMailServer(t testing.TB, folder, pidfile string, command ...string) (end func(), err error) {
	t.Helper()
	said := filepath.Join(folder, "start")
	cmd := exec.Command("/bin/sh", append([]string{"-c", mailServerKeeper, "sh", filepath.Join(folder, pidfile), said}, command...)...)
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	end = func() {
		_ = input.Close()
		_ = cmd.Wait() // it has nothing to end when the test has done so
	}
	status := 0
	if _, err := fmt.Fscan(output, &status); err == nil && status == 0 {
		return end, nil
	}
	end()
	words, _ := os.ReadFile(said)
	return nil, fmt.Errorf("starting %q: status %d: %s", command, status, words)
}

// mailServerMiddle stands between the proxy and a server and passes everything on,
// until what the server has said, of which some was passed on already, makes it cut
// both connections. The function tells how many bytes more may pass, -1 for all.
type mailServerMiddle struct {
	net.Listener
	done sync.WaitGroup
}

func newMailServerMiddle(t testing.TB, server string, more func(passed int64, said []byte) int) *mailServerMiddle {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mailServerMiddle{Listener: ln}
	m.done.Go(func() {
		for {
			proxy, err := ln.Accept()
			if err != nil {
				return
			}
			m.done.Go(func() { mailServerBetween(proxy, server, more) })
		}
	})
	t.Cleanup(m.close)
	return m
}

// close waits until nothing passes any more.
func (m *mailServerMiddle) close() {
	_ = m.Close()
	m.done.Wait()
}

func (m *mailServerMiddle) address() string { return m.Addr().String() }

func mailServerBetween(proxy net.Conn, address string, more func(int64, []byte) int) {
	defer proxy.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		// Without splice, whose pipes stay open for a while.
		_, _ = io.Copy(struct{ io.Writer }{server}, struct{ io.Reader }{proxy})
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	defer func() { proxy.Close(); server.Close(); <-up }()
	b, passed := make([]byte, 64<<10), int64(0)
	for {
		n, err := server.Read(b)
		if err != nil {
			return
		}
		if allowed := more(passed, b[:n]); allowed >= 0 {
			_, _ = proxy.Write(b[:min(n, allowed)])
			return
		}
		if _, err := proxy.Write(b[:n]); err != nil {
			return
		}
		passed += int64(n)
	}
}
