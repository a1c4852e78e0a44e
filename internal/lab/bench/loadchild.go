package bench

import (
	"context"
	"fmt"
	"strconv"

	"utmsim/internal/lab/load"
)

// The kinds of load that a child makes.
const (
	loadKept = "kept" // one transaction after the other over kept connections
	loadNew  = "new"  // a new session for each
)

// loadArguments are those of Child for so many clients that move a protocol's small
// object through a proxy until the child is ended.
func loadArguments(p Protocol, address, kind string, clients int) []string {
	return []string{"load", p.Name, address, kind, strconv.Itoa(clients)}
}

// loading is load under way in this process.
type loading struct {
	address string
	cancel  context.CancelFunc
	over    chan error
}

func (l *loading) Addr() string { return l.address }

// Close ends the load and returns what kept it from running.
func (l *loading) Close() error {
	l.cancel()
	return <-l.over
}

// startLoad reads "ADDRESS KIND CLIENTS".
func startLoad(p Protocol, arguments []string) (Origin, error) {
	if len(arguments) != 3 {
		return nil, fmt.Errorf("starting a load: want an address, a kind and a number, not %q", arguments)
	}
	makeLoad, ok := map[string]func(context.Context, load.Target, load.Limit) (load.Result, error){
		loadKept: load.KeepAlive, loadNew: load.NewSessions,
	}[arguments[1]]
	if !ok {
		return nil, fmt.Errorf("starting a load: there is no kind %q", arguments[1])
	}
	clients, err := strconv.Atoi(arguments[2])
	if err != nil {
		return nil, fmt.Errorf("starting a load: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &loading{address: arguments[0], cancel: cancel, over: make(chan error, 1)}
	target := load.Target{Address: l.address, Script: p.Script(int(small), p.Sizes.Small)}
	go func() {
		_, err := makeLoad(ctx, target, load.Limit{Connections: clients, Duration: load.MaxDuration})
		l.over <- err
	}()
	return l, nil
}
