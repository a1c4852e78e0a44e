package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// FTP clients send ABOR behind an urgent byte, at which every read stops short.
func TestUrgentDataDoesNotHideWhatFollows(t *testing.T) {
	r := newRig(t, "")
	c := r.dial()
	c.say("wait")
	assert.Equal(t, "wait", <-r.server.reached)
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) {
		if failed = unix.Send(int(fd), []byte("get "), 0); failed == nil {
			failed = unix.Send(int(fd), []byte("!"), unix.MSG_OOB)
		}
	}))
	require.NoError(t, failed)
	c.say("7")
	r.server.let()
	c.expectWaited()
	c.expect(7)
}
