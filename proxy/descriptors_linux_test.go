package proxy

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test's own ends take descriptors of the same process, so that few sessions
// fill it.
func TestSomeDescriptorsAreLeftForOthersThanSessions(t *testing.T) {
	limit := len(openFiles()) + 60
	r := newRigWith(t, "", func(o *Options) { o.OpenFiles = limit })
	assert.Less(t, r.e.clientFD, r.e.serverFD)
	assert.Less(t, r.e.serverFD, limit)
	const many = 40
	var clients []net.Conn
	for range many {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			require.ErrorIs(t, err, syscall.ECONNRESET)
			continue
		}
		t.Cleanup(func() { c.Close() })
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
	_, _, err := startConnect(r.server.ln.Addr().(*net.TCPAddr).AddrPort(), 0, 1)
	assert.ErrorIs(t, err, syscall.EMFILE)
}
