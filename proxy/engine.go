package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"utmsim/failopen"
	"utmsim/internal/config"
	"utmsim/internal/quarantine"
	"utmsim/internal/stats"
	"utmsim/protocols"
	"utmsim/scanner"
	"utmsim/sessiontable"
)

// Options are what an Engine is made of. Log, NewScanner and Resolver are
// required, and a driver for each protocol the configuration listens for.
type Options struct {
	Log     *zap.Logger
	Drivers [protocols.Count]Driver
	// NewScanner makes the scanner that the configuration asks for.
	NewScanner func(*config.Engine) (scanner.Scanner, error)
	Resolver   Resolver
	// Rater finds categories; nil: every rating is an error.
	Rater Rater
	// Quarantine keeps what is blocked, where the configuration asks for it; nil keeps
	// nothing.
	Quarantine *quarantine.Store
	// Now is a monotonic clock in nanoseconds; nil is the system's.
	Now func() int64
	// OpenFiles is how many descriptors the process may have; 0: no reserve is kept.
	OpenFiles int
	// AnyPort lets the system choose the ports that are listened on, whatever the
	// configuration says; Addr tells which. Tests use it.
	AnyPort bool
}

// Engine is the proxy.
type Engine struct {
	opts     Options
	log      *zap.Logger
	now      func() int64
	table    *sessiontable.Table
	gate     gate
	memory   memory
	scans    scans
	audits   audits
	lingers  lingers
	reg      registry
	reactor  *reactor
	vdoms    atomic.Pointer[vdoms] // replaced with mu held
	worker   *stats.Worker
	rounds   rounds
	recall   recall
	events   eventLimiter
	lists    lists
	panics   stats.Counter
	clientFD int // clients get descriptors below this number,
	serverFD int // servers and pipes below this one; the rest is kept for the console
	nextID   atomic.Uint64
	set      atomic.Pointer[settings]
	draining atomic.Bool // sessions end when they come to rest
	workers  workers
	sessions sync.WaitGroup // sessions that have started
	alive    atomic.Int64   // the same, to be looked at
	stopping chan struct{}
	swept    chan struct{}

	mu        sync.Mutex // guards the fields below
	listeners map[netip.AddrPort]*listener
	down      bool                   // Shutdown has begun
	own       atomic.Pointer[places] // where they accept
}

// reserveFD are the descriptors kept for the servers of the sessions that run
// already, and a quarter of them for the console, logs and name look-ups.
const reserveFD = 128

// New makes an engine with the given configuration and starts to listen.
func New(opts Options, snap *config.Snapshot) (*Engine, error) {
	e := &Engine{
		opts: opts, log: opts.Log, now: opts.Now, clientFD: 1 << 30, serverFD: 1 << 30,
		worker:   stats.NewWorker(0, time.Now()),
		stopping: make(chan struct{}), swept: make(chan struct{}),
		listeners: map[netip.AddrPort]*listener{},
	}
	if e.now == nil {
		start := time.Now()
		e.now = func() int64 { return int64(time.Since(start)) + 1 }
	}
	if n := opts.OpenFiles; n > 0 {
		reserve := min(reserveFD, n/2)
		e.clientFD, e.serverFD = n-reserve, n-reserve/4
	}
	e.vdoms.Store(new(vdoms))
	set := newSettings(snap, nil)
	e.set.Store(set)
	e.table = sessiontable.New(set.limits)
	e.gate.machine = failopen.NewMachine(0, set.failopen)
	e.memory.entries = func() int64 { return int64(e.table.Total()) }
	e.memory.check = e.checkMemory
	e.scans.eng, e.audits.eng = e, e
	e.rounds.worker, e.rounds.report = e.worker, e.pollFailed
	e.lingers.eng, e.lingers.set = e, map[*socket]lingering{}
	e.own.Store(new(places))
	var err error
	if e.reactor, err = newReactor(&e.reg, &e.rounds); err != nil {
		return nil, err
	}
	if err := e.apply(snap); err != nil {
		e.reactor.close()
		return nil, err
	}
	go e.sweepLoop()
	return e, nil
}

func (e *Engine) settings() *settings { return e.set.Load() }

// Apply puts a new configuration in force while running. No session is lost: open
// ones keep what they began with, limits and policies count from the next
// connection. If a new listener can't be bound or a scanner can't be made,
// nothing changes and the error says why.
func (e *Engine) Apply(snap *config.Snapshot) error {
	if err := e.apply(snap); err != nil {
		return err
	}
	e.rounds.one(e.worker.ConfigEvent)
	return nil
}

