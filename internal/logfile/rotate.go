package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// sink is an open file.
type sink interface {
	io.WriteCloser
	Sync() error
}

// openFunc opens path for appending and tells its size. Tests put a full disk here.
type openFunc func(path string) (sink, int64, error)

// openFile refuses what is not a regular file before it opens it: a pipe would block,
// and a rotation would rename a device away.
func openFile(path string) (sink, int64, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a regular file")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err = file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

func (f *File) openLocked() error {
	sink, size, err := f.open(f.path)
	if err != nil {
		return err
	}
	f.sink, f.size = sink, size
	return nil
}

// closeLocked closes the file. That it may complain is noted; there is nothing to do.
func (f *File) closeLocked() {
	if f.sink == nil {
		return
	}
	if err := f.sink.Close(); err != nil {
		f.noteLocked(fmt.Errorf("closing log %s: %w", f.path, err))
	}
	f.sink = nil
}

// makeRoomLocked sees to it that the file is open and has room for need more bytes,
// which are no more than max.
func (f *File) makeRoomLocked(need int) error {
	if f.sink == nil {
		if err := f.openLocked(); err != nil {
			return fmt.Errorf("opening log %s again: %w", f.path, err)
		}
	}
	if f.size+int64(need) <= f.max {
		return nil
	}
	if err := f.rotateLocked(); err != nil {
		return fmt.Errorf("rotating log %s: %w", f.path, err)
	}
	return nil
}

// rotateLocked makes the file the first of the old ones and begins a new one. The file
// is closed first, for Windows renames no open file. After a failure none is open; the
// next batch opens path again and tries once more.
func (f *File) rotateLocked() error {
	f.closeLocked()
	if f.keep == 0 {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return f.openLocked()
	}
	free, err := f.freeNumber()
	if err != nil {
		return err
	}
	for n := free; n > 0; n-- {
		if err := os.Rename(f.old(n-1), f.old(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.openLocked()
}

// freeNumber returns the lowest number that no old file has, or the highest one
// allowed. Moving only the files below it keeps rotations that fail half-way, again and
// again, from pushing the old files out one by one.
func (f *File) freeNumber() (int, error) {
	for n := 1; n < f.keep; n++ {
		_, err := os.Lstat(f.old(n))
		if errors.Is(err, fs.ErrNotExist) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return f.keep, nil
}

// prune removes the old files above keep, which an earlier setting has left.
func (f *File) prune() error {
	for n := f.keep + 1; ; n++ {
		err := os.Remove(f.old(n))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("removing old log: %w", err)
		}
	}
}

// old returns the name of the nth file before the current one, which is the 0th.
func (f *File) old(n int) string {
	if n == 0 {
		return f.path
	}
	return f.path + "." + strconv.Itoa(n)
}
