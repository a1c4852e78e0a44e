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
	"utmsim/proxy"
)

// Options are what a Console works on. All but Version are required.
type Options struct {
	Engine *proxy.Engine
	Store  *config.Store
	// Scanning is what "diagnose sim scanner" shows and turns.
	Scanning Scanning
	Log      *zap.Logger
	Events   *eventlog.Log
	// Shutdown is what "execute shutdown" calls. It asks for the end and returns.
	Shutdown func()
	// Version of the program, for "get system status".
	Version string
}

// Console is the command line of one appliance. Its methods may be called from
// any goroutine; each session has a state of its own.
type Console struct {
	opts    Options
	tree    *node // of the top level
	scope   *node // of config global and config vdom, where the top level's commands work too
	started time.Time
	life    context.Context         // until Close
	end     context.CancelCauseFunc // of life
	serving sync.WaitGroup          // accept loops and connections

	mu        sync.Mutex // guards the fields below
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
}

// New makes a console.
func New(opts Options) *Console {
	life, end := context.WithCancelCause(context.Background())
	return &Console{
		opts: opts, tree: newTree(), scope: newScopeTree(), started: time.Now(),
		life: life, end: end,
		listeners: map[net.Listener]struct{}{}, conns: map[net.Conn]struct{}{},
	}
}

// Exec executes lines in the name of who and writes what they print to out, with
// LF line ends and without prompts. Config mode lasts from one line to the next;
// all lines are executed, also after one that failed. ok is false when a line
// failed, or the last one left something open: a config block, whose changes are
// then dropped, or a quote.
func (c *Console) Exec(who string, lines []string, out io.Writer) (ok bool) {
	s := newStream(c, who, out, out)
	for _, line := range lines {
		s.line(line)
	}
	return s.end()
}
