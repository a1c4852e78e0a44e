package config

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// factory is the configuration of a new unit, beyond the defaults of the settings.
const factory = `
config firewall profile-protocol-options
    edit "default"
        set comment "All default services."
    next
end
config antivirus profile
    edit "default"
        set comment "Scan files and block viruses."
        config http
            set options scan
        end
    next
end
`

// Store is the live configuration. Its methods may be called from any goroutine.
type Store struct {
	live    atomic.Pointer[version]
	factory *node

	mu       sync.Mutex         // serialises commits; held while onCommit runs, which is what makes a veto final
	base     *node              // what Replace starts from
	onCommit func(Commit) error // see OnCommit
}

// version is one committed configuration.
type version struct {
	root *node
	snap *Snapshot
}

// Commit is a change that is about to be made.
type Commit struct {
	Old, New *Snapshot
	Who      string   // the session or file it comes from
	Changes  []Change // never empty
}

// NewStore returns a store with the factory configuration.
func NewStore() *Store {
	l, err := load(newNode(language, new(token)), "factory", factory)
	if err != nil {
		panic("config: " + err.Error())
	}
	s := &Store{factory: l.root, base: l.root}
	s.live.Store(&version{root: l.root, snap: snapshot(l.root)})
	return s
}

// Snapshot is the configuration in force.
func (s *Store) Snapshot() *Snapshot { return s.live.Load().snap }

// OnCommit has f called for each change, after all checks and before it is in
// force. When f returns an error there is no change, and who asked for it reads the
// error. Commits wait for f; f may read the store but not change it. There is one f:
// a later one takes the place of the former, and nil removes it.
func (s *Store) OnCommit(f func(Commit) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCommit = f
}

// Load reads a file on top of what is there, all of it or, on an error, nothing. An
// error in a line is a *FileError. The report lists what is not simulated.
func (s *Store) Load(name string, r io.Reader) (*Report, error) {
	return s.read(name, r, func() *node { return s.live.Load().root })
}

// Replace puts a file on top of the base (MarkBase, else the factory configuration)
// in the place of what is there. Otherwise it is like Load.
func (s *Store) Replace(name string, r io.Reader) (*Report, error) {
	return s.read(name, r, func() *node { return s.base })
}

// Restore puts a file, a backup that Write has written, on top of the factory
// configuration in the place of what is there. Otherwise it is like Load.
func (s *Store) Restore(name string, r io.Reader) (*Report, error) {
	return s.read(name, r, func() *node { return s.factory })
}

// MarkBase makes what is there now the base of Replace.
func (s *Store) MarkBase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = s.live.Load().root
}

func (s *Store) read(name string, r io.Reader, base func() *node) (*Report, error) {
	text, err := readFile(name, r)
	if err != nil {
		return nil, err
	}
	var l *loader
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, err = load(base(), name, text); err != nil {
		return nil, err
	}
	f := s.commitLocked(name, l.root)
	switch {
	case f == nil:
		return &l.report, nil
	case f.veto != nil:
		return nil, fmt.Errorf("%s: %w", name, f.veto)
	}
	return nil, l.fail(l.lineOf(f), f.err)
}

// commit makes the tree that build returns the configuration in force. build gets
// the tree in force, which can't change meanwhile.
func (s *Store) commit(who string, build func(live *node) (*node, *CLIError)) *CLIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	root, err := build(s.live.Load().root)
	if err != nil {
		return err
	}
	if f := s.commitLocked(who, root); f != nil {
		return f.err
	}
	return nil
}

func (s *Store) commitLocked(who string, root *node) *fault {
	old := s.live.Load()
	next := &version{root: root, snap: snapshot(root)}
	if f := validate(root, next.snap); f != nil {
		return f
	}
	list := changes(old.root, root)
	if len(list) == 0 {
		next.snap = old.snap
	} else if s.onCommit != nil {
		if err := s.onCommit(Commit{Old: old.snap, New: next.snap, Who: who, Changes: list}); err != nil {
			return vetoed(err)
		}
	}
	s.live.Store(next)
	return nil
}

// vetoed is the fault of a change that whoever runs by the configuration refuses. An
// error that is a *CLIError is shown as it is.
func vetoed(err error) *fault {
	var own *CLIError
	if !errors.As(err, &own) {
		own = discarded(err.Error())
	}
	return &fault{err: own, veto: err}
}

// Write writes the configuration as a file, what is not simulated included: with
// full all settings, else those that differ from the factory's. Restore reads it
// back.
func (s *Store) Write(w io.Writer, full bool) error {
	p := printer{full: full}
	p.root(s.live.Load().root, s.factory)
	text := strings.Join(p.out, "\n")
	if text != "" {
		text += "\n"
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
