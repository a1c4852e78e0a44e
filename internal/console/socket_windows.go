package console

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

const lockName = "control.lock"

// lockFolder makes the folder this program's until the lock is closed: the file
// is opened without sharing, which the system undoes with the process.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil, errOccupied(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	return os.NewFile(uintptr(h), path), nil
}

const stagingPattern = ""

// listenPrivate listens on a socket in the place of one that is left over. Who may
// connect is up to the folder's access list.
func listenPrivate(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}
