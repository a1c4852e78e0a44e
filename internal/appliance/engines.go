package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/internal/eventlog"
	"utmsim/scanner"
	"utmsim/scanner/builtin"
	"utmsim/scanner/clamd"
	"utmsim/scanner/health"
	"utmsim/scanner/icap"
	"utmsim/scanner/remote"
	"utmsim/scanner/simulated"
)

// engines makes the scan engines that the configuration asks for. Those whose
// settings stay the same live on from one configuration to the next, with their
// connections and what is known about them.
type engines struct {
	log  *zap.Logger
	dial simulated.Dial

	mu    sync.Mutex // guards the fields below
	live  lineup     // in force
	fresh *lineup    // made, and not yet in force; nil for none
}

// lineup is the engines of one configuration.
type lineup struct {
	list  []*engine
	cache *scanner.Cache // nil: no verdicts are remembered
	limit int            // of cache
}

// engine is one engine that runs.
type engine struct {
	made    string // what it was made from
	scanner scanner.Scanner
	version func() string
	state   func() health.State
	close   func() error
}

// make is the scanner for a configuration. It is in force when adopt was called;
// discard gives it up.
func (e *engines) make(c *config.Engine) (scanner.Scanner, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.discardLocked()
	next := &lineup{cache: e.live.cache, limit: c.ScanCache}
	e.fresh = next
	var chain scanner.Chain
	for _, kind := range c.Engines {
		one, merr := e.engineLocked(kind, c)
		if merr != nil {
			return nil, errors.Join(merr, err, e.discardLocked())
		}
		next.list = append(next.list, one)
		chain = append(chain, one.scanner)
	}
	s := e.dial.Wrap(only(chain))
	switch {
	case next.limit == 0:
		next.cache = nil
		return s, err
	case next.cache == nil || e.live.limit != next.limit:
		next.cache = scanner.NewCache(next.limit)
	}
	return next.cache.Wrap(s, next.version), err
}

// only is the one element of a chain, or the chain.
func only(chain scanner.Chain) scanner.Scanner {
	if len(chain) == 1 {
		return chain[0]
	}
	return chain
}

// version tells apart sets of engines, and what they know.
func (l *lineup) version() string {
	var all []string
	for _, one := range l.list {
		all = append(all, one.version())
	}
	return strings.Join(all, "\n")
}

// engineLocked is the engine that runs already, or a new one.
func (e *engines) engineLocked(kind config.ScanEngine, c *config.Engine) (*engine, error) {
	made, err := recipe(kind, c)
	if err != nil {
		return nil, err
	}
	for _, one := range e.live.list {
		if one.made == made {
			return one, nil
		}
	}
	one, err := e.start(kind, c)
	if err != nil {
		return nil, err
	}
	one.made = made
	if kind == config.EngineSimulated || slices.Contains(c.Simulated.Wrap, kind) {
		one.scanner = simulated.Wrap(one.scanner, timing(&c.Simulated))
	}
	return one, nil
}

// start makes an engine.
func (e *engines) start(kind config.ScanEngine, c *config.Engine) (*engine, error) {
	switch kind {
	case config.EngineBuiltin:
		db, err := builtin.Open(c.SignatureFiles...)
		if err != nil {
			return nil, err
		}
		s, err := builtin.With(db)
		if err != nil {
			return nil, err
		}
		return local(kind.String(), fmt.Sprintf("%s, %d signatures from files", s.Version(), db.Len()), s), nil
	case config.EngineClamd:
		network, address, err := remote.SplitAddress(c.Clamd.Address)
		if err != nil {
			return nil, fmt.Errorf("clamd: %w", err)
		}
		return e.watched(kind, c, clamd.New(clamd.Options{
			Network: network, Address: address, StreamMax: c.Clamd.StreamMax, ConnectTimeout: c.Clamd.ConnectTimeout,
		})), nil
	case config.EngineICAP:
		return e.watched(kind, c, icap.New(icap.Options{
			Address: c.ICAP.Address, Reqmod: c.ICAP.Reqmod, Respmod: c.ICAP.Respmod,
			NoPreview: !c.ICAP.Preview, ConnectTimeout: c.ICAP.ConnectTimeout,
		})), nil
	case config.EngineSimulated:
		return local(kind.String(), fmt.Sprintf("%d rules", len(c.Simulated.Rules)), simulated.New(uint64(c.Simulated.Seed), rules(&c.Simulated))), nil
	}
	return nil, fmt.Errorf("there is no scan engine %s", kind)
}

