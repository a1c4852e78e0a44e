package proxy

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestADroppedClientStillGetsWhatWasSent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("package net does not tell what the system still has to send")
	}
	r := newRig(t, "config system resource-limits\nset proxy 1\nend\nconfig system global\nset av-failopen-session enable\nset av-failopen idledrop\nend\n")
	slow := r.dial()
	const size = 900 << 10
	slow.say(fmt.Sprintf("get %d", size))
	assert.Equal(t, "get", <-r.server.reached)
	r.idle(1)
	r.dial().get(1)
	slow.expect(size)
	rest, err := io.ReadAll(slow.r)
	assert.NoError(t, err)
	assert.Empty(t, rest)
}
