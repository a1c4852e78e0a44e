package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"utmsim/internal/lab/load"
)

// Protocol is everything the harness knows of one application protocol.
type Protocol struct {
	Name        string
	Transaction string // what is repeated over a kept connection, in the table
	Sizes       Sizes
	// Origin is run in a process of its own. It has an object of each size, in this
	// order.
	Origin func(address string, sizes ...int64) (Origin, error)
	// Relay is the plainest proxy, also run in a process of its own.
	Relay func(address, server string) (Origin, error)
	// Script is a client that moves the object of that number, counted from 0, and
	// size over and over, and knows what must arrive.
	Script     func(number int, size int64) load.Script
	Contenders []Contender
}

// Origin is a running server, or a relay to one.
type Origin interface {
	io.Closer
	Addr() string
}

// Sizes are the objects of a comparison, in bytes.
type Sizes struct {
	Small    int64 `json:"small"`    // of the transactions
	Medium   int64 `json:"medium"`   // moved in parallel
	Large    int64 `json:"large"`    // below the limit, so that it is held and scanned
	Oversize int64 `json:"oversize"` // above it, so that it passes
	LimitMB  int   `json:"limit_mb"` // oversize-limit of utmsim
}

// list has the objects in the order in which the origin numbers them.
func (s Sizes) list() []int64 { return []int64{s.Small, s.Medium, s.Large, s.Oversize} }

// object is a number in Sizes.list.
type object int

const (
	small object = iota
	medium
	large
	oversize
	objects
)

// scripts are the clients of a run, made when first needed: it takes a while to
// know what a large object must look like.
type scripts [objects]func() load.Script

func newScripts(p Protocol) *scripts {
	var all scripts
	for number, size := range p.Sizes.list() {
		all[number] = sync.OnceValue(func() load.Script { return p.Script(number, size) })
	}
	return &all
}

// Subject is what is being measured.
type Subject struct {
	Address string // where clients connect
	PID     int    // of the proxy; 0 when there is none
	scripts *scripts
}

// target is the load that moves an object.
func (s Subject) target(o object) load.Target {
	return load.Target{Address: s.Address, Script: s.scripts[o]()}
}

// probe succeeds when the origin answers through the subject.
func (s Subject) probe(ctx context.Context) error {
	target := s.target(small)
	target.Timeout = time.Second
	result, err := load.NewSessions(ctx, target, load.Limit{Connections: 1, Duration: time.Second, Requests: 1})
	if err != nil {
		return err
	}
	if result.Transactions == 0 {
		return errors.New("no answer: " + strings.Join(newSample(result).Notes, ", "))
	}
	return nil
}

// Measure is one kind of load and what is read off it.
type Measure struct {
	Name    string
	Columns []Column
	PerIdle func(sessions int) Column // one more column for each of Settings.Idle; may be nil
	Fresh   bool                      // needs a process that has done nothing yet
	Once    bool                      // is the same in every round: taken in the first only
	Take    func(ctx context.Context, subject Subject, settings Settings) (Sample, error)
}

// columns returns all columns of the measure under settings.
func (m Measure) columns(settings Settings) []Column {
	columns := slices.Clone(m.Columns)
	if m.PerIdle != nil {
		for _, sessions := range settings.Idle {
			columns = append(columns, m.PerIdle(sessions))
		}
	}
	return columns
}

// Column is one figure in the table.
type Column struct {
	Key    string // in Sample.Values and in the JSON
	Title  string
	Digits int  // behind the decimal point
	Ratio  bool // to the first contender, which stands for no proxy
}

// Sample is one round's outcome. Columns without a value were not measurable,
// and a note says why if it isn't plain.
type Sample struct {
	Values map[string]float64
	Notes  []string // failures and shortfalls, for people
}

// Settings are the sizes of the load.
type Settings struct {
	Duration    time.Duration `json:"duration_ns"` // of each timed measure
	Connections int           `json:"connections"` // of the measures with many clients
	Idle        []int         `json:"idle"`        // sessions at rest, ascending
	Settle      time.Duration `json:"settle_ns"`   // before memory is read, for collectors and pools to come to rest
	Rounds      int           `json:"rounds"`
}

// Contender is one proxy, or none.
type Contender struct {
	Name  string // on the command line
	Title string // in the table
	Scans bool
	// Start brings it up in front of origin. A Missing error says that it can't
	// be compared on this machine.
	Start func(ctx context.Context, at *Site, origin string) (*Process, error)
}

// Missing is the reason why a contender is left out.
type Missing string

func (m Missing) Error() string { return string(m) }

// sizeTitle is a size for people: 4 KiB, 1 MiB.
func sizeTitle(size int64) string {
	switch {
	case size >= 1<<20 && size%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", size>>20)
	case size >= 1<<10 && size%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", size>>10)
	}
	return fmt.Sprintf("%d B", size)
}
