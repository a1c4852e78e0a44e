package console

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// Who talks no SSH pays with its time. At the first wrong byte nothing more is read
// from it, which costs nothing here and stops a client that writes, and its
// connection ends failDelay later: noise in a loop comes once a second from each
// client that makes it. Others aren't concerned, whatever address they have: SSH is
// told from noise by what is said, not by who says it. When noise has all the places
// that there are for it, it is closed at once and newcomers are taken at a pace; who
// comes meanwhile waits in the queue of the system.
const (
	maxNoise  = 64
	noisePace = 5 * time.Millisecond
)

// greeting is how every client's first line begins (RFC 4253, section 4.2). Lines
// before it are for servers only.
const greeting = "SSH-"

var errNoise = errors.New("the client talks no SSH")

// noise are the places of connections that wait for their end.
type noise chan struct{}

// hold keeps a connection waiting until ctx or failDelay since began is over, if
// there is a place for it.
func (n noise) hold(ctx context.Context, began time.Time) {
	select {
	case n <- struct{}{}:
	default:
		return
	}
	defer func() { <-n }()
	wait(ctx, failDelay-time.Since(began))
}

// pace waits a little if all places are taken.
func (n noise) pace(ctx context.Context) {
	if len(n) == cap(n) {
		wait(ctx, noisePace)
	}
}

// wait waits until d or ctx is over.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// hearing is what has been heard of a client so far.
type hearing struct {
	right int         // bytes of greeting
	over  atomic.Bool // the connection has failed or come to its end
}

// hear takes the next bytes, or the error that came instead. It fails at the first
// byte that no SSH client sends.
func (h *hearing) hear(said []byte, err error) error {
	if err != nil {
		h.over.Store(true)
	}
	for _, b := range said[:min(len(said), len(greeting)-h.right)] {
		if b != greeting[h.right] {
			return errNoise
		}
		h.right++
	}
	return err
}

// wasNoise tells whether a login failed because of what the client said, and not
// because of who it is or because it has left.
func (h *hearing) wasNoise(err error) bool {
	var refused *ssh.ServerAuthError
	var broken *net.OpError
	return errors.Is(err, errNoise) || !h.over.Load() && !errors.As(err, &refused) && !errors.As(err, &broken)
}
