// Package quarantine keeps copies of what was blocked, in a folder that is bounded in
// bytes, files and time and survives a restart.
//
// Whoever hands something in never waits for the disk: a copy is taken into a bounded
// queue, and a goroutine of the store's own writes it. What has been promised and could
// not be written is told to Failed.
//
// The package does not know what is bad, nor when something is to be kept: it does what
// it is asked for, within its settings.
package quarantine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Settings bound what is kept.
type Settings struct {
	On        bool
	MaxFile   int64         // bytes of one file; 0: no limit of its own
	Quota     int64         // bytes of all; 0: DefaultQuota
	Age       time.Duration // since a file was seen last; 0: for ever
	Overwrite bool          // the oldest make room for a new one; otherwise the new one is not kept
}

// Limits besides the settings.
const (
	DefaultQuota = 1 << 30
	MaxFiles     = 10_000   // files
	maxWaiting   = 64 << 20 // bytes that wait for the disk; so no file is larger
	maxQueue     = 1024     // writes and removals that wait
	agePeriod    = time.Minute
)

// Reasons for not keeping something.
var (
	ErrOff      = errors.New("the quarantine is off")
	ErrTooLarge = errors.New("larger than a quarantined file may be")
	ErrFull     = errors.New("the quarantine is full")
	ErrBusy     = errors.New("too much waits to be written to the quarantine")
	ErrClosed   = errors.New("the quarantine is closed")
)

// Item is what is to be kept.
type Item struct {
	Name        string // file name, may be empty
	Service     string // "http"
	Status      string // "infected"
	Description string
	Size        int64
	Body        io.ReaderAt // read before Keep returns
}

// Options are what a store is made of.
type Options struct {
	// Dir is the folder. It is made when there is something to keep.
	Dir string
	// Failed is told of a file that was promised and could not be kept, or not be removed.
	Failed func(name string, err error)
	Now    func() time.Time
}

// Store is a quarantine. It has to be closed.
type Store struct {
	opts   Options
	create func(path string) (file, error)
	wake   chan struct{} // something is queued; holds one

	mu      sync.Mutex // guards the fields below
	set     Settings
	files   map[string]*File   // by name
	digests map[[32]byte]*File // by content
	used    int64              // bytes of files
	waiting int64              // bytes in queue, and those being copied
	queue   []job              // in order
	working bool               // a job is under way
	idle    []chan<- struct{}  // to be closed when nothing is queued
	closed  bool
	done    chan struct{}
}

