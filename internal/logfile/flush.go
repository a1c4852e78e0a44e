package logfile

import (
	"fmt"
	"os"
)

// batch is a run of entries.
type batch struct {
	bytes []byte
	ends  []int // of each entry in bytes
}

func (b *batch) add(p []byte) {
	b.bytes = append(b.bytes, p...)
	b.ends = append(b.ends, len(b.bytes))
}

// start returns where entry i begins.
func (b *batch) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

// emptied returns b for use again, unless one huge entry has made it so.
func (b *batch) emptied() batch {
	if cap(b.bytes) > 2*bufferSize {
		return batch{}
	}
	return batch{bytes: b.bytes[:0], ends: b.ends[:0]}
}

func (f *File) flush() {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.flushLocked()
}

// flushLocked writes what waits in memory. Writers go on meanwhile in the other buffer.
func (f *File) flushLocked() {
	f.mu.Lock()
	b := f.pending
	f.pending = f.idle
	f.mu.Unlock()
	f.storeLocked(&b)
	f.idle = b.emptied()
}

// storeLocked writes the entries of b, as many at once as fit into the file. At the
// first failure the rest is dropped: to keep it would only fill the memory as well.
func (f *File) storeLocked(b *batch) {
	for next := 0; next < len(b.ends); {
		if err := f.makeRoomLocked(b.ends[next] - b.start(next)); err != nil {
			f.dropLocked(len(b.ends)-next, err)
			return
		}
		upTo := next + 1
		for upTo < len(b.ends) && f.size+int64(b.ends[upTo]-b.start(next)) <= f.max {
			upTo++
		}
		written, err := f.appendLocked(b, next, upTo)
		next += written
		if err != nil {
			f.dropLocked(len(b.ends)-next, err)
			return
		}
	}
}

// appendLocked writes the entries from next to upTo and returns how many of them are
// in the file. After a failure no part of another is, and the file is opened anew for
// the next batch, which helps when it was the file that failed and not the disk.
func (f *File) appendLocked(b *batch, next, upTo int) (int, error) {
	start := b.start(next)
	n, err := f.sink.Write(b.bytes[start:b.ends[upTo-1]])
	if err == nil {
		f.size += int64(n)
		return upTo - next, nil
	}
	written := 0
	for next+written < upTo && b.ends[next+written] <= start+n {
		written++
	}
	f.closeLocked()
	if torn := start + n - b.start(next+written); torn > 0 {
		f.noteLocked(cut(f.path, f.size+int64(b.start(next+written)-start)))
	}
	return written, fmt.Errorf("writing to log %s: %w", f.path, err)
}

// cut shortens path to size bytes. A file that somebody else has made shorter than
// that is left alone.
func cut(path string, size int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("finding the end of log %s: %w", path, err)
	}
	if info.Size() <= size {
		return nil
	}
	if err := os.Truncate(path, size); err != nil {
		return fmt.Errorf("removing a torn entry from log %s: %w", path, err)
	}
	return nil
}

func (f *File) dropLocked(entries int, err error) {
	f.dropped.Add(uint64(entries))
	f.noteLocked(err)
}

// noteLocked keeps err for Sync to tell, unless it has an earlier one to tell.
func (f *File) noteLocked(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *File) takeErrLocked() error {
	err := f.err
	f.err = nil
	return err
}
