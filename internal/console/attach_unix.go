//go:build unix

package console

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// sizeChanges tells when the terminal may have another size, until forget.
func sizeChanges() (changed <-chan os.Signal, forget func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, unix.SIGWINCH)
	return ch, func() { signal.Stop(ch) }
}

// interruptible is a terminal whose Read can be ended from outside: a read that
// was left behind would swallow the first key typed after the console.
type interruptible struct {
	f          *os.File
	wake, woke *os.File // a pipe: Read waits for its end too
	once       sync.Once
}

func newInterruptible(f *os.File) (*interruptible, error) {
	woke, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &interruptible{f: f, wake: wake, woke: woke}, nil
}

// Read waits for keys; after interrupt it is io.EOF.
func (i *interruptible) Read(p []byte) (int, error) {
	fds := []unix.PollFd{
		{Fd: int32(i.f.Fd()), Events: unix.POLLIN},
		{Fd: int32(i.woke.Fd()), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for keys: %w", err)
		case fds[1].Revents != 0:
			return 0, io.EOF
		}
		return i.f.Read(p)
	}
}

// interrupt ends a Read that waits and all that follow.
func (i *interruptible) interrupt() { i.once.Do(func() { i.wake.Close() }) }

// close frees what Read waits on; nobody reads any more.
func (i *interruptible) close() error { return i.woke.Close() }
