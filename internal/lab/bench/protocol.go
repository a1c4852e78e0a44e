package bench

import (
	"context"
	"io"
	"slices"
	"time"
)

// Protocol is everything the harness knows of one application protocol.
type Protocol struct {
	Name       string
	Origin     func(address string) (Origin, error)            // run in a process of its own
	Probe      func(ctx context.Context, address string) error // succeeds when the origin answers through address
	Measures   []Measure
	Contenders []Contender
}

// Origin is a running server.
type Origin interface {
	io.Closer
	Addr() string
}

// Protocols returns the protocols that can be measured. A further one is one
// more element.
func Protocols() []Protocol {
	return []Protocol{HTTP()}
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

// Subject is what is being measured.
type Subject struct {
	Address string // where clients connect
	PID     int    // of the proxy; 0 when there is none
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
