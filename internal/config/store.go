package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// factory is the configuration of a new unit, beyond the defaults of the settings.
const factory = `
config system admin
    edit "admin"
        set accprofile "super_admin"
    next
end
config antivirus quarantine
    set store-infected imap smtp pop3 http ftp nntp
    set store-blocked imap smtp pop3 http ftp nntp
    set store-heuristic imap smtp pop3 http ftp nntp
end
config firewall profile-protocol-options
    edit "default"
        set comment "All default services."
        config smtp
            set options splice
        end
        config ftp
            set options splice bypass-rest-command bypass-mode-command
        end
        config nntp
            set options splice
        end
    next
end
config antivirus profile
    edit "default"
        set comment "Scan files and block viruses."
        config http
            set options scan
        end
        config smtp
            set options scan
        end
        config pop3
            set options scan
        end
        config imap
            set options scan
        end
        config ftp
            set options scan
        end
        config nntp
            set options scan
        end
    next
end
config webfilter profile
    edit "default"
        set comment "Default web filtering."
    next
end
config spamfilter profile
    edit "default"
        set comment "Spam filtering that is switched off."
    next
end
`

// Store is the live configuration. Its methods may be called from any goroutine.
type Store struct {
	live    atomic.Pointer[version]
	factory *node

	mu       sync.Mutex         // serialises commits; held while onCommit runs, which is what makes a veto final
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
	Changes  []Change // empty for Refresh alone
}

// NewStore returns a store with the factory configuration.
func NewStore() *Store {
	l, err := load(newNode(language, new(token)), nil, "factory", factory)
	if err != nil {
		panic("config: " + err.Error())
	}
	s := &Store{factory: l.root}
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

// Input is a configuration file.
type Input struct {
	Name   string // for errors and reports
	Reader io.Reader
}

// Load reads a file on top of what is there, all of it or, on an error, nothing. An
// error in a line is a *FileError. The report lists what is not simulated.
func (s *Store) Load(name string, r io.Reader) (*Report, error) {
	return s.read(name, []Input{{name, r}}, func() *node { return s.live.Load().root })
}

// Replace puts files, one on top of the other on top of the factory configuration,
// in the place of what is there; without files that is a reset. Otherwise it is like
// Load. who is the name of the change for OnCommit.
func (s *Store) Replace(who string, files ...Input) (*Report, error) {
	return s.read(who, files, func() *node { return s.factory })
}

func (s *Store) read(who string, files []Input, base func() *node) (*Report, error) {
	texts := make([]string, len(files))
	for i, in := range files {
		var err error
		if texts[i], err = readFile(in.Name, in.Reader); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	root, report := base(), new(Report)
	var loaded []*loader
	for i, in := range files {
		l, err := load(root, s.factory, in.Name, texts[i])
		if err != nil {
			return nil, err
		}
		root = l.root
		report.Skipped = append(report.Skipped, l.skipped...)
		loaded = append(loaded, l)
	}
	if f := s.commitLocked(who, root); f != nil {
		return nil, blame(f, who, loaded)
	}
	return report, nil
}

// blame names the file and line that a fault comes from; a veto has neither.
func blame(f *fault, who string, loaded []*loader) error {
	if f.veto != nil {
		return fmt.Errorf("%s: %w", who, f.veto)
	}
	for _, l := range slices.Backward(loaded) {
		if line := l.lineOf(f); line > 0 {
			return l.fail(line, f.err)
		}
	}
	what := Change{VDOM: f.vdom, Path: f.path, Key: f.key, Setting: f.sub + f.setting}.What()
	return fmt.Errorf("%s: %s: %w", who, what, f.err)
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

// Refresh has OnCommit's function called with the configuration as it is, so that
// files which it names are read again. The error is what that function says.
func (s *Store) Refresh(who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.onCommit == nil {
		return nil
	}
	now := s.live.Load().snap
	return s.onCommit(Commit{Old: now, New: now, Who: who})
}

func (s *Store) commitLocked(who string, root *node) *fault {
	old := s.live.Load()
	next := &version{root: root, snap: snapshot(root)}
	if f := validate(root, next.snap); f != nil {
		return f
	}
	list := changes(old.root, root, s.factory)
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
// full all settings, else those that differ from the factory's or that a file has
// set. Replace reads it back.
func (s *Store) Write(w io.Writer, full bool) error {
	p := printer{full: full, file: true}
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
