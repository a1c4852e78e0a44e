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

// Clients that are held in silence don't take the place of those that still have to
// read their last words.
func TestSilenceLeavesRoomForLastWords(t *testing.T) {
	stands := func(o *Options) { o.Now = func() int64 { return 1 } }
	r := newRigWith(t, "config system simulator\nset refuse polite\nend\n", stands)
	l := &r.e.lingers
	l.mu.Lock()
	l.many[lingerHang] = maxLingers
	l.mu.Unlock()
	c := r.dial()
	c.say("wait")
	assert.Equal(t, "wait", <-r.server.reached)
	assert.Equal(t, 1, r.e.DropAll())
	r.eventually(func() bool { return r.e.Sessions() == 0 }, "dropped")
	l.mu.Lock()
	assert.Len(t, l.set, 1)
	assert.Equal(t, 1, l.many[lingerDrain])
	l.mu.Unlock()
	assert.Equal(t, "SORRY", c.line())
	c.Close()
	r.server.let()
	r.eventually(func() bool { return r.e.reg.count() == 0 }, "closed by the client")
}
