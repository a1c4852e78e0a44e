package console

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"utmsim/internal/config"
	"utmsim/internal/eventlog"
	"utmsim/internal/quarantine"
	"utmsim/internal/resolver/rating"
	"utmsim/proxy"
)

// Options are what a Console works on. Engine, Store, Log
// and Shutdown are required.
type Options struct {
	Engine *proxy.Engine
	Store  *config.Store
	// Scanning is what "diagnose sim scanner" shows and turns.
	Scanning Scanning
	// Quarantine is what "diagnose antivirus quarantine" shows; nil shows nothing.
	Quarantine *quarantine.Store
	Log        *zap.Logger
	Events     *eventlog.Log
	// Shutdown is what "execute shutdown" calls. It asks for the end and returns.
	Shutdown func()
	// Crashlog is what "diagnose debug crashlog" shows; nil shows nothing.
	Crashlog *Crashlog
	// Ratings is what the client of the rating zone has done.
	Ratings func() rating.Stats
	// StateDir holds the SSH host key and backups of the configuration.
	StateDir string
	// AnyPort lets the system choose the port of SSH; SSHAddr tells which. Tests use
	// it.
	AnyPort bool
	// Version of the program, for "get system status".
	Version string
}

// Console is the command line of one appliance. Its methods may be called from
// any goroutine; each session has a state of its own.
type Console struct {
	opts    Options
	trees   [2]trees // by persona
	started time.Time
	life    context.Context         // until Close
	end     context.CancelCauseFunc // of life
	serving sync.WaitGroup          // accept loops and connections
	ssh     *sshServer
	meter   meter

	mu        sync.Mutex // guards the fields below
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
}

// trees are the grammar of one persona.
type trees struct {
	top   *node
	scope *node // of config global and config vdom, where the top level's commands work too
}

// New makes a console, which has to be closed.
func New(opts Options) *Console {
	life, end := context.WithCancelCause(context.Background())
	c := &Console{
		opts: opts, started: time.Now(),
		life: life, end: end,
		listeners: map[net.Listener]struct{}{}, conns: map[net.Conn]struct{}{},
	}
	for p := range c.trees {
		persona := config.Persona(p)
		c.trees[p] = trees{newTree(persona), newScopeTree(persona)}
	}
	c.ssh = newSSHServer(c)
	c.meter.read(c.started, c.opts.Engine)
	c.serving.Go(func() { c.meter.run(life, c.opts.Engine) })
	return c
}

// Exec executes lines in the name of who and writes what they print to out, with
// LF line ends and without prompts. Config mode lasts from one line to the next;
// all lines are executed, also after one that failed. ok is false when a line
// failed, or the last one left something open: a config block, whose changes are
// then dropped, or a quote.
func (c *Console) Exec(who string, lines []string, out io.Writer) (ok bool) {
	s := newStream(c, operator{who: who}, out, out)
	for _, line := range lines {
		s.line(line)
	}
	return s.end()
}
