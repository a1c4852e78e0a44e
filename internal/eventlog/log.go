package eventlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"utmsim/internal/logfile"
)

// Settings are what the configuration says about the log.
type Settings struct {
	Format   Format
	Zone     *time.Location // of dates and times; nil: as they come
	Hostname string         // of the appliance, in messages to the syslog server
	Memory   int64          // bytes of the newest lines kept in memory; 0: none
	Disk     int64          // bytes of one file on disk; 0: none is written
	Syslog   SyslogSettings
}

// Log takes lines in and keeps them. Create one with New; its methods may be called
// from any goroutine.
type Log struct {
	dir      string
	settings atomic.Pointer[Settings]
	memory   ring

	mu     sync.RWMutex // guards the fields below; writers only when settings change
	disk   map[Category]*logfile.File
	syslog *sender
	gone   Losses // of sinks that were closed
}

// Losses is how many lines a sink could not take.
type Losses struct {
	Disk, Syslog uint64
}

// keepFiles is how many old files are kept beside the one that is being written.
const keepFiles = 4

// New makes a log whose files lie in dir, which is made when it is needed.
func New(dir string, s Settings) (*Log, error) {
	l := &Log{dir: dir}
	l.settings.Store(new(Settings))
	if err := l.Configure(s); err != nil {
		return nil, err
	}
	return l, nil
}

// Configure puts settings in force. After an error, the old ones stay. Lines go to
// the new sinks while an old syslog server still takes what waits for it.
func (l *Log) Configure(s Settings) error {
	before, err := l.change(s)
	l.retire(before)
	return err
}

// change puts settings in force and returns the sender that is to be retired.
func (l *Log) change(s Settings) (before *sender, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.settings.Load()
	if s.Disk != old.Disk {
		disk, err := l.openDisk(s.Disk)
		if err != nil {
			return nil, err
		}
		l.closeDiskLocked()
		l.disk = disk
	}
	if s.Syslog != old.Syslog || s.Hostname != old.Hostname {
		before, l.syslog = l.syslog, nil
		if s.Syslog.Server != "" {
			l.syslog = newSender(s.Syslog, s.Hostname)
		}
	}
	l.memory.limit(s.Memory)
	l.settings.Store(&s)
	return before, nil
}

// retire ends a sender that gets no more lines; nil is none.
func (l *Log) retire(s *sender) {
	if s == nil {
		return
	}
	s.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone.Syslog += s.dropped.Load()
}

// openDisk opens a file for each category.
func (l *Log) openDisk(bytes int64) (map[Category]*logfile.File, error) {
	if bytes == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the log: %w", err)
	}
	disk := map[Category]*logfile.File{}
	for _, c := range categories {
		f, err := logfile.Open(l.path(c), bytes, keepFiles)
		if err != nil {
			for _, opened := range disk {
				err = errors.Join(err, opened.Close())
			}
			return nil, err
		}
		disk[c] = f
	}
	return disk, nil
}

func (l *Log) path(c Category) string { return filepath.Join(l.dir, c.file()+".log") }

// add hands a line to every sink.
func (l *Log) add(line Line) error {
	l.memory.add(line)
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.syslog != nil {
		l.syslog.send(line)
	}
	if f := l.disk[line.Category]; f != nil {
		_, err := f.Write([]byte(line.Text + "\n"))
		return err
	}
	return nil
}

// Lines are the lines of a category that are kept in memory, oldest first.
func (l *Log) Lines(c Category) []Line { return l.memory.lines(c) }

// Files are the category's files on disk, oldest first, whether they exist or not.
// They are complete after Flush.
func (l *Log) Files(c Category) []string {
	var out []string
	for n := keepFiles; n > 0; n-- {
		out = append(out, fmt.Sprintf("%s.%d", l.path(c), n))
	}
	return append(out, l.path(c))
}

// Flush writes to disk what waits.
func (l *Log) Flush() error { return l.sync() }

// Lost tells how many lines were lost.
func (l *Log) Lost() Losses {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lostLocked()
}

func (l *Log) lostLocked() Losses {
	d := l.gone
	for _, f := range l.disk {
		d.Disk += f.Dropped()
	}
	if l.syslog != nil {
		d.Syslog += l.syslog.dropped.Load()
	}
	return d
}

// Clear forgets the lines in memory.
func (l *Log) Clear() { l.memory.clear() }

func (l *Log) sync() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var err error
	for _, f := range l.disk {
		err = errors.Join(err, f.Sync())
	}
	return err
}

func (l *Log) closeDiskLocked() (err error) {
	for _, f := range l.disk {
		err = errors.Join(err, f.Close())
		l.gone.Disk += f.Dropped()
	}
	l.disk = nil
	return err
}

// Close ends all sinks: what waits for the disk is written, what waits for the syslog
// server is sent if that takes it at once.
func (l *Log) Close() error {
	l.mu.Lock()
	before, err := l.syslog, l.closeDiskLocked()
	l.syslog = nil
	l.mu.Unlock()
	l.retire(before)
	return err
}