// counted is an engine of this process, which is always there.
type counted struct {
	scanner.Scanner
	scans, errors atomic.Int64
}

// Scan implements scanner.Scanner.
func (c *counted) Scan(ctx context.Context, obj *scanner.Object) (scanner.Verdict, error) {
	v, err := c.Scanner.Scan(ctx, obj)
	if err != nil {
		c.errors.Add(1)
		return v, err
	}
	c.scans.Add(1)
	return v, nil
}

// local is an engine of this process.
func local(name, version string, s scanner.Scanner) *engine {
	c, since := &counted{Scanner: s}, time.Now()
	return &engine{
		scanner: c,
		version: func() string { return version },
		close:   func() error { return nil },
		state: func() health.State {
			return health.State{Name: name, Known: true, Up: true, Since: since, Version: version, Scans: c.scans.Load(), Errors: c.errors.Load()}
		},
	}
}

// watched is an engine in another process.
func (e *engines) watched(kind config.ScanEngine, c *config.Engine, remote health.Engine) *engine {
	w := health.New(remote, health.Options{Name: kind.String(), Interval: c.HealthInterval, Changed: e.changed})
	return &engine{scanner: w, version: w.Version, state: w.State, close: w.Close}
}

// changed writes down that an engine went or came back.
func (e *engines) changed(s health.State) {
	if s.Up {
		e.log.Info(eventlog.EngineUp, zap.String("engine", s.Name), zap.String("version", s.Version), zap.Int64("errors", s.Errors))
		return
	}
	e.log.Warn(eventlog.EngineDown, zap.String("engine", s.Name), zap.Error(s.Err))
}

// adopt puts what was made last in force and ends the engines that are not needed
// any more. Scans that run with them come to their end.
func (e *engines) adopt() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fresh == nil {
		return nil
	}
	old := e.live
	e.live, e.fresh = *e.fresh, nil
	return closeEngines(old.list, e.live.list)
}

// discard ends what was made last and will not be in force.
func (e *engines) discard() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.discardLocked()
}

func (e *engines) discardLocked() error {
	if e.fresh == nil {
		return nil
	}
	made := e.fresh.list
	e.fresh = nil
	return closeEngines(made, e.live.list)
}

// close ends all engines.
func (e *engines) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.discardLocked()
	old := e.live
	e.live = lineup{}
	return errors.Join(err, closeEngines(old.list, nil))
}

// closeEngines closes those of list that are not kept.
func closeEngines(list, kept []*engine) error {
	var failed error
	for _, one := range list {
		if !slices.Contains(kept, one) {
			failed = errors.Join(failed, one.close())
		}
	}
	return failed
}

// States is what is known about the engines in force, in the order in which they are
// asked.
func (e *engines) States() (list []health.State) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.live.list {
		list = append(list, one.state())
	}
	return list
}

// Cache is how full the cache of verdicts is and what it has saved; limit 0 means
// that there is none.
func (e *engines) Cache() (entries, limit int, hits, misses int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.live.cache == nil {
		return 0, 0, 0, 0
	}
	hits, misses = e.live.cache.Counts()
	return e.live.cache.Len(), e.live.limit, hits, misses
}

// Dial slows down and breaks all engines together.
func (e *engines) Dial() *simulated.Dial { return &e.dial }
