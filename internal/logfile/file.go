// Package logfile writes a log into files of bounded size and bounded number:
// path is being written, path.1 was before it, path.2 before that.
//
// It deliberately does not know what an entry is made of: one call of Write is one
// entry, which is never divided between two files. It does not expect another
// process to write or to rotate the same files.
package logfile

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushEvery is how long an entry waits in memory at most, the disk allowing.
	flushEvery = time.Second
	// bufferSize is how many bytes wait in memory at most, twice while they are
	// being written. At half of it the flusher is woken, so that a Write seldom
	// finds the buffer full.
	bufferSize = 256 << 10
)

// File is a log that rotates. Create it with Open. It may be used from many
// goroutines at once, and is a zapcore.WriteSyncer.
type File struct {
	path string
	max  int64 // bytes of one file
	keep int   // old files

	dropped atomic.Uint64
	wake    chan struct{} // has room for one call of the flusher
	quit    chan struct{} // closed to end the flusher
	ended   chan struct{} // closed when it has

	disk sync.Mutex // guards the fields below and the files; taken before mu
	open openFunc
	sink sink  // nil after a failure, until the file can be opened again
	size int64 // of the file behind sink
	idle batch // takes the place of pending when that is written
	err  error // the first failure not yet told by Sync

	mu      sync.Mutex // guards the fields below; never held across a system call
	pending batch
	closed  bool
}

// Open opens path for appending, or creates it, readable by its owner alone. No file
// grows above max bytes, which must be positive; keep old files are kept beside it,
// and those with higher numbers removed. Nothing but a regular file can be opened.
func Open(path string, max int64, keep int) (*File, error) {
	f, err := open(path, max, keep, openFile)
	if err != nil {
		return nil, fmt.Errorf("opening log %s: %w", path, err)
	}
	return f, nil
}

func open(path string, max int64, keep int, opener openFunc) (*File, error) {
	if max <= 0 {
		return nil, fmt.Errorf("its size limit is %d bytes: want more than 0", max)
	}
	if keep < 0 {
		return nil, fmt.Errorf("the number of old files is %d: want 0 or more", keep)
	}
	f := &File{
		path: path, max: max, keep: keep, open: opener,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := f.openLocked(); err != nil {
		return nil, err
	}
	if err := f.prune(); err != nil {
		return nil, errors.Join(err, f.sink.Close())
	}
	go f.flusher()
	return f, nil
}

// Write adds p as one entry. It copies p into memory and returns; only when the
// buffer is full does it wait for the disk. That the disk did not take an entry later
// is told by Dropped and Sync. An entry longer than a file may be is refused and
// counted as dropped; after Close the error is os.ErrClosed.
func (f *File) Write(p []byte) (int, error) {
	if int64(len(p)) > f.max {
		f.dropped.Add(1)
		return 0, fmt.Errorf("writing %d bytes to log %s: longer than a file may be (%d)", len(p), f.path, f.max)
	}
	for {
		added, err := f.add(p)
		if err != nil {
			return 0, fmt.Errorf("writing to log %s: %w", f.path, err)
		}
		if added {
			return len(p), nil
		}
		f.flush()
	}
}

// add puts p into the buffer unless that is full.
func (f *File) add(p []byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false, os.ErrClosed
	}
	waiting := len(f.pending.bytes)
	if waiting > 0 && waiting+len(p) > bufferSize {
		return false, nil
	}
	f.pending.add(p)
	if len(f.pending.bytes) >= bufferSize/2 {
		select {
		case f.wake <- struct{}{}:
		default: // it has been called already
		}
	}
	return true, nil
}

// Sync writes everything that waits in memory, down to the medium, and returns the
// first failure since the last Sync.
func (f *File) Sync() error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return fmt.Errorf("syncing log %s: %w", f.path, os.ErrClosed)
	}
	f.flushLocked()
	if f.sink != nil {
		f.noteLocked(f.sink.Sync())
	}
	return f.takeErrLocked()
}

// Close writes what waits in memory, ends the flusher and closes the file. It returns
// what Sync would have. Closing again does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	again := f.closed
	f.closed = true
	f.mu.Unlock()
	if again {
		return nil
	}
	close(f.quit)
	<-f.ended

	f.disk.Lock()
	defer f.disk.Unlock()
	f.flushLocked()
	if f.sink != nil {
		f.noteLocked(f.sink.Sync())
	}
	f.closeLocked()
	return f.takeErrLocked()
}

// Dropped returns how many entries were lost so far: because the disk was full or
// failed, or because they were too long.
func (f *File) Dropped() uint64 { return f.dropped.Load() }

// flusher writes what waits every second, and when it is called, until Close.
func (f *File) flusher() {
	defer close(f.ended)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-f.quit:
			return
		case <-ticker.C:
		case <-f.wake:
		}
		f.flush()
	}
}
