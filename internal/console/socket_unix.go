//go:build unix

package console

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lockName is the file whose lock says that a program uses the folder. Unlike the
// socket it can't be left behind: the system drops the lock with the process.
const lockName = "control.lock"

// lockFolder makes the folder this program's until the lock is closed.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errOccupied(dir)
	}
	return nil, fmt.Errorf("locking the state folder: %w", err)
}

// stagingPattern names the folder in which the socket is made.
const stagingPattern = ".new*"

// listenPrivate listens on a socket that only its owner can ever have connected
// to: it is made in a folder of its own and moved when its mode is right, in the
// place of one that is left over.
func listenPrivate(path string) (net.Listener, error) {
	staging, err := os.MkdirTemp(filepath.Dir(path), stagingPattern)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(staging)
	at := filepath.Join(staging, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(at, 0o600); err == nil {
		err = os.Rename(at, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
