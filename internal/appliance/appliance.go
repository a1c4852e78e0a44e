// Package appliance puts the parts together: configuration, engine, drivers,
// scanners, name resolution, logs and console. It is the only place that knows
// which driver and which scanner there are. It contains no behaviour of its own.
package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/internal/console"
	"utmsim/internal/eventlog"
	"utmsim/internal/logfile"
	"utmsim/internal/quarantine"
	"utmsim/internal/resolver"
	"utmsim/internal/resolver/rating"
	"utmsim/protocols"
	"utmsim/protocols/ftpproxy"
	"utmsim/protocols/httpproxy"
	"utmsim/protocols/imapproxy"
	"utmsim/protocols/nntpproxy"
	"utmsim/protocols/pop3proxy"
	"utmsim/protocols/smtpproxy"
	"utmsim/proxy"
)

// Source is one configuration text; File names it in messages.
type Source struct {
	File string
	Open func() (io.ReadCloser, error)
}

// FileSource is a configuration file.
func FileSource(path string) Source {
	return Source{File: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// Options say what to start.
type Options struct {
	// Config is read in order, each on top of the one before.
	Config []Source
	// StateDir holds the control socket and the log. It is made if need be.
	StateDir string
	// Version is what the console shows.
	Version string
	// Warn gets what the configuration asks for and is not simulated, and what
	// the machine can't hold; nil discards it.
	Warn func(line string)
	// AnyPort lets the system choose every port that is listened on; Engine.Addr
	// tells which. Tests use it.
	AnyPort bool
	// OpenFiles is how many descriptors the process may have; 0: as many as the system
	// gives. Tests use it.
	OpenFiles int
	// Now is the engine's clock as in proxy.Options; nil is the system's. Tests use
	// it.
	Now func() int64
}

// Appliance is the running proxy with its console.
type Appliance struct {
	opts     Options
	log      *zap.Logger
	logFile  *logfile.File // structured records
	events   *eventlog.Log // the appliance's own lines, from the same records
	crashes  *console.Crashlog
	store    *config.Store
	resolver *resolver.Resolver
	ratings  *rating.Client
	engines  engines
	held     *quarantine.Store
	engine   *proxy.Engine
	console  *console.Console
	quit     chan struct{}
	quitOnce sync.Once
}

// Bounds of the log file: two old ones are kept.
const (
	logBytes = 16 << 20
	logKeep  = 2
)

// memoryRoom is the share of the simulated memory, in percent, above which the
// classic rule begins conserve mode.
const memoryRoom = 80

// Start reads the configuration, starts to listen and opens the control socket.
// An error leaves nothing running.
func Start(opts Options) (*Appliance, error) {
	if opts.Warn == nil {
		opts.Warn = func(string) {}
	}
	a := &Appliance{opts: opts, store: config.NewStore(), quit: make(chan struct{})}
	if err := a.load(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state folder (choose another with --state): %w", err)
	}
	var err error
	if a.logFile, err = logfile.Open(filepath.Join(opts.StateDir, "utmsim.log"), logBytes, logKeep); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	if a.events, err = eventlog.New(filepath.Join(opts.StateDir, "log"), logSettings(a.store.Snapshot())); err != nil {
		return nil, errors.Join(err, a.logFile.Close())
	}
	a.crashes = new(console.Crashlog)
	a.log = newLogger(a.logFile, a.events.Core(), a.crashes.Core())
	if err := a.run(); err != nil {
		return nil, errors.Join(err, a.events.Close(), a.logFile.Close())
	}
	return a, nil
}

// load reads the configuration texts into the store.
func (a *Appliance) load() error {
	for _, src := range a.opts.Config {
		report, err := readInto(a.store, src)
		if err != nil {
			return err
		}
		for _, line := range report.Summary() {
			a.opts.Warn(line)
		}
	}
	return nil
}

func readInto(store *config.Store, src Source) (*config.Report, error) {
	r, err := src.Open()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	defer r.Close()
	return store.Load(src.File, r)
}

// run starts everything behind the configuration.
func (a *Appliance) run() (err error) {
	snap := a.store.Snapshot()
	files, err := proxy.RaiseOpenFiles()
	if err != nil {
		a.opts.Warn(err.Error())
	}
	if n := a.opts.OpenFiles; n > 0 {
		files = n
	}
	a.warnAboutRoom(snap, files)
	a.engines.log = a.log
	if a.held, err = a.openQuarantine(); err != nil {
		return err
	}
	a.resolver = resolver.New(resolverSettings(&snap.DNS))
	a.ratings = rating.New(ratingSettings(&snap.Rating))
	a.engine, err = proxy.New(proxy.Options{
		Log: a.log, Drivers: drivers(), NewScanner: a.engines.make, Resolver: a.resolver, Rater: a.ratings, Quarantine: a.held, OpenFiles: files,
		AnyPort: a.opts.AnyPort, Now: a.opts.Now,
	}, snap)
	if err != nil {
		return errors.Join(err, a.engines.close(), a.closeQuarantine())
	}
	if err := a.engines.adopt(); err != nil {
		return errors.Join(err, a.halt())
	}
	a.console = console.New(console.Options{
		Engine: a.engine, Store: a.store, Scanning: &a.engines, Quarantine: a.held, Log: a.log, Events: a.events, Version: a.opts.Version, Shutdown: a.Quit, Ratings: a.ratings.Stats,
		Crashlog: a.crashes, StateDir: a.opts.StateDir, AnyPort: a.opts.AnyPort,
	})
	a.store.OnCommit(a.commit) // before anybody can reach the console
	if err := a.openConsole(snap); err != nil {
		return errors.Join(err, a.console.Close(), a.halt())
	}
	_, most := proxy.FilesNeeded(snap)
	a.log.Info("started", zap.String("version", a.opts.Version), zap.Int("open files", files), zap.Int("open files at most", most))
	return nil
}

// openConsole opens SSH, where it is configured, and the control socket.
func (a *Appliance) openConsole(snap *config.Snapshot) error {
	ssh, err := a.console.PrepareSSH(snap)
	if err != nil {
		return err
	}
	ssh.Apply()
	return a.console.Listen(a.opts.StateDir)
}

// halt ends what runs when the start fails.
func (a *Appliance) halt() error {
	return errors.Join(a.engine.Shutdown(context.Background()), a.engines.close(), a.closeQuarantine())
}

// warnAboutRoom says what the configured table needs and is not there.
func (a *Appliance) warnAboutRoom(snap *config.Snapshot, files int) {
	if need, _ := proxy.FilesNeeded(snap); files > 0 && need > files {
		a.opts.Warn(fmt.Sprintf("the table of %d sessions may need %d open files and the system allows %d: "+
			"raise the limit (ulimit -n %d) or lower `config system resource-limits / set proxy`", snap.Resource.Proxy, need, files, need))
	}
	if sim := &snap.Simulator; sim.MemoryBase+int64(snap.Resource.Proxy)*sim.MemorySession > sim.MemoryTotal*memoryRoom/100 {
		a.opts.Warn(fmt.Sprintf("a full table of %d sessions takes more than %d %% of the simulated memory and so leads to conserve mode: "+
			"raise `config system simulator / set memory-total`, or lower memory-session", snap.Resource.Proxy, memoryRoom))
	}
}

// drivers are the protocols that can be proxied.
func drivers() [protocols.Count]proxy.Driver {
	return [protocols.Count]proxy.Driver{
		protocols.HTTP: new(httpproxy.Driver),
		protocols.SMTP: new(smtpproxy.Driver),
		protocols.POP3: new(pop3proxy.Driver),
		protocols.IMAP: new(imapproxy.Driver),
		protocols.FTP:  new(ftpproxy.Driver),
		protocols.NNTP: new(nntpproxy.Driver),
	}
}

func resolverSettings(d *config.DNS) resolver.Settings {
	return resolver.Settings{
		Servers: d.Servers(), Timeout: d.Timeout, Retries: d.Retry, CacheEntries: d.CacheLimit, CacheTTL: d.CacheTTL,
	}
}

func ratingSettings(r *config.Rating) rating.Settings {
	s := rating.Settings{
		Server: r.Address(), Zone: r.Zone, Timeout: r.Timeout, Tries: r.Tries, Outstanding: r.Outstanding,
		CacheEntries: r.CacheLimit, CacheTTL: r.CacheTTL,
	}
	if s.CacheTTL == 0 {
		s.CacheEntries = 0
	}
	return s
}

// commit puts a changed configuration in force, or refuses it.
func (a *Appliance) commit(c config.Commit) error {
	if err := console.Veto(a.engine.Memory().Level, c); err != nil {
		return err
	}
	ssh, err := a.console.PrepareSSH(c.New)
	if err != nil {
		return err
	}
	if err := a.apply(c.New); err != nil {
		ssh.Cancel()
		return err
	}
	ssh.Apply()
	a.resolver.Configure(resolverSettings(&c.New.DNS))
	a.ratings.Configure(ratingSettings(&c.New.Rating))
	if err := a.events.Configure(logSettings(c.New)); err != nil {
		return errors.Join(err, a.apply(c.Old))
	}
	a.held.Configure(quarantineSettings(&c.New.Quarantine))
	for _, ch := range c.Changes {
		a.log.Info("configuration changed", zap.String("who", c.Who), zap.String("what", ch.What()),
			zap.Stringer("kind", ch.Kind), zap.String("vdom", cmp.Or(ch.VDOM, config.RootVDOM)), zap.String("path", ch.Path), zap.String("key", ch.Key), zap.String("setting", ch.Setting),
			zap.String("old", ch.Old), zap.String("new", ch.New))
	}
	return nil
}

// apply puts a configuration in force in the proxy, or leaves everything as it is.
func (a *Appliance) apply(snap *config.Snapshot) error {
	if err := a.engine.Apply(snap); err != nil {
		return errors.Join(err, a.engines.discard())
	}
	if err := a.engines.adopt(); err != nil {
		a.log.Warn("ending scan engines", zap.Error(err))
	}
	return nil
}

// Reload reads the configuration texts anew. When one is wrong, or can't be put
// in force, everything stays as it is.
func (a *Appliance) Reload() error {
	fresh := make([]config.Input, 0, len(a.opts.Config))
	for _, src := range a.opts.Config {
		r, err := src.Open()
		if err != nil {
			return fmt.Errorf("reloading: %w", err)
		}
		defer r.Close()
		fresh = append(fresh, config.Input{Name: src.File, Reader: r})
	}
	before := a.store.Snapshot()
	report, err := a.store.Replace("reload", fresh...)
	if err == nil && a.store.Snapshot() == before {
		err = a.store.Refresh("reload") // files that the configuration names may have changed
	}
	if err != nil {
		a.log.Error("reload refused", zap.Error(err))
		return fmt.Errorf("reloading: %w", err)
	}
	for _, line := range report.Summary() {
		a.opts.Warn(line)
	}
	a.log.Info("configuration reloaded")
	return nil
}

// Listening tells what the appliance listens on, a line each.
func (a *Appliance) Listening() []string {
	lines, err := proxy.Doorways(a.store.Snapshot())
	if err != nil {
		return []string{err.Error()} // can't be: the engine runs with it
	}
	return lines
}

// Console is the console of the appliance.
func (a *Appliance) Console() *console.Console { return a.console }

// Engine is the proxy itself.
func (a *Appliance) Engine() *proxy.Engine { return a.engine }

// Quit asks whoever runs the appliance to stop it; see Done.
func (a *Appliance) Quit() { a.quitOnce.Do(func() { close(a.quit) }) }

// Done is closed when somebody has asked for the end.
func (a *Appliance) Done() <-chan struct{} { return a.quit }

// Stop ends everything: exchanges that run get the configured grace time.
func (a *Appliance) Stop() error {
	grace := a.store.Snapshot().Simulator.ShutdownGrace
	ctx, cancel := context.WithTimeoutCause(context.Background(), grace, fmt.Errorf("%s of grace are over", grace))
	defer cancel()
	err := a.engine.Shutdown(ctx)
	if err != nil {
		a.log.Warn("stopped", zap.Error(err))
	} else {
		a.log.Info("stopped")
	}
	return errors.Join(a.console.Close(), a.engines.close(), a.closeQuarantine(), a.events.Close(), a.logFile.Close())
}