// File is what is known about a kept file. Duplicates are not stored: they count.
type File struct {
	Name        string    `json:"name"` // in the folder: CRC-32 and processed name
	Checksum    string    `json:"checksum"`
	Digest      string    `json:"sha256"`
	Size        int64     `json:"size"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	Service     string    `json:"service"`
	Status      string    `json:"status"`
	Description string    `json:"description"`
	Count       int       `json:"duplicates"` // how many more there were

	gone  bool // removed: what is queued about it is void
	noted bool // a change of it is queued
}

// job is one thing to do on the disk. A nil body removes the file, or with note writes
// what is known about it.
type job struct {
	file *File
	body []byte
	note bool
}

// Open reads what the folder holds. One that isn't there is an empty quarantine.
func Open(opts Options) (*Store, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Store{
		opts: opts, create: createFile, wake: make(chan struct{}, 1), done: make(chan struct{}),
		files: map[string]*File{}, digests: map[[32]byte]*File{},
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("opening the quarantine: %w", err)
	}
	go s.run()
	return s, nil
}

// Configure changes the settings. What is kept already stays, as long as it is not too
// old.
func (s *Store) Configure(set Settings) {
	if set.Quota == 0 {
		set.Quota = DefaultQuota
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = set
	s.ageLocked()
}

// Keep takes a copy and tells its name. The error says why it is not kept.
func (s *Store) Keep(item Item) (name string, err error) {
	if err := s.reserve(item.Size); err != nil {
		return "", err
	}
	body := make([]byte, item.Size)
	if n, err := item.Body.ReadAt(body, 0); int64(n) < item.Size {
		s.unreserve(item.Size)
		return "", fmt.Errorf("reading what is to be kept: %w", err)
	}
	sum := sumOf(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	if f := s.digests[sum.digest]; f != nil {
		s.waiting -= item.Size
		f.Count++
		f.Last = now
		s.noteLocked(f)
		return f.Name, nil
	}
	if err := s.makeRoomLocked(item.Size); err != nil {
		s.waiting -= item.Size
		return "", err
	}
	f := &File{
		Checksum: sum.checksum(), Digest: sum.hex(), Size: item.Size, First: now, Last: now,
		Service: item.Service, Status: item.Status, Description: cut(item.Description, maxDescription),
	}
	f.Name = s.freeNameLocked(f.Checksum + "." + processed(item.Name))
	s.addLocked(f, sum.digest)
	s.queueLocked(job{file: f, body: body})
	return f.Name, nil
}

// reserve looks whether a file of that size may be taken at all, and keeps room in the
// queue for it.
func (s *Store) reserve(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch set := &s.set; {
	case s.closed:
		return ErrClosed
	case !set.On:
		return ErrOff
	case set.MaxFile > 0 && size > set.MaxFile, size > set.Quota, size > maxWaiting:
		return ErrTooLarge
	case s.waiting+size > maxWaiting, len(s.queue) >= maxQueue:
		return ErrBusy
	}
	s.waiting += size
	return nil
}

func (s *Store) unreserve(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= size
}

// makeRoomLocked lets the oldest go for a file of that size, if that is allowed.
func (s *Store) makeRoomLocked(size int64) error {
	fits := func() bool { return s.used+size <= s.set.Quota && len(s.files) < MaxFiles }
	if s.set.Overwrite && !fits() {
		for _, f := range s.listLocked() {
			if s.removeLocked(f); fits() {
				break
			}
		}
	}
	if !fits() {
		return ErrFull
	}
	return nil
}

func (s *Store) addLocked(f *File, digest [32]byte) {
	s.files[f.Name], s.digests[digest] = f, f
	s.used += f.Size
}

// removeLocked forgets a file and has it removed.
func (s *Store) removeLocked(f *File) {
	s.forgetLocked(f)
	s.queueLocked(job{file: f})
}

func (s *Store) forgetLocked(f *File) {
	if f.gone {
		return
	}
	f.gone = true
	delete(s.files, f.Name)
	delete(s.digests, digestOf(f.Digest))
	s.used -= f.Size
}

// noteLocked has what is known about a file written anew, once for all changes until
// then.
func (s *Store) noteLocked(f *File) {
	if !f.noted {
		f.noted = true
		s.queueLocked(job{file: f, note: true})
	}
}

func (s *Store) queueLocked(j job) {
	s.queue = append(s.queue, j)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// listLocked is all files, those that were seen longest ago first.
func (s *Store) listLocked() []*File {
	list := make([]*File, 0, len(s.files))
	for _, f := range s.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *File) int {
		if c := a.Last.Compare(b.Last); c != 0 {
			return c
		}
		return compareNames(a.Name, b.Name)
	})
	return list
}

// List is what is kept, those that were seen longest ago first.
func (s *Store) List() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]File, 0, len(s.files))
	for _, f := range s.listLocked() {
		out = append(out, *f)
	}
	return out
}

// Use is how many bytes are kept, and the settings in force.
func (s *Store) Use() (used int64, set Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used, s.set
}

// Delete removes the file with that name, or those with that checksum, and tells how
// many.
func (s *Store) Delete(which string) int {
	return s.deleteIf(func(f *File) bool { return f.Name == which || f.Checksum == which })
}

// Purge removes all files and tells how many.
func (s *Store) Purge() int { return s.deleteIf(func(*File) bool { return true }) }

func (s *Store) deleteIf(is func(*File) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.listLocked() {
		if is(f) {
			s.removeLocked(f)
			n++
		}
	}
	return n
}

// ageLocked removes what is too old.
func (s *Store) ageLocked() {
	if s.set.Age == 0 {
		return
	}
	limit := s.opts.Now().Add(-s.set.Age)
	for _, f := range s.files {
		if f.Last.Before(limit) {
			s.removeLocked(f)
		}
	}
}
