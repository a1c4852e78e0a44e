package appliance_test

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the tests with Postfix and Dovecot have in common.

// mailServerBehind is the configuration that puts a server mailServerBehind one of the lab's proxies.
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
	if os.Getenv("UTMSIM_REAL") == "required" {
		t.Fatalf("%s is required here and needs root", what)
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
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

// mailServerEnd has a command run when the function it returns is called, or when the
// test's process is gone for whatever reason.
func mailServerEnd(t testing.TB, command ...string) (now func()) {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `cat >/dev/null; "$@"`, "sh"}, command...)...)
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return func() {
		require.NoError(t, input.Close())
		_ = cmd.Wait() // it has nothing to end when the test has done so
	}
}
