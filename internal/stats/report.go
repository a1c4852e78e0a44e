package stats

import (
	"time"

	"utmsim/protocols"
)

// Unit says what a line's value counts and how it is printed.
type Unit uint8

// The units.
const (
	Plain       Unit = iota // a number
	Kilobytes               // bytes, printed in units of 1024: "667012 (kb)"
	HourClock               // nanoseconds, printed HH:MM:SS:usec
	MinuteClock             // nanoseconds, printed M:SS:usec
)

// Line is one figure of a block. A label that holds a slash names a further
// part of the pair before it: poll, poll/rounds, poll/most.
type Line struct {
	Label string
	Value int64
	Unit  Unit

	wrap, poll bool
	at         time.Time // when a Last was set
}

// Block is the image of one block, its lines in print order.
type Block struct {
	Title string
	Lines []Line
}

// Get is the value of the line with that label, and whether there is one.
func (b *Block) Get(label string) (int64, bool) {
	if l := b.line(label); l != nil {
		return l.Value, true
	}
	return 0, false
}

func (b *Block) line(label string) *Line {
	for i := range b.Lines {
		if b.Lines[i].Label == label {
			return &b.Lines[i]
		}
	}
	return nil
}

// Common is what the session table says about one protocol, in entries.
type Common struct {
	Current int // in use now
	Limit   int // the maximum printed behind it
	Peak    int // the line "Max Concurrent Connections"
}

// Report is the image of all blocks in plain numbers: what is rendered, checked
// and compared. Sum makes one; Common and Pool are filled in by the caller.
type Report struct {
	Index int    // of the worker
	VDOM  string // the name when the report is of one virtual domain alone
	Pool  int    // entries that all protocols share, 0 when each has its own

	Common           [protocols.Count]Common
	Worker           Block // "Worker Stat"
	WorkerAccounting Block // empty in the report of one virtual domain
	Stat             [protocols.Count]Block
	Accounting       [protocols.Count]Block
	Ledger           [protocols.Count]LedgerReport
}

// Sum takes the image of a worker and the virtual domains it serves at now:
// sums of what is summed, the largest of what is a maximum, the newest of what
// was last. With a nil worker the blocks of the worker stay empty. While traffic
// runs the lines are read one after the other, not at one instant.
func Sum(now time.Time, w *Worker, vdoms ...*VDOM) *Report {
	r := new(Report)
	for _, v := range vdoms {
		for p := range protocols.Count {
			v.stat[p].foldInto(&r.Stat[p], now)
			v.accounting[p].foldInto(&r.Accounting[p], now)
			r.Ledger[p].add(&v.ledgers[p])
		}
	}
	if w == nil {
		return r
	}
	r.Index = w.Index
	w.stat.foldInto(&r.Worker, now)
	w.accounting.foldInto(&r.WorkerAccounting, now)
	r.WorkerAccounting.line("poll").Value = r.pollEvents()
	return r
}

// SumVDOM takes the image of one virtual domain.
func SumVDOM(now time.Time, v *VDOM) *Report {
	r := Sum(now, nil, v)
	r.VDOM = v.Name
	return r
}

// pollEvents is the first figure of poll: every event that any block counts.
func (r *Report) pollEvents() int64 {
	n := r.WorkerAccounting.events()
	for p := range r.Accounting {
		n += r.Accounting[p].events()
	}
	return n
}

func (b *Block) events() int64 {
	n := int64(0)
	for i := range b.Lines {
		if b.Lines[i].poll {
			n += b.Lines[i].Value
		}
	}
	return n
}
