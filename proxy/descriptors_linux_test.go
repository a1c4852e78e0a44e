package proxy

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// dialAbove connects a client whose descriptor is not below floor: the clients live in
// the same process, and must not take the numbers that the engine counts on.
func dialAbove(t *testing.T, addr string, floor int) (*os.File, error) {
	t.Helper()
	to := netip.MustParseAddrPort(addr)
	low, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, floor)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(low))
	client := os.NewFile(uintptr(fd), "client")
	t.Cleanup(func() { client.Close() })
	return client, syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
}

func TestSomeDescriptorsAreLeftForOthersThanSessions(t *testing.T) {
	limit := len(openFiles()) + 60
	r := newRigWith(t, "", func(o *Options) { o.OpenFiles = limit })
	assert.Less(t, r.e.clientFD, r.e.serverFD)
	assert.Less(t, r.e.serverFD, limit)
	const many = 80
	var clients []*os.File
	for range many {
		c, err := dialAbove(t, r.addr, 2*limit)
		if err != nil {
			require.ErrorIs(t, err, syscall.ECONNRESET)
			continue
		}
		clients = append(clients, c)
	}
	r.eventually(func() bool {
		return r.e.Sessions()+int(r.http().HTTP.Accounting.SetupFail.Load()) == many
	}, "all looked at")
	assert.Less(t, r.e.Sessions(), many, "some turned away")
	assert.EqualValues(t, syscall.EMFILE, r.http().HTTP.Stat.LastError.Load())
	for _, p := range clients {
		_, _ = p.Write([]byte("wait\n")) // those that were turned away can't
	}
	r.server.let()
	words := map[string]int{}
	for _, p := range clients {
		b := make([]byte, 4)
		n, _ := io.ReadFull(p, b)
		words[string(b[:n])]++
		p.Close()
	}
	assert.NotZero(t, words["2\nok"], "%v", words)
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "all over")
	r.dial().get(3)
	assert.Nil(t, getPipe(1), "no pipe without a descriptor")
	_, _, err := startConnect(r.server.ln.Addr().(*net.TCPAddr).AddrPort(), netip.Addr{}, 0, 1)
	assert.ErrorIs(t, err, syscall.EMFILE)
}
