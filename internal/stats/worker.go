package stats

import "time"

// Worker holds the blocks that exist once per process. Make one with NewWorker.
type Worker struct {
	Index      int // the n of "Worker[n]"
	Stat       WorkerStat
	_          pad
	Accounting WorkerAccounting
	_          pad

	stat, accounting block
}

// WorkerStat is the block "Worker Stat".
type WorkerStat struct {
	Running       Uptime  `line:"Running time (HH:MM:SS:usec),hms"`
	InScan        Elapsed `line:"Time in loop scanning,ms"`
	Accept        Counter `line:"Error Count (accept)"`
	Read          Counter `line:"Error Count (read)"`
	Write         Counter `line:"Error Count (write)"`
	Poll          Counter `line:"Error Count (poll)"`
	Alloc         Counter `line:"Error Count (alloc)"`
	LastError     Last    `line:"Last Error"`
	AcceptorRead  Counter `line:"Acceptor Read"`
	AcceptorWrite Counter `line:"Acceptor Write"`
	AcceptorClose Counter `line:"Acceptor Close"`
}

// WorkerAccounting is the block "Worker Accounting". The first figure of poll
// is the sum of all events counted anywhere and therefore not a counter.
type WorkerAccounting struct {
	Poll       Derived `acct:"poll"`
	PollRounds Counter `acct:"poll/rounds"`
	PollMost   Max     `acct:"poll/most"`
	PollFail   Counter `acct:"pollfail"`
	_          pad
	Cmdb       Counter `acct:"cmdb,poll"`
	Scan       Counter `acct:"scan,poll"`
	_          pad
	Acceptor   Counter `acct:"acceptor,poll"`
}

// NewWorker returns the counters of worker index, running since start.
func NewWorker(index int, start time.Time) *Worker {
	w := &Worker{Index: index}
	w.Stat.Running.Start(start)
	w.stat = bind("Worker Stat", &w.Stat)
	w.accounting = bind("Worker Accounting", &w.Accounting)
	return w
}

// Reset returns everything to zero; the running time starts again at now.
func (w *Worker) Reset(now time.Time) {
	w.stat.reset(now)
	w.accounting.reset(now)
}

// Fail counts one failed operation that belongs to no session and makes the
// Linux number of err the Last Error. The block has lines for Accept, Read,
// Write, Poll and Alloc; the other kinds count as Poll.
func (w *Worker) Fail(kind ErrorKind, err error) {
	w.errorCount(kind).Inc()
	w.Stat.LastError.Set(int64(Errno(err)))
}

func (w *Worker) errorCount(kind ErrorKind) *Counter {
	switch kind {
	case Accept:
		return &w.Stat.Accept
	case Read:
		return &w.Stat.Read
	case Write:
		return &w.Stat.Write
	case Alloc:
		return &w.Stat.Alloc
	default:
		return &w.Stat.Poll
	}
}

// Round counts one return of the poll call that brought events. Every event
// that enters the poll identity belongs to a round, so that the second figure of
// poll never exceeds the first and the third is never below their ratio: one
// that did not come from the reactor is a round of one. A return without events
// is not a round.
func (w *Worker) Round(events int) {
	if events <= 0 {
		return
	}
	w.Accounting.PollRounds.Inc()
	w.Accounting.PollMost.Observe(int64(events))
}

// PollFailed counts a poll call that returned an error.
func (w *Worker) PollFailed(err error) {
	w.Accounting.PollFail.Inc()
	w.Fail(Poll, err)
}

// ConfigEvent counts a change of configuration that reached the worker.
func (w *Worker) ConfigEvent() {
	w.Accounting.Cmdb.Inc()
	w.Round(1)
}

// ScanEvent counts a wake-up that brought one or more scan results.
func (w *Worker) ScanEvent() {
	w.Accounting.Scan.Inc()
	w.Round(1)
}

// AcceptorEvent counts a wake-up of the acceptor.
func (w *Worker) AcceptorEvent() {
	w.Accounting.Acceptor.Inc()
	w.Round(1)
}
