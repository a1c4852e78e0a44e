//go:build unix

package console

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// tty is a pseudo-terminal and what was shown on it.
type tty struct {
	t             *testing.T
	master, slave *os.File
	read          chan struct{}

	mu    sync.Mutex // guards the field below
	shown strings.Builder
	news  chan struct{}
}

func openTTY(t *testing.T, rows, cols uint16) *tty {
	master, slave, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: cols}))
	y := &tty{t: t, master: master, slave: slave, read: make(chan struct{}), news: make(chan struct{}, 1)}
	go y.watch()
	t.Cleanup(func() {
		slave.Close()
		<-y.read
		master.Close()
	})
	return y
}

func (y *tty) watch() {
	defer close(y.read)
	buf := make([]byte, 4096)
	for {
		n, err := y.master.Read(buf)
		y.mu.Lock()
		y.shown.Write(buf[:n])
		y.mu.Unlock()
		select {
		case y.news <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (y *tty) press(keys string) {
	_, err := io.WriteString(y.master, keys)
	require.NoError(y.t, err)
}

// await waits until the terminal has shown text, and forgets all up to its end.
func (y *tty) await(text string) {
	for {
		y.mu.Lock()
		all := y.shown.String()
		if i := strings.Index(all, text); i >= 0 {
			y.shown.Reset()
			y.shown.WriteString(all[i+len(text):])
			y.mu.Unlock()
			return
		}
		y.mu.Unlock()
		select {
		case <-y.news:
		case <-y.t.Context().Done():
			y.t.Fatalf("waiting for %q; shown: %q", text, all)
		}
	}
}

func TestAttach(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	y := openTTY(t, 6, 60)
	before, err := term.GetState(int(y.slave.Fd()))
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		failed, err := dial(t, dir).Attach(t.Context(), y.slave, y.slave, io.Discard)
		assert.NoError(t, err)
		assert.False(t, failed)
	})
	y.await("FGT # ")
	y.press("get te\tprox\t\r")
	y.await("get test proxyworker ")
	y.await("1: Dump memory usage\r\n--More-- ") // five rows of six
	y.press("\x03")
	y.await("FGT # ")
	require.NoError(t, pty.Setsize(y.master, &pty.Winsize{Rows: 50, Cols: 60}))
	require.NoError(t, unix.Kill(os.Getpid(), unix.SIGWINCH)) // this process is not in the terminal's foreground
	y.press("\x10")                                           // the line again
	y.await("get test proxyworker ")
	y.press("\r    ") // the signal may be handled after the line: then there are pages to turn
	y.await("99: Restart proxy\r\n\r\nFGT # ")
	y.press("ex\x1b[Dx\x03")
	y.await("^C\r\nFGT # ")
	y.press("exit\rleft")
	done.Wait()
	after, err := term.GetState(int(y.slave.Fd()))
	require.NoError(t, err)
	assert.Equal(t, before, after, "the terminal is not as it was")
}

func TestAttachEndsWithTheServerAndTheContext(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	y := openTTY(t, 24, 80)
	var errs strings.Builder
	var done sync.WaitGroup
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	done.Go(func() {
		_, err := dial(t, dir).Attach(ctx, y.slave, y.slave, io.Discard)
		assert.ErrorIs(t, err, cause)
	})
	y.await("FGT # ")
	cancel(cause)
	done.Wait()
	done.Go(func() {
		failed, err := dial(t, dir).Attach(t.Context(), y.slave, y.slave, &errs)
		assert.NoError(t, err)
		assert.True(t, failed)
	})
	y.await("FGT # ")
	require.NoError(t, u.Close())
	done.Wait()
	assert.Equal(t, "utmsim is shutting down\n", errs.String())
}

func TestAttachWithoutATerminalExecutesLines(t *testing.T) {
	u, dir := newUnit(t), stateDir(t)
	require.NoError(t, u.Listen(dir))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = io.WriteString(w, "config system global\nset hostname lab\nend\nget system status | grep Host")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var out strings.Builder
	failed, err := dial(t, dir).Attach(t.Context(), r, &out, io.Discard)
	require.NoError(t, err)
	assert.False(t, failed)
	assert.Equal(t, "Hostname: lab\n", out.String())
}
