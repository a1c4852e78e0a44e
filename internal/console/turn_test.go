package console

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTurns: so many log in at a time, who takes long goes on without a turn, and
// who has left doesn't wait for one.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := make(turns, maxTurns)
		begun := time.Now()
		quick := all.take(t.Context())
		for range maxTurns - 1 {
			all.take(t.Context())
		}
		assert.Len(t, all, maxTurns)
		gone, leave := context.WithCancel(t.Context())
		leave()
		all.take(gone)()
		assert.Len(t, all, maxTurns, "it had no turn to give back")

		got := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				defer all.take(t.Context())()
				got <- time.Since(begun)
			}()
		}
		synctest.Wait()
		assert.Empty(t, got)
		quick()
		quick() // once is enough
		assert.Zero(t, <-got, "in the place of who was quick")
		assert.Zero(t, <-got, "in the place of that one")
		time.Sleep(turnTime)
		synctest.Wait()
		assert.Empty(t, all, "nobody has a turn for longer")
	})
}

// TestNewcomerSpeaksOnce: the turn is asked for when the first bytes arrive, not
// before, and not again.
func TestNewcomerSpeaksOnce(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	spoke := 0
	n := newNewcomer(here, func() { spoke++ })
	go func() {
		io.WriteString(there, "SSH-2.0-x\r\n")
		there.Close()
	}()
	assert.Zero(t, spoke)
	b := make([]byte, 1)
	_, err := n.Read(b)
	require.NoError(t, err)
	assert.Equal(t, 1, spoke)
	rest, err := io.ReadAll(n)
	require.NoError(t, err)
	assert.Equal(t, "SSH-2.0-x\r\n", string(b)+string(rest))
	assert.Equal(t, 1, spoke)
}