func (e *Engine) apply(snap *config.Snapshot) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return ErrShutdown
	}
	e.reapVDOMs()
	in, all, err := e.planVDOMs(snap)
	if err != nil {
		return err
	}
	doors, err := allDoorways(snap, in)
	if err != nil {
		return err
	}
	for _, d := range doors {
		if d.route.driver = e.opts.Drivers[d.proto]; d.route.driver == nil {
			return fmt.Errorf("%s asks for %s, which has no driver", d.owner, d.proto)
		}
		d.route.messages, d.route.kept = &snap.Messages, e.keptOf(snap, d.route)
	}
	sc, err := e.opts.NewScanner(&snap.Engine)
	if err != nil {
		return fmt.Errorf("making the scanner: %w", err)
	}
	fresh, err := e.bindLocked(doors)
	if err != nil {
		return err
	}
	e.putInForce(newSettings(snap, in), all, sc)
	e.openLocked(doors, fresh)
	return nil
}

// putInForce switches to new settings.
func (e *Engine) putInForce(set *settings, all *vdoms, sc scanner.Scanner) {
	now, sim := e.now(), &set.snap.Simulator
	e.scans.configure(scanSettings(&set.snap.Engine, sc))
	e.memory.total.Store(sim.MemoryTotal)
	e.memory.base.Store(sim.MemoryBase)
	e.memory.perEntry.Store(sim.MemorySession)
	e.gate.mu.Lock()
	e.gate.machine.SetVDOMs(len(all.byIndex))
	for _, i := range all.added(e.vdoms.Swap(all)) {
		e.gate.machine.Forget(i)
	}
	e.set.Store(set)
	e.table.SetLimits(set.limits)
	e.gate.conserve.Thresholds = set.thresholds
	e.gate.machine.Configure(now, set.failopen, e.note)
	e.checkMemoryLocked(now)
	e.followTableLocked(now)
	e.unlockGate()
}

// bindLocked binds the doorways that have no listener yet.
func (e *Engine) bindLocked(doors []doorway) ([]*listener, error) {
	var fresh []*listener
	for _, d := range doors {
		if l := e.listeners[d.addr]; l != nil && l.asked.Port() != 0 {
			continue
		}
		l, err := e.listen(d)
		if err != nil {
			closeAll(fresh)
			return nil, err
		}
		fresh = append(fresh, l)
	}
	return fresh, nil
}

func closeAll(list []*listener) {
	for _, l := range list {
		l.sock.close()
	}
}

// openLocked starts the new listeners, gives the old ones their new routes and
// closes those that nobody asks for any more.
func (e *Engine) openLocked(doors []doorway, fresh []*listener) {
	wanted := map[netip.AddrPort]bool{}
	for _, d := range doors {
		wanted[d.addr] = true
		if l := e.listeners[d.addr]; l != nil {
			l.route.Store(d.route)
		}
	}
	for addr, l := range e.listeners {
		if !wanted[addr] {
			l.close()
			delete(e.listeners, addr)
		}
	}
	for _, l := range fresh {
		e.listeners[l.asked] = l
		go l.accept()
	}
	e.placeLocked()
}

// Shutdown stops accepting, ends sessions at rest at once, lets exchanges that
// run come to their end until ctx is over, and then closes what is left. It
// returns when nothing of the engine runs any more; the error tells that
// exchanges were cut. A configuration is not applied any more from then on, and a
// second call does nothing.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	if e.down {
		e.mu.Unlock()
		return nil
	}
	e.down = true
	for addr, l := range e.listeners {
		l.close()
		delete(e.listeners, addr)
	}
	e.mu.Unlock()
	e.draining.Store(true)
	e.eachSession((*Session).drain)
	done := make(chan struct{})
	go func() { e.sessions.Wait(); close(done) }()
	var cut error
	select {
	case <-done:
	case <-ctx.Done():
		cut = fmt.Errorf("shutting down: %d sessions were cut: %w", e.alive.Load(), context.Cause(ctx))
		e.eachSession(func(s *Session) { s.kill(ErrShutdown) })
		<-done
	}
	e.workers.close()
	e.audits.close()
	close(e.stopping)
	<-e.swept
	e.lingers.closeAll()
	e.reactor.close()
	sparePipes()
	return cut
}

// eachSession calls f for every session that has a client socket in the reactor.
func (e *Engine) eachSession(f func(*Session)) {
	e.reg.each(func(k *socket) {
		if k.sess != nil && k == k.sess.clt && !k.has(flagLingering) {
			f(k.sess)
		}
	})
}

// Addr is where the listener that was configured as a accepts: the port may have
// been chosen by the system.
func (e *Engine) Addr(a netip.AddrPort) (netip.AddrPort, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.listeners[a]; l != nil {
		return l.addr, nil
	}
	return netip.AddrPort{}, errors.New("nothing listens on " + a.String())
}
